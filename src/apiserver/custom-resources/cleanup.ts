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
import type { LocalClient } from '../bootstrap/local-client.ts';
import type { ResourceCache } from '../watch-cache/resource-cache.ts';
import { DEFINITIONS, nameOf } from './definitions.ts';

/** After this long the condition says that objects remain, and the deletion begins anew. */
const GONE_WAIT_MS = 60_000;

export interface CleanupServices {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
  readonly signal: AbortSignal;
  /** The objects of a definition. */
  instances(definition: CustomResourceDefinition): ResourceCache;
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
  await report(services, name, progress);
  if (progress.status === 'True') throw new Error(progress.message ?? '');
  await letGo(services, name);
}

async function deleteInstances(
  services: CleanupServices,
  definition: CustomResourceDefinition,
): Promise<Condition> {
  const cache = services.instances(definition);
  const { group = '', names, versions = [], scope } = definition.spec ?? {};
  const version = versions.find(({ served }) => served)?.name ?? '';
  const target = { group, version, plural: names?.plural ?? '' };
  try {
    for (const namespace of namespacesOf(cache, scope === 'Namespaced'))
      await services.client.removeAll(target, namespace);
  } catch (error) {
    const message = `could not issue all deletes: ${messageOf(error)}`;
    return deletionFailed('InstanceDeletionFailed', message);
  }
  if (await emptied(services, cache)) return terminatingCondition('done');
  return deletionFailed(
    'InstanceDeletionCheck',
    'could not confirm zero CustomResources remaining: timed out waiting for the condition',
  );
}

/** The namespaces that hold objects; one that is empty where there are no namespaces. */
function namespacesOf(cache: ResourceCache, namespaced: boolean): Set<string> {
  const found = new Set<string>();
  for (const { key } of cache.range(cache.prefix))
    found.add(namespaced ? (key.slice(cache.prefix.length).split('/')[0] ?? '') : '');
  return found;
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
): Promise<void> {
  const { client, environment } = services;
  const now = await current(services, name);
  if (now?.status === undefined) return;
  const conditions = withCondition(
    now.status.conditions,
    condition,
    timeText(environment.clock.now()),
  );
  const next: CustomResourceDefinition = { ...now, status: { ...now.status, conditions } };
  if (!(await client.replace(DEFINITIONS, next, 'status'))) throw changed(name);
}

async function letGo(services: CleanupServices, name: string): Promise<void> {
  const now = await current(services, name);
  if (now?.metadata === undefined) return;
  const finalizers = (now.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
  const freed = { ...now, metadata: { ...now.metadata, finalizers } };
  if (!(await services.client.replace(DEFINITIONS, freed))) throw changed(name);
  // It goes unless somebody else's finalizer holds it.
  await services.client.remove(DEFINITIONS, freed);
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
