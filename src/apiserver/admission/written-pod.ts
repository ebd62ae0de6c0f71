/** The pod of a request that makes or changes one, and no view of it. */
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { Attributes, Operation } from './admission.ts';
import { isFor, PODS } from './targets.ts';

/** Undefined for anything else. */
export function writtenPod(
  attributes: Attributes,
  operations: readonly Operation[] = ['CREATE', 'UPDATE'],
): (Pod & { spec: PodSpec }) | undefined {
  const { operation, subresource } = attributes;
  if (!isFor(attributes, PODS) || subresource !== '' || !operations.includes(operation))
    return undefined;
  const pod = attributes.object as Pod | undefined;
  return pod?.spec === undefined ? undefined : (pod as Pod & { spec: PodSpec });
}
