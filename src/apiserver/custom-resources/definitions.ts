/** Small questions to a custom resource definition. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '#api/gen/apiextensions-v1.ts';
import { timeText } from '#api/meta/time.ts';

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

export function nameOf(definition: CustomResourceDefinition): string {
  return definition.metadata?.name ?? '';
}

/** The revision at which the definition became what it is. */
export function revisionOf(definition: CustomResourceDefinition): number {
  return Number(definition.metadata?.resourceVersion ?? 0);
}

/** Where the objects lie, below `/registry/`. */
export function storagePrefixOf({ spec }: CustomResourceDefinition): string {
  return `${spec?.group ?? ''}/${spec?.names.plural ?? ''}`;
}

export function isConditionTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
}

export function isTerminating({ metadata }: CustomResourceDefinition): boolean {
  return metadata?.deletionTimestamp !== undefined;
}

/** `conditions` with `next` in its place; its time changes with its status alone. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  next: Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>,
  nowMs: number,
): CustomResourceDefinitionCondition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const turned = before === undefined || before.status !== next.status;
  const lastTransitionTime = turned ? timeText(nowMs) : (before.lastTransitionTime ?? '');
  const made = { ...next, lastTransitionTime };
  return before === undefined
    ? [...conditions, made]
    : conditions.map((one) => (one === before ? made : one));
}
