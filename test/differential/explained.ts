/**
 * Differences that shall stay, each with its reason: random by nature, a bug of upstream's with its
 * number, a documented extension of ours. What is not built is never in this list.
 */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '#api/meta/json.ts';
import { ACCESS_EXPLANATIONS } from './access/explained.ts';
import type { Difference } from './compare.ts';
import type { Answer } from './model.ts';

export interface Explanation {
  readonly why: string;
  covers(difference: Difference): boolean;
}

/** The managed fields of an answer, in whatever order they came. */
function managers({ body }: Answer): readonly string[] {
  const metadata = isJsonObject(body) ? body['metadata'] : undefined;
  const list = isJsonObject(metadata) ? metadata['managedFields'] : undefined;
  return Array.isArray(list) ? list.map((entry) => JSON.stringify(entry)).toSorted() : [];
}

/** Upstream's handler has panicked: the connection ends without an answer. */
const ABORTED = 'socket hang up';

const EXPLANATIONS: readonly Explanation[] = [
  {
    why: 'upstream panics (nil pointer) on selectableFields beside a schema that is not structural: ValidateCustomResourceSelectableFields looks into the schema that NewStructural has not made; we answer 422',
    covers: ({ kind, ours, theirs, request }) =>
      kind === 'apiextensions.k8s.io/CustomResourceDefinition' &&
      theirs.body === ABORTED &&
      ours.status === 422 &&
      JSON.stringify(request.body).includes('"selectableFields"'),
  },
  {
    why: 'upstream gives a row of IPAddresses a cell (its age) that no column of the Table names: pkg/printers/internalversion/printers.go, printIPAddress',
    covers: ({ groups }) =>
      groups.length === 1 &&
      groups[0] === 'networking.k8s.io/IPAddress: object rows[].cells has another length',
  },
  {
    why: 'upstream panics (division by zero) on a step of 0, kubernetes/kubernetes#139653; we answer 422',
    covers: ({ kind, ours, theirs, request }) =>
      kind === 'resource.k8s.io/ResourceSlice' &&
      theirs.body === ABORTED &&
      ours.status === 422 &&
      JSON.stringify(request.body).includes('"step":"0"'),
  },
  {
    why: 'upstream panics (nil pointer) on an Indexed Job with a success policy and without completions, which it looks at before it has said that they are required; we answer 422',
    covers: ({ kind, ours, theirs, request }) =>
      kind === 'batch/Job' &&
      theirs.body === ABORTED &&
      ours.status === 422 &&
      /successPolicy/.test(JSON.stringify([request.body, ours.body])),
  },
  {
    why: 'managed fields stand in the order of their times, which are in seconds: writes of a story fall into one second or into two',
    covers: ({ kind, groups, ours, theirs }) =>
      kind === 'stories' &&
      groups.every((group) => group.startsWith('stories: object metadata.managedFields')) &&
      isDeepStrictEqual(managers(ours), managers(theirs)),
  },
  {
    why: 'a token of 2^32 seconds, the longest there is, expires in a year that is not taken for the time of a run',
    covers: ({ groups, request }) =>
      groups.length === 1 &&
      groups[0] === 'core/ServiceAccount: object status.expirationTimestamp differs' &&
      JSON.stringify(request.body).includes('"expirationSeconds":4294967296'),
  },
];

/** Where the difference is that of the second corpus. */
const ALL_EXPLANATIONS: readonly Explanation[] = [...EXPLANATIONS, ...ACCESS_EXPLANATIONS];

/** Why `difference` shall stay; undefined when it is a fault of ours. */
export function explanationOf(difference: Difference): string | undefined {
  return ALL_EXPLANATIONS.find((explanation) => explanation.covers(difference))?.why;
}
