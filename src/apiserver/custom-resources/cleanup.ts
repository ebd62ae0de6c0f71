/**
 * Deletes all objects of a definition that is being deleted, waits until they are gone, and lets the
 * definition go. What it does is told in the condition Terminating.
 *
 * Upstream: apiextensions-apiserver/pkg/controller/finalizer/crd_finalizer.go.
 */
import { messageOf } from '#base/error.ts';
import { type Environment, timeoutSignal } from '#base/env.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../admission/targets.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import type { ResourceCache } from '../watch-cache/resource-cache.ts';
import { CLEANUP_FINALIZER, isConditionTrue, nameOf, withCondition } from './definitions.ts';

/** After this long the condition says that objects remain, and the deletion begins anew. */
const GONE_WAIT_MS = 60_000;
const DEFINITIONS = { ...CUSTOM_RESOURCE_DEFINITIONS, version: 'v1' } as const;

export interface CleanupServices {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
  readonly signal: AbortSignal;
  /** The objects of a definition. */
  instances(definition: CustomResourceDefinition): ResourceCache;
}

interface Progress {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** Resolves when there is nothing more to do. Throws when it must be tried again. */
export async function cleanUp(
  services: CleanupServices,
  definition: CustomResourceDefinition,
): Promise<void> {
  const name = nameOf(definition);
  await report(services, name, IN_PROGRESS);
  const progress = isConditionTrue(definition, 'Established')
    ? await deleteInstances(services, definition)
    : NEVER_ESTABLISHED;
  await report(services, name, progress);
  if (progress.status === 'True') throw new Error(progress.message);
  await letGo(services, name);
}

const IN_PROGRESS: Progress = {
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'CustomResource deletion is in progress',
};
const NEVER_ESTABLISHED: Progress = {
  status: 'False',
  reason: 'NeverEstablished',
  message: 'resource was never established',
};

async function deleteInstances(
  services: CleanupServices,
  definition: CustomResourceDefinition,
): Promise<Progress> {
  const cache = services.instances(definition);
  const { group = '', names, versions = [], scope } = definition.spec ?? {};
  const version = versions.find(({ served }) => served)?.name ?? '';
  const target = { group, version, plural: names?.plural ?? '' };
  try {
    for (const namespace of namespacesOf(cache, scope === 'Namespaced'))
      await services.client.removeAll(target, namespace);
  } catch (error) {
    return {
      status: 'True',
      reason: 'InstanceDeletionFailed',
      message: `could not issue all deletes: ${messageOf(error)}`,
    };
  }
  if (await emptied(services, cache)) {
    return {
      status: 'False',
      reason: 'InstanceDeletionCompleted',
      message: 'removed all instances',
    };
  }
  return {
    status: 'True',
    reason: 'InstanceDeletionCheck',
    message:
      'could not confirm zero CustomResources remaining: timed out waiting for the condition',
  };
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
async function report(services: CleanupServices, name: string, progress: Progress): Promise<void> {
  const { client, environment } = services;
  const now = await current(services, name);
  if (now?.status === undefined) return;
  const condition = { type: 'Terminating', ...progress };
  const conditions = withCondition(now.status.conditions, condition, environment.clock.now());
  const next: CustomResourceDefinition = { ...now, status: { ...now.status, conditions } };
  if (!(await client.replace(DEFINITIONS, next, 'status'))) throw changed(name);
}

async function letGo(services: CleanupServices, name: string): Promise<void> {
  const now = await current(services, name);
  if (now?.metadata === undefined) return;
  const finalizers = (now.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
  const freed = { ...now, metadata: { ...now.metadata, finalizers } };
  if (!(await services.client.replace(DEFINITIONS, freed))) throw changed(name);
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
