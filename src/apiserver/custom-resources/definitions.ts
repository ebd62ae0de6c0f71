/** Small questions to a custom resource definition. */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../admission/targets.ts';

/** The definitions, in the version that the server itself writes. */
export const DEFINITIONS = { ...CUSTOM_RESOURCE_DEFINITIONS, version: 'v1' } as const;

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

export function isBeingDeleted({ metadata }: CustomResourceDefinition): boolean {
  return metadata?.deletionTimestamp !== undefined;
}
