/**
 * The evaluators that there are: those that measure, those whose resources had a name in quotas
 * before `count/…`, and one that counts for everything else.
 *
 * Upstream: pkg/quota/v1/evaluator/core/registry.go, pkg/quota/v1/install/registry.go, v1.36.
 */
import { type GroupResource, groupResourceName } from '../meta/object.ts';
import { DEVICE_CLAIM_EVALUATOR } from './device-claims.ts';
import { type Evaluator, objectCountName } from './evaluator.ts';
import { POD_EVALUATOR } from './pods.ts';
import { SERVICE_EVALUATOR } from './services.ts';
import { VOLUME_CLAIM_EVALUATOR } from './volume-claims.ts';

/** Those that look into the objects; the others are satisfied with metadata. */
export const MEASURING_EVALUATORS: readonly Evaluator[] = [
  POD_EVALUATOR,
  SERVICE_EVALUATOR,
  VOLUME_CLAIM_EVALUATOR,
  DEVICE_CLAIM_EVALUATOR,
];

/** Counted under their bare names too: `secrets` as well as `count/secrets`. */
const PLAINLY_NAMED = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'];

/** Not stored, or never limited: events. */
const NEVER_COUNTED = new Set([
  'bindings',
  'componentstatuses',
  'tokenreviews.authentication.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'events',
  'events.events.k8s.io',
]);

/** What counts the objects of a resource, custom ones too; undefined for what has no quota. */
export function countingEvaluator(resource: GroupResource): Evaluator | undefined {
  const name = groupResourceName(resource);
  if (NEVER_COUNTED.has(name)) return undefined;
  const names = [objectCountName(resource), ...(PLAINLY_NAMED.includes(name) ? [name] : [])];
  return {
    resource,
    covers: (asked) => names.includes(asked),
    isInScope: () => false,
    usage: () => Object.fromEntries(names.map((each) => [each, '1'])),
    charges: ({ operation, subresource }) => operation === 'CREATE' && subresource === '',
    isFreedBy: () => false,
  };
}

const MEASURING = new Map(
  MEASURING_EVALUATORS.map((each) => [groupResourceName(each.resource), each] as const),
);

/** Who knows what objects of a resource use; undefined for what has no quota. */
export function evaluatorOf(resource: GroupResource): Evaluator | undefined {
  return MEASURING.get(groupResourceName(resource)) ?? countingEvaluator(resource);
}

/** The resource that a name of `spec.hard` counts objects of: `count/jobs.batch`, `secrets`. */
export function countedResource(name: string): GroupResource | undefined {
  if (PLAINLY_NAMED.includes(name)) return { group: '', resource: name };
  if (!name.startsWith('count/')) return undefined;
  const [resource = '', ...group] = name.slice('count/'.length).split('.');
  return { group: group.join('.'), resource };
}
