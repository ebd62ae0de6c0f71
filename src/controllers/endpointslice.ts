/**
 * EndpointSlices: where the Pods behind each Service are.
 *
 *   Service changed ───────────────┐
 *   a selected Pod changed ────────┼─▶ Service key ─▶ observe ─▶ plan ─▶ act
 *   a slice or a node's zone ──────┘
 *
 * The plan is in `endpointslice/plan.ts`. Upstream: pkg/controller/endpointslice, v1.36 (KEP-752).
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Node, Pod, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { errorOf, messageOf } from '#base/error.ts';
import { type Change, keyFor, keyOf } from '#client/informer.ts';
import {
  type Caches,
  type Context,
  type Controller,
  defineController,
  defineKeyController,
  type Result,
  watch,
} from '#reconcile/controller.ts';
import { SliceMetrics } from './endpointslice/metrics.ts';
import {
  addressTypes,
  MANAGED_BY,
  MANAGER,
  type Plan,
  planSlices,
  SERVICE_NAME,
} from './endpointslice/plan.ts';
import { type Told, TopologyHints, wantsTopology } from './endpointslice/topology.ts';
import { hasEndpoints, podsOf, servicesOfPod } from './shared/service-pods.ts';
import { nodeCondition } from './shared/nodes.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';
import { TriggerTimes, withTriggerTime } from './shared/trigger-times.ts';

const ZONE = 'topology.kubernetes.io/zone';
const BY_SERVICE = 'service';
const BY_NODE = 'node';

const NAME = 'endpointslice-controller';

export const endpointSliceController: Controller = defineKeyController({
  name: NAME,
  component: 'endpoint-slice-controller',
  queue: 'endpoint_slice',
  backoff: { firstMs: 1000, msMax: 1_000_000 },
  create(setup) {
    const metrics = new SliceMetrics(setup.metrics);
    const triggers = new TriggerTimes();
    const nodes = setup.watch(NODE);
    const topology = new TopologyHints(() => nodes.list());
    const controller = defineController<Service>({
      name: NAME,
      for: SERVICE,
      watches: [
        watch<Pod, Service>({ type: POD, keys: servicesOfPod }),
        watch<EndpointSlice, Service>({ type: ENDPOINT_SLICE, keys: serviceOfSlice }),
        watch<Node, Service>({
          type: NODE,
          keys: (change, caches) => [
            ...servicesOnNode(change, caches),
            ...(isNewsOfZones(change) ? topology.nodesChanged() : []),
          ],
        }),
      ],
      reconcile: (service, context) => reconcile(service, context, { metrics, triggers, topology }),
      gone: async (key) => {
        metrics.gone(key);
        triggers.gone(key);
        topology.gone(key);
      },
    });
    return controller.create(setup);
  },
});

/** What is known beyond one pass. */
interface Memory {
  readonly metrics: SliceMetrics;
  readonly triggers: TriggerTimes;
  readonly topology: TopologyHints;
}

async function reconcile(
  service: Service,
  context: Context<Service>,
  { metrics, triggers, topology }: Memory,
): Promise<Result> {
  if (!hasEndpoints(service)) {
    metrics.gone(context.key);
    return {};
  }
  const slices = slicesOf(context);
  const nodes = context.informer(NODE);
  const pods = podsOf(service, context.informer(POD));
  const triggerTime = triggers.next(context.key, service, pods);
  const tell = (told: Told): void => context.events.event({ about: service, ...told });
  const plan = planSlices({
    service,
    pods,
    slices,
    zoneOf: (node) => zoneOf(nodes.get(node)),
    hint: (unhinted) => {
      if (wantsTopology(service)) return topology.hint(context.key, unhinted, tell);
      topology.remove(context.key, unhinted.family, tell);
      return unhinted;
    },
  });
  const change = { ...plan, slices };
  metrics.planned(context.key, service, change);
  const writes = {
    ...plan,
    creates: plan.creates.map((slice) => withTriggerTime(slice, triggerTime)),
    updates: plan.updates.map((slice) => withTriggerTime(slice, triggerTime)),
  };
  // Pods of unknown nodes are left out; the node's arrival wakes the Service.
  const skips = plan.skipped.map(
    ({ metadata, spec }) =>
      `skipping Pod ${metadata?.name ?? ''} for Service ${context.key}: Node ${spec?.nodeName ?? ''} Not Found`,
  );
  const { causes, error } = await act(service, writes, { context, metrics });
  const faults = new Set([...skips, ...causes]);
  if (faults.size > 0) tellFailure(service, [...faults], context);
  if (faults.size === 0) metrics.synced(service, change);
  else metrics.failed();
  if (error !== undefined) throw error;
  return {};
}

/** Those of the Service, by name. */
function slicesOf(context: Context<Service>): EndpointSlice[] {
  const slices = context.informer(ENDPOINT_SLICE);
  slices.index(BY_SERVICE, (slice) => [serviceKeyOf(slice) ?? '']);
  return slices
    .byIndex(BY_SERVICE, context.key)
    .filter((slice) => slice.metadata?.deletionTimestamp === undefined)
    .sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
}

function zoneOf(node: Node | undefined): string | undefined {
  return node === undefined ? undefined : (node.metadata?.labels?.[ZONE] ?? '');
}

interface Outcome {
  /** What went wrong, in words. */
  readonly causes: readonly string[];
  /** The first of it. */
  readonly error?: Error;
}

/**
 * Writes one family of addresses after the other, then takes away what is of none that the Service
 * has: what goes wrong in one place does not stop the others.
 */
async function act(service: Service, plan: Plan, acting: Acting): Promise<Outcome> {
  const causes: string[] = [];
  let first: Error | undefined;
  const attempt = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      causes.push(error.message);
      first ??= errorOf(error.cause);
    }
  };
  const families: readonly string[] = addressTypes(service);
  for (const family of families) await attempt(actOnFamily(family, plan, acting));
  for (const slice of plan.deletes)
    if (!families.includes(slice.addressType))
      await attempt(remove(slice, 'error deleting', acting));
  return { causes, ...(first === undefined ? {} : { error: first }) };
}

/** A write that failed, in upstream's words; `cause` is the answer. */
class WriteError extends Error {
  override readonly name = 'WriteError';
}

interface Acting {
  readonly context: Context<Service>;
  readonly metrics: SliceMetrics;
}

function failure(what: string, key: string, cause: unknown): WriteError {
  const message = `${what} EndpointSlice for Service ${key}: ${messageOf(cause)}`;
  return new WriteError(message, { cause });
}

async function remove(
  { metadata }: EndpointSlice,
  what: string,
  { context, metrics }: Acting,
): Promise<void> {
  const { name = '', namespace = '' } = metadata ?? {};
  await context.client.delete(ENDPOINT_SLICE, { name, namespace }).catch((error: unknown) => {
    if (!isNotFound(error)) throw failure(`${what} ${name}`, context.key, error);
  });
  metrics.wrote('delete');
}

async function actOnFamily(family: string, plan: Plan, acting: Acting): Promise<void> {
  const { context, metrics } = acting;
  const { client, key } = context;
  const ofFamily = (slices: readonly EndpointSlice[]): EndpointSlice[] =>
    slices.filter(({ addressType }) => addressType === family);
  for (const slice of ofFamily(plan.creates)) {
    try {
      await client.create(ENDPOINT_SLICE, slice);
    } catch (error) {
      // In a namespace that is being deleted every create fails.
      if (isNamespaceTerminating(error)) return;
      throw failure('failed to create', key, error);
    }
    metrics.wrote('create');
  }
  for (const slice of ofFamily(plan.updates)) {
    await client.update(ENDPOINT_SLICE, slice).catch((error: unknown) => {
      throw failure(`failed to update ${slice.metadata?.name ?? ''}`, key, error);
    });
    metrics.wrote('update');
  }
  for (const slice of ofFamily(plan.deletes)) await remove(slice, 'failed to delete', acting);
}

function tellFailure(service: Service, causes: readonly string[], context: Context<Service>): void {
  const [first = '', ...others] = causes;
  const cause = others.length === 0 ? first : `[${causes.join(', ')}]`;
  context.events.event({
    about: service,
    type: 'Warning',
    reason: 'FailedToUpdateEndpointSlices',
    message: `Error updating Endpoint Slices for Service ${context.key}: ${cause}`,
  });
}

function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const { labels, namespace } = slice.metadata ?? {};
  const name = labels?.[SERVICE_NAME];
  return name === undefined || labels?.[MANAGED_BY] !== MANAGER
    ? undefined
    : keyFor(name, namespace);
}

/** Slices are this controller's own: what others do to them is put right. */
function serviceOfSlice(change: Change<EndpointSlice>): string[] {
  return [change.object, change.previous].flatMap((slice) =>
    slice === undefined ? [] : (serviceKeyOf(slice) ?? []),
  );
}

/** What the shares of zones are made of. */
function isNewsOfZones({ type, object, previous }: Change<Node>): boolean {
  const isReady = (node: Node | undefined): boolean =>
    node !== undefined && nodeCondition(node, 'Ready')?.status === 'True';
  if (type !== 'modified' || previous === undefined) return true;
  return isReady(object) !== isReady(previous) || zoneOf(object) !== zoneOf(previous);
}

/** A node that appears, disappears or moves changes what its Pods' endpoints say. */
function servicesOnNode(change: Change<Node>, caches: Caches<Service>): string[] {
  if (change.type === 'modified' && zoneOf(change.object) === zoneOf(change.previous)) return [];
  const pods = caches.informer(POD);
  pods.index(BY_NODE, (pod) => [pod.spec?.nodeName ?? '']);
  const services = pods
    .byIndex(BY_NODE, change.key)
    .flatMap((object) => servicesOfPod({ type: 'added', key: keyOf(object), object }, caches));
  return [...new Set(services)];
}
