/** All cases: those that find nothing stored but the namespace, then those about stored objects. */
import { createHash } from 'node:crypto';
import type { AnyKind } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import type { Json } from '#api/meta/object.ts';
import { createCases, fieldValidationCases } from './create-cases.ts';
import { goldenCases, isGolden } from './golden-cases.ts';
import { collectionUrl, NAMESPACE } from './kind-urls.ts';
import type { Case, CaseRequest } from './model.ts';
import { objectsOf } from './objects.ts';
import { patchCases } from './patch-cases.ts';
import { MARK, readCases } from './read-cases.ts';
import { isAsked } from './sample.ts';
import { storyCases } from './stories.ts';
import { subresourceCases } from './subresource-cases.ts';
import { isUpdatable, statusCases, updateCases, withMeta } from './update-cases.ts';

export interface Corpus {
  /** What must be there before the first case. */
  readonly setUp: readonly CaseRequest[];
  /** Asked before anything is stored. */
  readonly creates: readonly Case[];
  /** What is then stored. */
  readonly stored: readonly CaseRequest[];
  readonly others: readonly Case[];
}

/** `only`: words of which a case's kind or id must have one; empty for all. */
export function corpusOf({
  only,
  seed,
}: {
  readonly only: readonly string[];
  readonly seed: number;
}): Corpus {
  const isOfKind = (entry: Case): boolean =>
    only.length === 0 ||
    only.some((word) => entry.kind.toLowerCase() === word || entry.id.toLowerCase().includes(word));
  const wanted = (entry: Case): boolean => isOfKind(entry) && isAsked(entry, seed);
  return {
    setUp: SET_UP,
    creates: [
      ...KINDS.flatMap(createCases),
      ...KINDS.flatMap(fieldValidationCases),
      ...goldenCases(),
    ].filter(wanted),
    stored: KINDS.filter(isUpdatable).toSorted(restrictingLast).flatMap(storing),
    others: [
      ...KINDS.flatMap(updateCases),
      ...KINDS.flatMap(statusCases),
      ...KINDS.flatMap(patchCases),
      ...KINDS.flatMap(readCases),
      ...subresourceCases(),
      ...storyCases(),
    ].filter(wanted),
  };
}

/**
 * Names what is asked, with a word of SHA-256: equal versions ask the same. Cases from golden data
 * are not counted, since not everybody has it.
 */
export function corpusVersion(seed: number): string {
  const hash = createHash('sha256').update(JSON.stringify(SET_UP));
  const { creates, stored, others } = corpusOf({ only: [], seed });
  for (const { id, requests } of [...creates, ...others])
    if (!isGolden(id)) hash.update(`${id} ${JSON.stringify(requests)}\n`);
  return hash.update(JSON.stringify(stored)).digest('hex').slice(0, VERSION_LENGTH);
}

const VERSION_LENGTH = 16;

const SET_UP: readonly CaseRequest[] = [
  create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  }),
  create(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  }),
];

/** What restricts other objects is stored when they are. */
const RESTRICTING = ['LimitRange', 'ResourceQuota'];

function restrictingLast(left: AnyKind, right: AnyKind): number {
  return RESTRICTING.indexOf(left.kind) - RESTRICTING.indexOf(right.kind);
}

function storing(kind: AnyKind): CaseRequest[] {
  return objectsOf(kind).map((object) =>
    create(
      collectionUrl(kind),
      withMeta(object, { labels: { ...labelsOf(object), [MARK]: 'yes' } }),
    ),
  );
}

function labelsOf(object: { readonly [key: string]: Json }): { [key: string]: Json } {
  const metadata = object['metadata'] as { labels?: { [key: string]: Json } } | undefined;
  return metadata?.labels ?? {};
}

function create(url: string, body: Json): CaseRequest {
  return { method: 'POST', url, body };
}
