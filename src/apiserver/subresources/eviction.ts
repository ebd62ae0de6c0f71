/**
 * pods/eviction: deletes a pod unless its disruption budget forbids it.
 *
 * Source: Kubernetes documentation, "API-initiated Eviction"; upstream
 * pkg/registry/core/pod/storage/eviction.go; KEP-3017 for unhealthy pods.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { DeleteOptions } from '#api/gen/meta-v1.ts';
import type { Eviction, PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { labelSelectorMatches } from '#api/meta/labels.ts';
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import {
  badRequest,
  conflict,
  internalError,
  invalid,
  isConflict,
  StatusError,
} from '#api/meta/status.ts';
import { POD_DISRUPTION_BUDGETS } from '../admission/targets.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import { storeListener } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { noteOf } from '../history/note.ts';
import type { Resource } from '../registry/resource.ts';
import { checkDeleteOptions } from '../verbs/delete.ts';
import { isDryRun } from '../verbs/options.ts';
import { takeDisruption, tooManyDisruptions } from './disruption-budget.ts';
import { admit, EVICTION, readBodyAs, success } from './exchange.ts';
import { isPodReady, setPodCondition } from './pod-conditions.ts';
import type { SubresourceServices } from './services.ts';

/** How often a pod that changes meanwhile is looked at again. */
const TRIES = 20;

interface Call {
  readonly context: RequestContext;
  readonly services: SubresourceServices;
  readonly pods: Resource;
  readonly options: DeleteOptions;
  readonly dryRun: boolean;
}

export async function createEviction(
  context: RequestContext,
  services: SubresourceServices,
  pods: Resource,
): Promise<HttpResponse> {
  const eviction = readBodyAs<Eviction>(context, EVICTION);
  const check = (): void => {
    if (eviction.metadata?.name !== context.info.name)
      throw badRequest('name in URL does not match name in Eviction object');
  };
  const options = eviction.deleteOptions ?? {};
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true)
    throw invalid({ group: EVICTION.group, kind: EVICTION.kind }, context.info.name, [
      invalidValue(
        fieldPath('deleteOptions').child('ignoreStoreReadErrorWithClusterBreakingPotential'),
        true,
        'can not be set for pod eviction, try after removing the option',
      ),
    ]);
  const dryRun = isDryRun(
    [...context.info.query.getAll('dryRun'), ...(options.dryRun ?? [])],
    'DeleteOptions',
  );
  await admit(context, services, {
    resource: pods,
    kind: EVICTION,
    object: eviction,
    dryRun,
    check,
  });
  // As admission has left them.
  const { deleteOptions: admitted = {} } = eviction;
  checkDeleteOptions(admitted);
  const call: Call = { context, services, pods, options: admitted, dryRun };
  const pod = await evictUnprotected(call);
  if (pod !== undefined) await evictProtected(call, pod);
  return success(context, services, pods);
}

async function currentPod({ context, services, pods }: Call): Promise<Pod> {
  const entry = await services.registry.entry(pods, context.info.namespace, context.info.name);
  return pods.copy(entry);
}

/** Deletes a pod that no budget counts; answers the pod when it is one that budgets count. */
async function evictUnprotected(call: Call): Promise<Pod | undefined> {
  const asked = call.options.preconditions?.resourceVersion;
  for (let tries = 1; ; tries++) {
    const pod = await currentPod(call);
    const phase = pod.status?.phase;
    const ended =
      phase === 'Succeeded' || phase === 'Failed' || pod.metadata?.deletionTimestamp !== undefined;
    if (!ended && phase !== 'Pending') return pod;
    try {
      // A pending pod may become one that a budget counts at any moment.
      await removePod(call, ended ? asked : (asked ?? pod.metadata?.resourceVersion));
      return undefined;
    } catch (error) {
      if (!isConflict(error) || asked !== undefined || tries >= TRIES) throw error;
    }
  }
}

async function evictProtected(call: Call, pod: Pod): Promise<void> {
  const { services, dryRun, context, options } = call;
  const budgets = budgetsOf(services, pod);
  if (budgets.length > 1) {
    throw new StatusError({
      code: 500,
      message:
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    });
  }
  const [budget] = budgets;
  const name = budget?.metadata?.name ?? '';
  const asked = options.preconditions?.resourceVersion;
  const free = budget !== undefined && !isPodReady(pod) && mayGoUnhealthy(budget);
  if (budget !== undefined && !free) {
    const resource = services.resourceOf(
      POD_DISRUPTION_BUDGETS.group,
      POD_DISRUPTION_BUDGETS.plural,
    );
    if (resource === undefined) throw internalError('poddisruptionbudgets are not served');
    await takeDisruption({
      context,
      services,
      resource,
      dryRun,
      name,
      pod: pod.metadata?.name ?? '',
    });
  }
  try {
    await removePod(call, free ? (asked ?? pod.metadata?.resourceVersion) : asked);
  } catch (error) {
    if (free && asked === undefined && isConflict(error)) throw tooManyDisruptions(name);
    throw error;
  }
}

function budgetsOf({ reader }: SubresourceServices, pod: Pod): PodDisruptionBudget[] {
  const all = [
    ...reader.list(POD_DISRUPTION_BUDGETS, pod.metadata?.namespace ?? ''),
  ] as PodDisruptionBudget[];
  return all.filter((budget) => labelSelectorMatches(budget.spec?.selector, pod.metadata?.labels));
}

/** A pod that serves nobody may go when its application does not need it. */
function mayGoUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const desired = status?.desiredHealthy ?? 0;
  return desired > 0 && (status?.currentHealthy ?? 0) >= desired;
}

/** Marks the pod as evicted, then deletes it. `version`: what it must still be. */
async function removePod(call: Call, version: string | undefined): Promise<void> {
  const { context, services, pods, options, dryRun } = call;
  const { namespace, name } = context.info;
  const common = {
    namespace,
    name,
    user: context.user,
    note: noteOf(context),
    storeTook: storeListener(context),
    dryRun,
    warn: (text: string) => context.warn(text),
  };
  const uid = options.preconditions?.uid;
  let current = version;
  if (!dryRun) {
    const { object } = await services.registry.update(pods, {
      ...common,
      subresource: 'status',
      transform: async (pod) =>
        markEvicted(pod === undefined ? undefined : copyOf(pod), {
          version,
          uid,
          name,
          nowMs: services.environment.clock.now(),
        }),
    });
    if (current !== undefined) current = object.metadata?.resourceVersion;
  }
  await services.registry.delete(pods, {
    ...common,
    ...(options.gracePeriodSeconds === undefined
      ? {}
      : { gracePeriodSeconds: options.gracePeriodSeconds }),
    ...(options.propagationPolicy === undefined
      ? {}
      : { propagationPolicy: options.propagationPolicy }),
    preconditions: {
      ...(uid === undefined ? {} : { uid }),
      ...(current === undefined ? {} : { resourceVersion: current }),
    },
  });
}

async function markEvicted(
  pod: ApiObject | undefined,
  at: { version: string | undefined; uid: string | undefined; name: string; nowMs: number },
): Promise<ApiObject> {
  if (pod === undefined) throw internalError(`pod ${at.name} is gone`);
  const { uid = '', resourceVersion = '' } = metadataOf(pod);
  const target = { group: '', resource: 'Pod' };
  if (at.uid !== undefined && at.uid !== uid) {
    throw conflict(
      target,
      at.name,
      `the UID in the precondition (${at.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (at.version !== undefined && at.version !== resourceVersion) {
    throw conflict(
      target,
      at.name,
      `the ResourceVersion in the precondition (${at.version}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
  const condition = {
    type: 'DisruptionTarget',
    status: 'True' as const,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  setPodCondition(pod, condition, at.nowMs);
  return pod;
}
