/**
 * How many addresses and node ports Services have, and how it went with those they asked for.
 *
 * How many there are is counted when somebody looks: what other servers take counts too.
 *
 * Source: upstream v1.36 pkg/registry/core/service/{ipallocator,portallocator}/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const ADDRESSES = 'kube_apiserver_clusterip_allocator';
const PORTS = 'kube_apiserver_nodeport_allocator';
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The Service said which one it wants, or took any. */
export type Scope = 'static' | 'dynamic';

export interface Fill {
  readonly taken: number;
  readonly free: number;
}

export class AddressMetrics {
  readonly #clock: Clock;
  readonly #taken: Counter;
  readonly #failed: Counter;
  readonly #seconds: Histogram;

  /** `fills`: of each range, as a CIDR. */
  constructor(
    registry: MetricRegistry,
    clock: Clock,
    fills: () => Iterable<readonly [cidr: string, Fill]>,
  ) {
    this.#clock = clock;
    const { taken, failed } = counters(registry, ADDRESSES, 'addresses', 'cidr');
    this.#taken = taken;
    this.#failed = failed;
    this.#seconds = registry.histogram(
      alpha(
        `${ADDRESSES}_allocation_duration_seconds`,
        'How long it took to find an address for a Service and to lock it.',
        'cidr',
      ),
      SECONDS,
    );
    const each = (value: (fill: Fill) => number) => () =>
      Array.from(fills(), ([cidr, fill]) => [[cidr], value(fill)] as const);
    registry.observed(
      alpha(`${ADDRESSES}_allocated_ips`, 'Addresses of the range that are taken.', 'cidr'),
      each(({ taken }) => taken),
    );
    registry.observed(
      alpha(`${ADDRESSES}_available_ips`, 'Addresses of the range that are free.', 'cidr'),
      each(({ free }) => free),
    );
  }

  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  took(cidr: string, scope: Scope, startMs: number): void {
    this.#taken.add([cidr, scope]);
    this.#seconds.observe([cidr], (this.nowMs - startMs) / 1000);
  }

  failed(cidr: string, scope: Scope): void {
    this.#failed.add([cidr, scope]);
  }
}

export class PortMetrics {
  readonly #taken: Counter;
  readonly #failed: Counter;

  constructor(registry: MetricRegistry, fill: () => Fill) {
    const { taken, failed } = counters(registry, PORTS, 'node ports');
    this.#taken = taken;
    this.#failed = failed;
    registry.observed(alpha(`${PORTS}_allocated_ports`, 'Node ports that are taken.'), () => [
      [[], fill().taken],
    ]);
    registry.observed(alpha(`${PORTS}_available_ports`, 'Node ports that are free.'), () => [
      [[], fill().free],
    ]);
  }

  took(scope: Scope): void {
    this.#taken.add([scope]);
  }

  failed(scope: Scope): void {
    this.#failed.add([scope]);
  }
}

function counters(
  registry: MetricRegistry,
  prefix: string,
  what: string,
  ...labels: readonly string[]
): { taken: Counter; failed: Counter } {
  return {
    taken: registry.counter(
      alpha(`${prefix}_allocation_total`, `How often ${what} were taken.`, ...labels, 'scope'),
    ),
    failed: registry.counter(
      alpha(
        `${prefix}_allocation_errors_total`,
        `How often ${what} were asked for in vain.`,
        ...labels,
        'scope',
      ),
    ),
  };
}
