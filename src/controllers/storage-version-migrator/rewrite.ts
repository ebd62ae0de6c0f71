/**
 * Has the API server write objects anew: a patch that says nothing but which object it is for. The
 * server stores it where what lies in the store is not what it would store now.
 *
 * Upstream: runMigration in pkg/controller/storageversionmigrator/storageversionmigrator.go, v1.36.
 * It takes the objects from the garbage collector's watches; here they are listed.
 */
import { apiVersionOf, type KubeObject, type ObjectMeta } from '#api/meta/object.ts';
import { isConflict, StatusError } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { compareRevisions, MalformedRevisionError } from './revisions.ts';

const MANAGER = 'storage-version-migrator-controller';
const PAGE_MAX = 500;
/** Patches in one turn of the event loop, where nothing else ends it. */
const TURN_PATCHES = 16;

/** What passes by itself. */
const RETRIABLE = new Set([
  'ServerTimeout',
  'TooManyRequests',
  'ServiceUnavailable',
  'InternalError',
  'Timeout',
]);

export interface Rewrite {
  readonly client: Client;
  readonly environment: Environment;
  readonly type: ResourceType<KubeObject>;
  /** Objects that were written after this revision are left alone. */
  readonly until: string;
  /** Asked between pages: whether to go on. */
  readonly isWanted: () => boolean;
}

/** Rejects with what went wrong; `isRetriable` says whether to try again. */
export async function rewriteAll(rewrite: Rewrite): Promise<void> {
  const { client, environment, type, isWanted } = rewrite;
  let token: string | undefined;
  do {
    const from = token === undefined ? {} : { continue: token };
    const options = { metadataOnly: true, limit: PAGE_MAX, ...from };
    const page = await client.list(type, options).catch((cause: unknown) => {
      throw new ListError(`Cannot list ${type.plural}: ${messageOf(cause)}`, { cause });
    });
    for (const [index, { metadata }] of page.items.entries()) {
      if (index % TURN_PATCHES === TURN_PATCHES - 1) await sleep(environment, 0);
      await rewriteOne(rewrite, metadata ?? {});
    }
    token = page.continue;
  } while (token !== undefined && isWanted());
}

async function rewriteOne({ client, type, until }: Rewrite, metadata: ObjectMeta): Promise<void> {
  const { name = '', namespace, uid, resourceVersion = '' } = metadata;
  if (compareRevisions(resourceVersion, until) > 0) return;
  const patch = {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    // With both, an object that was changed, deleted or made anew meanwhile is a conflict.
    metadata: { uid, resourceVersion },
  };
  const target = namespace === undefined ? { name } : { name, namespace };
  try {
    await client.patch(type, target, 'apply', patch, { fieldManager: MANAGER });
  } catch (error) {
    // Whoever wrote it has moved it already; what is gone need not move.
    if (!isConflict(error)) throw error;
  }
}

/** The objects could not be listed: upstream's watches wait for that, whatever the reason. */
class ListError extends Error {
  override readonly name = 'ListError';
}

/** Whether it may go well the next time: the server was busy, or could not be reached. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof StatusError) return error.code === 429 || RETRIABLE.has(error.reason);
  return !(error instanceof MalformedRevisionError);
}
