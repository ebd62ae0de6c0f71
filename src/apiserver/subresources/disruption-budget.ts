/**
 * Taking one disruption from a PodDisruptionBudget.
 *
 * Source: upstream pkg/registry/core/pod/storage/eviction.go (checkAndDecrement).
 */
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.ts';
import { forbidden, internalError, StatusError } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { copyOf } from '../api-object.ts';
import { storeListener } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { noteOf } from '../history/note.ts';
import type { Resource } from '../registry/resource.ts';
import type { SubresourceServices } from './services.ts';

/** Evictions that the budget's controller has not confirmed yet. */
const DISRUPTED_PODS_MAX = 2000;
const RETRY_SECONDS = 10;

/** Writes the disruption into the budget's status; throws 429 when there is none to take. */
export async function takeDisruption(options: {
  readonly context: RequestContext;
  readonly services: SubresourceServices;
  readonly resource: Resource;
  readonly dryRun: boolean;
  readonly name: string;
  readonly pod: string;
}): Promise<void> {
  const { context, services, resource, dryRun, name } = options;
  await services.registry.update(resource, {
    namespace: context.info.namespace,
    name,
    subresource: 'status',
    user: context.user,
    note: noteOf(context),
    storeTook: storeListener(context),
    dryRun,
    warn: (text) => context.warn(text),
    transform: async (current) => {
      if (current === undefined) throw internalError(`poddisruptionbudget ${name} is gone`);
      checkBudget(current as PodDisruptionBudget, name);
      const next = copyOf(current);
      decrement(
        next as PodDisruptionBudget,
        options.pod,
        timeText(services.environment.clock.now()),
      );
      return next;
    },
  });
}

function checkBudget({ metadata, status }: PodDisruptionBudget, name: string): void {
  const refuse = (why: string): Error =>
    forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name, why);
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0))
    throw tooManyDisruptions(name);
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed < 0) throw refuse('pdb disruptions allowed is negative');
  if (Object.keys(status?.disruptedPods ?? {}).length > DISRUPTED_PODS_MAX) {
    throw refuse('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (allowed === 0) throw budgetError(reasonOf(name, status), 0);
}

function reasonOf(name: string, status: PodDisruptionBudgetStatus | undefined): string {
  const condition = status?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const told = condition?.status === 'False' && condition.message !== '' ? condition : undefined;
  const head = `The disruption budget ${name}`;
  if (told?.reason === 'SyncFailed') {
    return `${head} does not allow evicting pods currently because it failed sync: ${told.message}`;
  }
  const { desiredHealthy = 0, currentHealthy = 0 } = status ?? {};
  if (currentHealthy <= desiredHealthy)
    return `${head} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  if (told !== undefined)
    return `${head} does not allow evicting pods currently (${told.reason}): ${told.message}`;
  return `${head} does not allow evicting pods currently`;
}

function decrement(budget: PodDisruptionBudget, pod: string, timestamp: string): void {
  const { status } = budget;
  if (status === undefined) return;
  status.disruptionsAllowed -= 1;
  status.disruptedPods = { ...status.disruptedPods, [pod]: timestamp };
  if (status.disruptionsAllowed > 0) return;
  const conditions = status.conditions ?? [];
  const old = conditions.find(({ type }) => type === 'DisruptionAllowed');
  const next = {
    type: 'DisruptionAllowed',
    status: 'False' as const,
    reason: 'InsufficientPods',
    message: old?.message ?? '',
    observedGeneration: status.observedGeneration ?? 0,
    lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : timestamp,
  };
  status.conditions =
    old === undefined
      ? [...conditions, next]
      : conditions.map((other) => (other === old ? next : other));
}

/** The budget is behind its pods: try again. */
export function tooManyDisruptions(name: string): StatusError {
  return budgetError(
    `The disruption budget ${name} is still being processed by the server.`,
    RETRY_SECONDS,
  );
}

function budgetError(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    },
  });
}
