/**
 * Deletes all objects of a definition that is being deleted, waits until they are gone, and lets the
 * definition go. What it does is told in the condition Terminating.
 *
 * Upstream: apiextensions-apiserver/pkg/controller/finalizer/crd_finalizer.go.
 */
import { messageOf } from '#base/error.ts';
import { type Environment, timeoutSignal } from '#base/env.ts';
import {
  type Condition,
  isConditionTrue,
  withCondition,
} from '#api/apiextensions/condition-list.ts';
import { deletionFailed, terminatingCondition } from '#api/apiextensions/conditions.ts';
import { CLEANUP_FINALIZER } from '#api/apiextensions/custom-resource-definition.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { timeText } from '#api/meta/time.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../admission/targets.ts';
import { isNotFound } from '#api/meta/status.ts';
import { type LocalClient, SERVER_IDENTITY } from '../bootstrap/local-client.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { ResourceCache } from '../watch-cache/resource-cache.ts';
import { DEFINITIONS, nameOf } from './definitions.ts';

const NOTE = JSON.stringify({ u: SERVER_IDENTITY.name, a: 'kube-apiserver', v: 'delete' });
/** How many deletions run at a time. */
const WORKERS = 16;
/** After this long the condition says that objects remain, and the deletion begins anew. */
const GONE_WAIT_MS = 60_000;

export interface CleanupServices {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
  readonly registry: Pick<Registry, 'delete'>;
  readonly signal: AbortSignal;
  /** The objects of a definition, in the version that they are stored in. */
  instances(definition: CustomResourceDefinition): Resource | undefined;
}

/** Resolves when there is nothing more to do. Throws when it must be tried again. */
export async function cleanUp(
  services: CleanupServices,
  definition: CustomResourceDefinition,
): Promise<void> {
  const name = nameOf(definition);
  await report(services, name, terminatingCondition('deleting'));
  const progress = isConditionTrue(definition, 'Established')
    ? await deleteInstances(services, definition)
    : terminatingCondition('neverServed');
  if (progress.status === 'False') return letGo(services, name, progress);
  await report(services, name, progress);
  throw new Error(progress.message ?? '');
}

async function deleteInstances(
  services: CleanupServices,
  definition: CustomResourceDefinition,
): Promise<Condition> {
  const resource = services.instances(definition);
  if (resource === undefined) return terminatingCondition('done');
  const { cache } = resource;
  const entries = [...cache.range(cache.prefix)];
  const failed = (what: string, error: unknown): Condition =>
    deletionFailed('InstanceDeletionFailed', `${what}: ${messageOf(error)}`);
  try {
    await resource.ready(entries);
  } catch (error) {
    return failed('could not list instances', error);
  }
  try {
    await deleteAll(services, resource, entries);
  } catch (error) {
    return failed('could not issue all deletes', error);
  }
  if (await emptied(services, cache)) return terminatingCondition('done');
  return deletionFailed(
    'InstanceDeletionCheck',
    'could not confirm zero CustomResources remaining: context deadline exceeded',
  );
}

/** Straight from the store, without admission: the definition is gone for everybody else. */
async function deleteAll(
  { registry }: CleanupServices,
  resource: Resource,
  entries: readonly Entry[],
): Promise<void> {
  const left = entries.values();
  const worker = async (): Promise<void> => {
    for (const { key } of left) {
      const parts = key.slice(resource.cache.prefix.length).split('/');
      const name = parts.pop() ?? '';
      const options = { namespace: parts[0] ?? '', name, user: SERVER_IDENTITY, note: NOTE };
      try {
        await registry.delete(resource, { ...options, dryRun: false, warn: () => {} });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

/** Resolves true when no object is left, false when some remain after all the time there is. */
async function emptied(services: CleanupServices, cache: ResourceCache): Promise<boolean> {
  if (cache.size === 0) return true;
  const limit = timeoutSignal(services.environment, GONE_WAIT_MS, services.signal);
  await new Promise<void>((resolve) => {
    const stop = cache.subscribe(() => {
      if (cache.size === 0) finish();
    });
    const finish = (): void => {
      stop();
      resolve();
    };
    limit.signal.addEventListener('abort', finish);
  });
  limit.release();
  return cache.size === 0;
}

/** Says so in the condition Terminating. Throws when the definition changed meanwhile. */
async function report(
  services: CleanupServices,
  name: string,
  condition: Condition,
  change = (definition: CustomResourceDefinition): CustomResourceDefinition => definition,
): Promise<void> {
  const { client, environment } = services;
  const now = await current(services, name);
  if (now?.status === undefined) return;
  const conditions = withCondition(
    now.status.conditions,
    condition,
    timeText(environment.clock.now()),
  );
  const next = change({ ...now, status: { ...now.status, conditions } });
  if (!(await client.replace(DEFINITIONS, next, 'status'))) throw changed(name);
}

/** With this one write it goes, unless somebody else's finalizer holds it. */
async function letGo(services: CleanupServices, name: string, condition: Condition): Promise<void> {
  await report(services, name, condition, ({ metadata = {}, ...rest }) => ({
    ...rest,
    metadata: {
      ...metadata,
      finalizers: (metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER),
    },
  }));
}

/** The definition with all writes so far; undefined when it is gone. */
async function current(
  { reader }: CleanupServices,
  name: string,
): Promise<CustomResourceDefinition | undefined> {
  await reader.catchUp();
  return reader.get(CUSTOM_RESOURCE_DEFINITIONS, '', name) as CustomResourceDefinition | undefined;
}

function changed(name: string): Error {
  return new Error(`the definition ${name} has changed meanwhile`);
}
