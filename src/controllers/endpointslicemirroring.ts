/**
 * EndpointSlice mirroring: Endpoints that users write for a Service without a selector, as slices,
 * which are what the network reads.
 *
 *   Endpoints changed ──────────────┐
 *   their Service changed ──────────┼─▶ Endpoints key ─▶ observe ─▶ plan ─▶ act
 *   a slice that mirrors changed ───┘
 *
 * The plan is in `endpointslicemirroring/plan.ts`. Upstream:
 * pkg/controller/endpointslicemirroring, v1.36 (KEP-752).
 */
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Endpoints, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { errorOf } from '#base/error.ts';
import { type Change, keyFor } from '#client/informer.ts';
import {
  type Context,
  type Controller,
  defineController,
  defineKeyController,
  watch,
} from '#reconcile/controller.ts';
import { MirrorMetrics } from './endpointslicemirroring/metrics.ts';
import {
  ENDPOINTS_PER_SUBSET_MAX,
  MANAGED_BY,
  MANAGER,
  type MirrorPlan,
  planMirror,
  SERVICE_NAME,
} from './endpointslicemirroring/plan.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
/** Endpoints that once served for leader election lead nowhere. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const BY_ENDPOINTS = 'endpoints';

const NAME = 'endpointslicemirroring-controller';

export const endpointSliceMirroringController: Controller = defineKeyController({
  name: NAME,
  component: 'endpoint-slice-mirroring-controller',
  queue: 'endpoint_slice_mirroring',
  backoff: { firstMs: 1000, msMax: 100_000 },
  create(setup) {
    const metrics = new MirrorMetrics(setup.metrics);
    const { clock } = setup.environment;
    const controller = defineController<Endpoints>({
      name: NAME,
      for: ENDPOINTS,
      watches: [
        watch<Service, Endpoints>({ type: SERVICE, keys: ({ key }) => [key] }),
        watch<EndpointSlice, Endpoints>({ type: ENDPOINT_SLICE, keys: endpointsOfSlice }),
      ],
      reconcile: (endpoints, context) =>
        metrics.sync(clock, () => mirror(endpoints, context, metrics)),
      gone: (_, context) => metrics.sync(clock, () => mirror(undefined, context, metrics)),
    });
    return controller.create(setup);
  },
});

async function mirror(
  endpoints: Endpoints | undefined,
  context: Context<Endpoints>,
  metrics: MirrorMetrics,
): Promise<void> {
  const slices = mirrors(context);
  if (endpoints === undefined || !shouldMirror(endpoints, context)) {
    metrics.gone(context.key);
    return removeAll(slices, { context, metrics });
  }
  const plan = planMirror(endpoints, slices);
  metrics.planned(context.key, plan, { ...plan, slices });
  await act(endpoints, plan, { context, metrics });
}

function shouldMirror({ metadata }: Endpoints, context: Context<Endpoints>): boolean {
  const service = context.informer(SERVICE).get(context.key);
  return (
    service !== undefined &&
    service.spec?.selector === undefined &&
    metadata?.labels?.[SKIP_MIRROR] !== 'true' &&
    metadata?.annotations?.[LEADER] === undefined
  );
}

/** The slices that mirror the Endpoints now, by name. */
function mirrors(context: Context<Endpoints>): EndpointSlice[] {
  const slices = context.informer(ENDPOINT_SLICE);
  slices.index(BY_ENDPOINTS, (slice) => [endpointsKey(slice) ?? '']);
  return slices
    .byIndex(BY_ENDPOINTS, context.key)
    .filter((slice) => slice.metadata?.deletionTimestamp === undefined)
    .sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
}

function endpointsKey({ metadata }: EndpointSlice): string | undefined {
  const name = metadata?.labels?.[SERVICE_NAME];
  return name === undefined || metadata?.labels?.[MANAGED_BY] !== MANAGER
    ? undefined
    : keyFor(name, metadata.namespace);
}

function endpointsOfSlice({ object, previous }: Change<EndpointSlice>): string[] {
  return [object, previous].flatMap((slice) =>
    slice === undefined ? [] : (endpointsKey(slice) ?? []),
  );
}

async function act(
  endpoints: Endpoints,
  plan: MirrorPlan,
  { context, metrics }: Acting,
): Promise<void> {
  tell(endpoints, plan, context);
  const { client } = context;
  // What is being deleted gets no more slices.
  const isDeleted = endpoints.metadata?.deletionTimestamp !== undefined;
  try {
    for (const slice of isDeleted ? [] : plan.creates) {
      await client.create(ENDPOINT_SLICE, slice);
      metrics.wrote('create');
    }
    for (const slice of plan.updates) {
      await client.update(ENDPOINT_SLICE, slice);
      metrics.wrote('update');
    }
    for (const slice of plan.deletes) await remove(slice, { context, metrics });
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}

interface Acting {
  readonly context: Context<Endpoints>;
  readonly metrics: MirrorMetrics;
}

/** Those that can go go, whatever becomes of the others. */
async function removeAll(slices: readonly EndpointSlice[], acting: Acting): Promise<void> {
  const failures: unknown[] = [];
  for (const slice of slices)
    await remove(slice, acting).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw errorOf(failures[0]);
}

async function remove({ metadata }: EndpointSlice, { context, metrics }: Acting): Promise<void> {
  const { name = '', namespace = '' } = metadata ?? {};
  await context.client.delete(ENDPOINT_SLICE, { name, namespace }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  metrics.wrote('delete');
}

function tell(about: Endpoints, plan: MirrorPlan, { events }: Context<Endpoints>): void {
  const warn = (reason: string, message: string): void =>
    events.event({ about, type: 'Warning', reason, message });
  if (plan.invalid > 0) {
    warn(
      'InvalidIPAddress',
      `Skipped ${plan.invalid} invalid IP addresses when mirroring to EndpointSlices`,
    );
  }
  if (plan.skipped > 0) {
    warn(
      'TooManyAddressesToMirror',
      `A max of ${ENDPOINTS_PER_SUBSET_MAX} addresses can be mirrored to EndpointSlices per Endpoints subset. ${plan.invalid + plan.skipped} addresses were skipped`,
    );
  }
}
