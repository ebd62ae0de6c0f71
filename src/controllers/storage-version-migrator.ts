/**
 * Storage version migrator: has every object of a resource stored in the version that is stored
 * now, as a StorageVersionMigration asks. One key is one resource.
 *
 *   made ─▶ Running ─▶ status.resourceVersion ─▶ older objects rewritten ─▶ Succeeded ─▶ Running=False
 *                └──────────────────┴────────── Failed ─────────────────────────┘
 *
 * Upstream: pkg/controller/storageversionmigrator, v1.36, which are three loops there; KEP-4192.
 */
import type { StorageVersionMigration } from '#api/gen/storagemigration-v1beta1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { STORAGE_VERSION_MIGRATION } from '#api/storagemigration/storage-version-migration.ts';
import { messageOf } from '#base/error.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { discover, type DiscoveredResource } from '#client/discovery.ts';
import {
  type Controller,
  defineKeyController,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { markEnded, markRunning } from './storage-version-migrator/definition.ts';
import { planMigrations, type Said, withCondition } from './storage-version-migrator/plan.ts';
import { compareRevisions } from './storage-version-migrator/revisions.ts';
import { isRetriable, rewriteAll } from './storage-version-migrator/rewrite.ts';

const NAME = 'storage-version-migrator-controller';
const VERBS = ['update', 'patch', 'list'];
/** So long a resource may take to appear: its definition may be as new as the migration. */
const MISSING_MS_MAX = 60_000;
const LOOK_AGAIN_MS = 1_000;
/** No namespace can be called so: a list of it has a revision, and nothing else. */
const NO_NAMESPACE = '@fake:svm_ns!';

export const storageVersionMigrator: Controller = defineKeyController({
  name: NAME,
  queue: 'storage-version-migrator-controller',
  create: (setup) => {
    const migrations = setup.watch(STORAGE_VERSION_MIGRATION, ({ object }) => [keyOf(object)]);
    return async (key, { client }): Promise<Result> => {
      const all = migrations.list().filter((migration) => keyOf(migration) === key);
      const { ended, next, running } = planMigrations(all);
      const isWanted = (name: string): boolean => migrations.get(name) !== undefined;
      const work: Work = { setup, client, isWanted };
      for (const migration of ended) await end(work, migration);
      if (next !== undefined) await begin(work, next);
      return running === undefined ? {} : advance(work, running);
    };
  },
});

interface Work {
  readonly setup: Setup;
  /** For the status of migrations: the next pass waits until the cache shows it. */
  readonly client: Client;
  readonly isWanted: (name: string) => boolean;
}

const nameOf = ({ metadata }: StorageVersionMigration): string => metadata?.name ?? '';

function keyOf({ spec }: StorageVersionMigration): string {
  return `${spec?.resource.resource}.${spec?.resource.group ?? ''}`;
}

async function begin(work: Work, migration: StorageVersionMigration): Promise<void> {
  const { client, environment } = work.setup;
  await markRunning(client, migration, environment.clock.now());
  await say(work, migration, {
    type: 'Running',
    reason: 'MigrationRunning',
    message: 'The migration is running',
  });
}

async function end(work: Work, migration: StorageVersionMigration): Promise<void> {
  const { client, environment } = work.setup;
  await markEnded(client, migration, environment.clock.now());
  await say(work, migration, {
    type: 'Running',
    status: 'False',
    reason: 'MigrationCompleted',
    message: 'Migration completed',
  });
}

async function advance(work: Work, migration: StorageVersionMigration): Promise<Result> {
  const { client, environment } = work.setup;
  const { group = '', resource } = migration.spec?.resource ?? {};
  const { resources } = await discover(client);
  const type = resources.find((one) => one.group === group && one.plural === resource);
  const until = migration.status?.resourceVersion ?? '';
  if (type !== undefined) {
    if (until === '') await setRevision(work, migration, type);
    else await rewrite(work, migration, { type, until });
    return {};
  }
  const createdMs = Date.parse(migration.metadata?.creationTimestamp ?? '');
  const waitMs = createdMs + MISSING_MS_MAX - environment.clock.now();
  if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, LOOK_AGAIN_MS) };
  await fail(
    work,
    migration,
    until === ''
      ? 'resource does not exist in discovery'
      : unhandled('unable to obtain GVR from discovery'),
  );
  return {};
}

/** What is written from this revision on is written as the server stores it now. */
async function setRevision(
  work: Work,
  migration: StorageVersionMigration,
  type: DiscoveredResource,
): Promise<void> {
  const about = `${type.group}/${type.version}, Resource=${type.plural}`;
  if (!VERBS.every((verb) => type.verbs.includes(verb))) {
    const message = `resource ${JSON.stringify(about)} does not support discovery operations: [${VERBS.join(' ')}]`;
    return fail(work, migration, message);
  }
  const namespace = type.namespaced ? { namespace: NO_NAMESPACE } : {};
  const options = { metadataOnly: true, limit: 1, ...namespace };
  const { resourceVersion } = await work.setup.client.list(type, options);
  try {
    compareRevisions(resourceVersion, resourceVersion);
  } catch (error) {
    const message = `latest resourceVersion for ${about} is not valid: ${messageOf(error)}`;
    return fail(work, migration, message);
  }
  await update(work, { ...migration, status: { ...migration.status, resourceVersion } });
}

async function rewrite(
  work: Work,
  migration: StorageVersionMigration,
  { type, until }: { readonly type: ResourceType<KubeObject>; readonly until: string },
): Promise<void> {
  const { client, environment } = work.setup;
  const isWanted = (): boolean => work.isWanted(nameOf(migration));
  try {
    await rewriteAll({ client, environment, type, until, isWanted });
  } catch (error) {
    if (isRetriable(error)) throw error;
    return fail(work, migration, unhandled(messageOf(error)));
  }
  await say(work, migration, {
    type: 'Succeeded',
    reason: 'StorageVersionMigrationSucceeded',
    message: '',
  });
}

const unhandled = (message: string): string => `migration encountered unhandled error: ${message}`;

function fail(work: Work, migration: StorageVersionMigration, message: string): Promise<void> {
  return say(work, migration, { type: 'Failed', reason: 'StorageVersionMigrationFailed', message });
}

function say(work: Work, migration: StorageVersionMigration, said: Said): Promise<void> {
  return update(work, withCondition(migration, said, work.setup.environment.clock.now()));
}

async function update({ client }: Work, migration: StorageVersionMigration): Promise<void> {
  try {
    await client.update(STORAGE_VERSION_MIGRATION, migration, 'status');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
