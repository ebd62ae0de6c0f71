/** The store's history for one resource: refusals with what to do, revisions by number or by time. */
import { badRequest, gone, StatusError } from '#api/meta/status.ts';
import { groupResourceName } from '#api/meta/object.ts';
import { StoreError, type StoreHistory } from '#store/store.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { excludedPrefixes, type HistoryPolicy } from './policy.ts';

/** Throws 501 when the store keeps no history, 404 when it keeps none of this resource. */
export function historyOf(
  registry: Registry,
  resource: Resource,
  policy: HistoryPolicy,
): StoreHistory {
  const { history } = registry.hub.store;
  if (history === undefined || policy.retentionMs === 0) {
    throw new StatusError({
      code: 501,
      reason: 'NotImplemented',
      message:
        history === undefined
          ? 'no history is kept: the store of this cluster cannot'
          : 'no history is kept: --history-retention is 0',
      details: {},
    });
  }
  if (!excludedPrefixes(policy).includes(resource.cache.prefix)) return history;
  const name = groupResourceName(resource.groupResource);
  const hint =
    name === 'secrets' ? '; --history-secrets of the API server keeps it from then on' : '';
  throw new StatusError({
    code: 404,
    reason: 'NotFound',
    message: `the history of ${name} is not kept${hint}`,
    details: { kind: resource.kind.plural },
  });
}

/**
 * The revision that `revision=` (a number) or `time=` (RFC 3339) name, with `prefix` before the
 * names; undefined when neither is there. Throws 400 and 410.
 */
export async function revisionOf(
  history: StoreHistory,
  query: URLSearchParams,
  names: { readonly revision: string; readonly time: string },
): Promise<number | undefined> {
  const revision = query.get(names.revision) ?? '';
  const time = query.get(names.time) ?? '';
  if (revision !== '' && time !== '')
    throw badRequest(`${names.revision} and ${names.time} exclude each other`);
  if (revision !== '') {
    if (!/^[1-9]\d{0,15}$/.test(revision))
      throw badRequest(`${names.revision} must be a number: ${JSON.stringify(revision)}`);
    return Number(revision);
  }
  if (time === '') return undefined;
  const timeMs = /^\d{4}-\d\d-\d\dT/.test(time) ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(timeMs))
    throw badRequest(`${names.time} must be a time in RFC 3339: ${JSON.stringify(time)}`);
  return reached(() => history.revisionAt(timeMs));
}

/** Runs a read of the history; what it does not reach is 410, what lies in the future 400. */
export async function reached<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'compacted')
      throw gone(`the history does not reach back so far: ${error.message}`);
    if (error.code === 'future') throw badRequest(error.message);
    throw error;
  }
}
