/**
 * Ports on nodes: one pool for all Services and protocols. What is used is read from the Services.
 *
 * Source: KEP-3668; upstream pkg/registry/core/service/portallocator (allocator.go, operation.go).
 */
import type { Service, ServiceSpec } from '#api/gen/core-v1.ts';
import type { Random } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { SERVICES } from '../admission/targets.ts';
import type { ApiObject } from '../api-object.ts';
import { AllocationError } from './addresses.ts';
import { PortMetrics, type Scope } from './metrics.ts';
import { Holders, lowerBand, Pool } from './pool.ts';

const BAND = { least: 16n, most: 128n, step: 32n };
/** A dry run's first port; no node port, so that nobody takes it for one. */
const PLACEHOLDER = 32_769;

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export class NodePorts {
  readonly pool: Pool;
  readonly reader: ObjectReader;
  readonly rangeText: string;
  readonly metrics: PortMetrics;
  /** What each Service (`namespace/name`) was last seen with. */
  readonly #seen = new Map<string, readonly bigint[]>();

  constructor(options: {
    readonly reader: ObjectReader;
    readonly range: PortRange;
    readonly random: Random;
    readonly metricRegistry: MetricRegistry;
  }) {
    const { from, to } = options.range;
    const [first, last] = [BigInt(from), BigInt(to)];
    this.reader = options.reader;
    this.rangeText = `${from}-${to}`;
    this.pool = new Pool({
      first,
      last,
      lowerBand: lowerBand(last - first + 1n, BAND),
      random: options.random,
      holders: new Holders(),
    });
    this.metrics = new PortMetrics(options.metricRegistry, () => this.pool.fill());
  }

  start(): void {
    this.reader.follow(SERVICES, ({ namespace, name, object }) =>
      this.#observe(`${namespace}/${name}`, object),
    );
    for (const object of this.reader.list(SERVICES))
      this.#observe(`${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`, object);
  }

  #observe(owner: string, object: ApiObject | undefined): void {
    const now = object === undefined ? [] : portsOf((object as Service).spec);
    const { holders } = this.pool;
    for (const port of now) holders.use(port, owner);
    for (const port of this.#seen.get(owner) ?? [])
      if (!now.includes(port)) holders.release(port, owner);
    if (now.length === 0) this.#seen.delete(owner);
    else this.#seen.set(owner, now);
  }

  /** The ports that one write takes. */
  begin(dryRun: boolean): PortTaking {
    return new PortTaking(this, dryRun);
  }
}

function portsOf(spec: ServiceSpec | undefined): bigint[] {
  const ports = (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort);
  return [...ports, spec?.healthCheckNodePort ?? 0]
    .filter((port) => port !== 0)
    .map((port) => BigInt(port));
}

/** A dry run takes nothing: others may ask for the same at the same time. */
export class PortTaking {
  readonly #ports: NodePorts;
  readonly #dryRun: boolean;
  readonly #taken: number[] = [];

  constructor(ports: NodePorts, dryRun: boolean) {
    this.#ports = ports;
    this.#dryRun = dryRun;
  }

  /** Throws AllocationError. */
  async take(port: number): Promise<void> {
    const { pool, reader, rangeText } = this.#ports;
    const number = BigInt(port);
    // Upstream's dry run does not look at the range.
    if (!this.#dryRun && !pool.contains(number)) {
      throw this.#failed(
        'static',
        `provided port is not in the valid range. The range of valid ports is ${rangeText}`,
      );
    }
    // What another write has just released may not show yet.
    if (!pool.holders.isFree(number)) await reader.catchUp();
    if (!pool.holders.isFree(number) || (this.#dryRun && this.#taken.includes(port)))
      throw this.#failed('static', 'provided port is already allocated');
    this.#keep(port, 'static');
  }

  /** Throws AllocationError. */
  async takeAny(): Promise<number> {
    if (this.#dryRun) {
      const port = this.#taken.length === 0 ? PLACEHOLDER : Math.max(...this.#taken) + 1;
      this.#keep(port, 'dynamic');
      return port;
    }
    const { pool, reader } = this.#ports;
    let number = pool.findFree();
    if (number === undefined) {
      await reader.catchUp();
      number = pool.findFree();
    }
    if (number === undefined) throw this.#failed('dynamic', 'range is full');
    this.#keep(Number(number), 'dynamic');
    return Number(number);
  }

  #keep(port: number, scope: Scope): void {
    this.#taken.push(port);
    if (this.#dryRun) return;
    this.#ports.pool.holders.hold(BigInt(port));
    this.#ports.metrics.took(scope);
  }

  #failed(scope: Scope, message: string): Error {
    if (!this.#dryRun) this.#ports.metrics.failed(scope);
    return new AllocationError(message);
  }

  revert(): void {
    if (this.#dryRun) return;
    for (const port of this.#taken) this.#ports.pool.holders.giveBack(BigInt(port));
  }
}
