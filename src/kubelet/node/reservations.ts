/**
 * What a node has, and what of it is kept from pods: for the system, for Kubernetes, and so that
 * hard eviction thresholds are not met. Pure.
 *
 * Source: Kubernetes documentation "Reserve Compute Resources for System Daemons" v1.36. Upstream:
 * pkg/kubelet/cm/node_container_manager_linux.go, pkg/kubelet/nodestatus/setters.go, v1.36.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { parseCpuList } from '../config/cpu-list.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { amountIn, isHard, thresholdsOf } from '../eviction/thresholds.ts';
import type { Signal } from '../eviction/signals.ts';
import type { MachineFacts } from './machine.ts';

/** A resource that can be reserved: processors in thousandths, bytes, process ids. */
type Reservable = 'cpu' | 'memory' | 'ephemeral-storage' | 'pid';

export interface RoomFacts {
  readonly configuration: KubeletConfiguration;
  readonly machine: MachineFacts;
  /** Of the file system of the kubelet. */
  readonly diskCapacityBytes: number;
}

/** Which threshold keeps back which resource. */
const SIGNALS: readonly (readonly [Reservable, Signal])[] = [
  ['memory', 'memory.available'],
  ['ephemeral-storage', 'nodefs.available'],
];

/** For the system and for Kubernetes, without what thresholds keep back. */
export function reserved(config: KubeletConfiguration, resource: Reservable): number {
  const cpus = parseCpuList(config.reservedSystemCPUs ?? '').size;
  // Processors that are named go before amounts of them.
  if (resource === 'cpu' && cpus > 0) return cpus * 1000;
  const amountOf = (list: Readonly<Record<string, string>> = {}): number => {
    const quantity = list[resource] ?? '0';
    return resource === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
  };
  return amountOf(config.systemReserved) + amountOf(config.kubeReserved);
}

/** For the hard thresholds. */
function keptByEviction(config: KubeletConfiguration, resource: Reservable, capacity: number) {
  const [, signal] = SIGNALS.find(([name]) => name === resource) ?? [];
  const threshold = thresholdsOf(config).find((each) => isHard(each) && each.signal === signal);
  return threshold === undefined ? 0 : amountIn(threshold.amount, { available: 0, capacity });
}

/** How many pods the node takes. */
function podsMax({ configuration, machine }: RoomFacts): number {
  const { maxPods, podsPerCore = 0 } = configuration;
  return podsPerCore > 0 ? Math.min(machine.cpus * podsPerCore, maxPods) : maxPods;
}

export function nodeCapacity(facts: RoomFacts): Record<string, string> {
  const { configuration, machine, diskCapacityBytes } = facts;
  return {
    cpu: String(machine.cpus),
    ...(configuration.localStorageCapacityIsolation
      ? { 'ephemeral-storage': `${Math.floor(diskCapacityBytes / 1024)}Ki` }
      : {}),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(podsMax(facts)),
  };
}

export function nodeAllocatable(facts: RoomFacts): Record<string, string> {
  const { configuration, machine, diskCapacityBytes } = facts;
  const left = (resource: Reservable, capacity: number): number =>
    Math.max(
      0,
      capacity -
        reserved(configuration, resource) -
        keptByEviction(configuration, resource, capacity),
    );
  return {
    ...nodeCapacity(facts),
    cpu: cpuText(left('cpu', machine.cpus * 1000)),
    ...(configuration.localStorageCapacityIsolation
      ? { 'ephemeral-storage': String(left('ephemeral-storage', diskCapacityBytes)) }
      : {}),
    memory: `${Math.floor(left('memory', machine.memoryBytes) / 1024)}Ki`,
  };
}

function cpuText(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

/** What is wrong with the reservations; undefined: they leave something. */
export function reservationProblem(facts: RoomFacts): string | undefined {
  const { configuration, machine, diskCapacityBytes } = facts;
  const capacities: readonly (readonly [Reservable, number])[] = [
    ['cpu', machine.cpus * 1000],
    ['memory', machine.memoryBytes],
    ['ephemeral-storage', diskCapacityBytes],
  ];
  const text = (resource: Reservable, amount: number): string =>
    resource === 'cpu' ? cpuText(amount) : String(amount);
  const wrong = capacities.flatMap(([resource, capacity]) => {
    const kept =
      reserved(configuration, resource) + keptByEviction(configuration, resource, capacity);
    if (kept <= capacity) return [];
    return [
      `Resource "${resource}" has a reservation of ${text(resource, kept)} but capacity of ${text(resource, capacity)}. Expected capacity >= reservation.`,
    ];
  });
  return wrong.length === 0
    ? undefined
    : `invalid Node Allocatable configuration. ${wrong.join(' ')}`;
}
