/**
 * ServiceCIDR: says that a range of Service addresses may be used, and keeps one that is being
 * deleted as long as Services have addresses that no other range holds.
 *
 *   made ─▶ finalizer ─▶ Ready ─▶ deleted ─▶ Ready=False (Terminating) ─▶ 10 s ─▶ gone
 *
 * Upstream: pkg/controller/servicecidrs/servicecidrs_controller.go, v1.36.
 */
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { IP_ADDRESS } from '#api/networking/ip-address.ts';
import { SERVICE_CIDR } from '#api/networking/service-cidr.ts';
import {
  isManagedAddress,
  isSubrange,
  rangesHolding,
  rangesOf,
  READY,
} from '#api/networking/service-ranges.ts';
import type { Environment } from '#base/env.ts';
import { parseIp } from '#base/ip.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import { type Controller, defineKeyController, type Result } from '#reconcile/controller.ts';

const NAME = 'service-cidr-controller';
const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
/** Until every API server has heard that the range gives no more addresses. */
const GRACE_MS = 10_000;

interface Condition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

const IS_READY: Condition = {
  status: 'True',
  reason: '',
  message: 'Kubernetes Service CIDR is ready',
};
const IS_TERMINATING: Condition = {
  status: 'False',
  reason: 'Terminating',
  message:
    'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

export const serviceCidrController: Controller = defineKeyController({
  name: NAME,
  queue: 'ipaddresses',
  identity: 'service-cidrs-controller',
  create: (setup) => {
    const cidrs: Informer<ServiceCIDR> = setup.watch(SERVICE_CIDR, ({ type, key, object }) =>
      // Another range may free one that is being deleted.
      type === 'added' ? [key, ...overlapping(object, cidrs.list())] : [key],
    );
    const addresses = setup.watch(IP_ADDRESS, ({ type, object }) =>
      type === 'modified' ? [] : holding(object, cidrs.list()),
    );
    return async (key, { client }): Promise<Result> => {
      const cidr = cidrs.get(key);
      if (cidr === undefined) return {};
      const work = { cidr, client, environment: setup.environment };
      try {
        if (cidr.metadata?.deletionTimestamp !== undefined)
          return await end(work, cidrs.list(), addresses.list());
        await addFinalizer(work);
        await setReady(work, setup.events);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return {};
    };
  },
});

interface Work {
  readonly cidr: ServiceCIDR;
  readonly client: Client;
  readonly environment: Environment;
}

const nameOf = ({ metadata }: ServiceCIDR): string => metadata?.name ?? '';

function overlapping(cidr: ServiceCIDR, all: readonly ServiceCIDR[]): string[] {
  const ranges = rangesOf(cidr);
  const overlaps = (other: ServiceCIDR): boolean =>
    rangesOf(other).some((one) =>
      ranges.some((range) => isSubrange(range, one) || isSubrange(one, range)),
    );
  return all.filter(overlaps).map(nameOf);
}

function holding(object: IPAddress, all: readonly ServiceCIDR[]): string[] {
  const address = parseIp(object.metadata?.name ?? '');
  return address === undefined || !isManagedAddress(object)
    ? []
    : rangesHolding(all, address).map(nameOf);
}

async function end(
  work: Work,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): Promise<Result> {
  const { cidr, environment } = work;
  if (!isDispensable(cidr, all, addresses)) {
    await setCondition(work, IS_TERMINATING);
    return {};
  }
  const deletedMs = Date.parse(cidr.metadata?.deletionTimestamp ?? '');
  const waitMs = deletedMs + GRACE_MS - environment.clock.now();
  if (waitMs > 0) return { requeueAfterMs: waitMs };
  await removeFinalizer(work);
  return {};
}

/** Whether no Service loses its range with `cidr`. */
export function isDispensable(
  cidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): boolean {
  return addresses.every((address) => {
    const names = holding(address, all);
    return names.length !== 1 || names[0] !== nameOf(cidr);
  });
}

async function addFinalizer({ cidr, client }: Work): Promise<void> {
  if (cidr.metadata?.finalizers?.includes(FINALIZER) === true) return;
  const patch = { metadata: { finalizers: [FINALIZER] } };
  await client.patch(SERVICE_CIDR, { name: nameOf(cidr) }, 'strategic', patch);
}

async function removeFinalizer({ cidr, client }: Work): Promise<void> {
  if (cidr.metadata?.finalizers?.includes(FINALIZER) !== true) return;
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] } };
  await client.patch(SERVICE_CIDR, { name: nameOf(cidr) }, 'strategic', patch);
}

async function setReady(work: Work, events: EventRecorder): Promise<void> {
  try {
    await setCondition(work, IS_READY);
  } catch (error) {
    const message = 'The ServiceCIDR Status can not be set to Ready=True';
    const reason = 'KubernetesServiceCIDRError';
    events.event({ about: work.cidr, type: 'Warning', reason, message });
    throw error;
  }
}

async function setCondition(
  { cidr, client, environment }: Work,
  { status, reason, message }: Condition,
): Promise<void> {
  const now = cidr.status?.conditions?.find(({ type }) => type === READY);
  if (now?.status === status && now.reason === reason && now.message === message) return;
  const lastTransitionTime = timeText(environment.clock.now());
  const condition = { type: READY, status, reason, message, lastTransitionTime };
  await client.patch(
    SERVICE_CIDR,
    { name: nameOf(cidr) },
    'apply',
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: nameOf(cidr) },
      status: { conditions: [condition] },
    },
    { subresource: 'status', fieldManager: NAME, force: true },
  );
}
