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
import { messageOf } from '#base/error.ts';
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
import { MANAGED_BY, MANAGER, type Plan, planSlices, SERVICE_NAME } from './endpointslice/plan.ts';
import { hasEndpoints, podsOf, servicesOfPod } from './shared/service-pods.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

const ZONE = 'topology.kubernetes.io/zone';
const BY_SERVICE = 'service';
const BY_NODE = 'node';

const NAME = 'endpointslice-controller';

export const endpointSliceController: Controller = defineKeyController({
  name: NAME,
  queue: 'endpoint_slice',
  create(setup) {
    const metrics = new SliceMetrics(setup.metrics);
    const controller = defineController<Service>({
      name: NAME,
      for: SERVICE,
      watches: [
        watch<Pod, Service>({ type: POD, keys: servicesOfPod }),
        watch<EndpointSlice, Service>({ type: ENDPOINT_SLICE, keys: serviceOfSlice }),
        watch<Node, Service>({ type: NODE, keys: servicesOnNode }),
      ],
      reconcile: (service, context) => reconcile(service, context, metrics),
      gone: async (key) => metrics.gone(key),
    });
    return controller.create(setup);
  },
});

async function reconcile(
  service: Service,
  context: Context<Service>,
  metrics: SliceMetrics,
): Promise<Result> {
  if (!hasEndpoints(service)) {
    metrics.gone(context.key);
    return {};
  }
  const slices = slicesOf(context);
  const nodes = context.informer(NODE);
  const plan = planSlices({
    service,
    pods: podsOf(service, context.informer(POD)),
    slices,
    zoneOf: (node) => zoneOf(nodes.get(node)),
  });
  const change = { ...plan, slices };
  metrics.planned(context.key, service, change);
  try {
    await act(plan, context, metrics);
    metrics.synced(service, change);
  } catch (error) {
    if (isNamespaceTerminating(error)) return {};
    metrics.failed();
    tellFailure(service, error, context);
    throw error;
  }
  // Pods of unknown nodes are left out; the node's arrival wakes the Service.
  for (const { metadata, spec } of plan.skipped) {
    context.log.debug('node of pod is unknown', { pod: metadata?.name, node: spec?.nodeName });
  }
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

async function act(
  { creates, updates, deletes }: Plan,
  { client }: Context<Service>,
  metrics: SliceMetrics,
): Promise<void> {
  for (const slice of creates) {
    await client.create(ENDPOINT_SLICE, slice);
    metrics.wrote('create');
  }
  for (const slice of updates) {
    await client.update(ENDPOINT_SLICE, slice);
    metrics.wrote('update');
  }
  for (const { metadata } of deletes) {
    const { name = '', namespace = '' } = metadata ?? {};
    await client.delete(ENDPOINT_SLICE, { name, namespace }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    metrics.wrote('delete');
  }
}

function tellFailure(service: Service, error: unknown, context: Context<Service>): void {
  const cause = messageOf(error);
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
