/** What became of one object, revision by revision: when, by whom, which fields. */
import { rootType } from '#api/apply/shape.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { badRequest, notFound } from '#api/meta/status.ts';
import { microTimeText } from '#api/meta/time.ts';
import { fieldTypeOf } from '#api/schema/kind-types.ts';
import type { KeyVersion, StoreHistory } from '#store/store.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { Turns } from '../turns.ts';
import type { Entry } from '../watch-cache/entry.ts';
import { type Change, changesBetween } from './changes.ts';
import { type Author, authorOf } from './note.ts';
import { redacted } from './redaction.ts';
import { reached } from './store.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 500;
/** So many versions are looked at for one request; `continue` goes on behind them. */
const SCANNED_MAX = 5_000;
/** Read at a time: each may be a megabyte. */
const PAGE = 64;

export interface ObjectRevision extends Author {
  readonly revision: string;
  readonly time: string;
  readonly event: 'Created' | 'Updated' | 'Deleted';
  readonly uid?: string;
  /** Field managers that this write gave fields to or took fields from. */
  readonly managers?: readonly string[];
  /** Absent where the state before is not known, and of what was created or deleted as a whole. */
  readonly changes?: readonly Change[];
}

/** Newest first. `continue`: the revision before which there are more. */
interface RevisionPage {
  readonly oldest: number;
  readonly revisions: readonly ObjectRevision[];
  readonly continue?: string;
}

export interface RevisionsRequest {
  readonly context: RequestContext;
  readonly resource: Resource;
  readonly history: StoreHistory;
}

/** The revisions of the object that the request names. Throws 404 when there never was one. */
export async function readRevisions(request: RevisionsRequest): Promise<RevisionPage> {
  const { context, resource, history } = request;
  const { query, namespace, name } = context.info;
  const limit = Math.min(numberOf(query, 'limit') ?? LIMIT_DEFAULT, LIMIT_MAX);
  const field = query.get('field')?.replace(/^\./, '') || undefined;
  const key = resource.key(namespace, name);
  const turns = new Turns(context.environment);
  const revisions: ObjectRevision[] = [];
  let before = numberOf(query, 'continue');
  for (let scanned = 0; ; ) {
    const page = await reached(() =>
      history.versions(key, { limit: PAGE + 1, ...(before === undefined ? {} : { before }) }),
    );
    const { versions, oldest } = page;
    if (versions.length === 0 && before === undefined) throw notFound(resource.groupResource, name);
    await resource.ready(versions.filter(({ type }) => type === 'put').map(entryOf));
    for (const [index, version] of versions.slice(0, PAGE).entries()) {
      if (turns.isOver()) await turns.next();
      const one = describe(resource, version, { older: versions[index + 1], field });
      if (one !== undefined) revisions.push(one);
      scanned += 1;
      before = version.revision;
      if (revisions.length < limit && scanned < SCANNED_MAX) continue;
      const more = index + 1 < versions.length;
      return { oldest, revisions, ...(more ? { continue: String(before) } : {}) };
    }
    if (versions.length <= PAGE) return { oldest, revisions };
  }
}

/** Undefined when `field` is asked for and did not change. */
function describe(
  resource: Resource,
  version: KeyVersion,
  { older, field }: { older: KeyVersion | undefined; field: string | undefined },
): ObjectRevision | undefined {
  const after = objectOf(resource, version);
  const before = older === undefined ? undefined : objectOf(resource, older);
  const isCreation = version.type === 'put' && version.revision === version.createRevision;
  const event = version.type === 'delete' ? 'Deleted' : isCreation ? 'Created' : 'Updated';
  const comparable = event === 'Updated' ? before !== undefined : field !== undefined;
  const changes = comparable
    ? changesOf(resource, isCreation ? undefined : before, after, field)
    : undefined;
  if (field !== undefined && (changes === undefined || changes.length === 0)) return undefined;
  const managers = event === 'Updated' ? managersOf(before, after) : [];
  const uid = (after ?? before)?.metadata?.uid;
  return {
    revision: String(version.revision),
    time: microTimeText(version.timeMs),
    event,
    ...(uid === undefined ? {} : { uid }),
    ...authorOf(version.note),
    ...(managers.length === 0 ? {} : { managers }),
    ...(changes === undefined ? {} : { changes }),
  };
}

/** The fields that differ; a Secret's without its data. */
export function changesOf(
  resource: Resource,
  before: ApiObject | undefined,
  after: ApiObject | undefined,
  field: string | undefined,
): Change[] {
  const changes = changesBetween(
    before as JsonObject | undefined,
    after as JsonObject | undefined,
    {
      type: rootType(fieldTypeOf(resource.kind)),
      ...(field === undefined ? {} : { field }),
    },
  );
  const { group, plural } = resource.kind;
  return group === '' && plural === 'secrets' ? redacted(changes) : changes;
}

function objectOf(resource: Resource, version: KeyVersion): ApiObject | undefined {
  return version.type === 'delete' ? undefined : resource.read(entryOf(version));
}

function entryOf({ revision, createRevision, value }: KeyVersion): Entry {
  return { key: '', revision, createRevision, bytes: value };
}

function managersOf(before: ApiObject | undefined, after: ApiObject | undefined): string[] {
  const old = before?.metadata?.managedFields ?? [];
  const next = after?.metadata?.managedFields ?? [];
  const changed = [
    ...next.filter((entry) => !old.some((other) => equalJson(entry, other))),
    ...old.filter((entry) => !next.some((other) => entry.manager === other.manager)),
  ];
  const names = new Set(changed.map(({ manager = '' }) => manager).filter((name) => name !== ''));
  return [...names].toSorted();
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^[1-9]\d{0,15}$/.test(text))
    throw badRequest(`${name} must be a number: ${JSON.stringify(text)}`);
  return Number(text);
}
