/**
 * Looks after the bond between Services, their IPAddresses and their node ports: at the start, every
 * three minutes, and at what has changed. What can be mended is mended; the rest is told in Events.
 *
 * Upstream: pkg/registry/core/service/{ipallocator,portallocator}/controller.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from '../admission/targets.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { type Finding, report } from '../bootstrap/report.ts';
import { Turns } from '../turns.ts';
import {
  type AddressFault,
  faultOfAddress,
  faultsOfService,
  type ServiceWorld,
} from './address-faults.ts';
import { IP_ADDRESS_TARGET } from './addresses.ts';
import type { PortRange } from './node-ports.ts';
import { PortFaults } from './port-faults.ts';

/** Upstream's --service-repair-interval. */
const EVERY_MS = 3 * 60_000;
/** Between a change that may be half of a write and the look at it. */
const LATER_MS = 60_000;

export interface ServiceRepairOptions {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: Pick<LocalClient, 'create' | 'remove'>;
  readonly nodePortRange: PortRange;
}

export class ServiceRepair {
  readonly #options: ServiceRepairOptions;
  /** Names of IPAddresses that have changed: at most those that there are. */
  readonly #changed = new Set<string>();
  #everything: Timer | undefined;
  #later: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ServiceRepairOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.reader.follow(IP_ADDRESSES, ({ name }) => {
      this.#changed.add(name);
      this.#wakeLater();
    });
    this.#lookAtAll();
  }

  stop(): void {
    this.#stopped = true;
    this.#everything?.cancel();
    this.#later?.cancel();
  }

  #lookAtAll(): void {
    this.#run(async () => {
      await this.#services();
      await this.#addresses(this.#list<IPAddress>(IP_ADDRESSES));
    });
    const { timers } = this.#options.environment;
    this.#everything = timers.after(EVERY_MS, () => this.#lookAtAll());
  }

  /** Most IPAddresses are older than their Service for a moment: they are looked at together. */
  #wakeLater(): void {
    if (this.#later !== undefined || this.#stopped) return;
    this.#later = this.#options.environment.timers.after(LATER_MS, () => {
      this.#later = undefined;
      const names = [...this.#changed];
      this.#changed.clear();
      this.#run(() =>
        this.#addresses(names.flatMap((name) => this.#world([]).address(name) ?? [])),
      );
    });
  }

  /** One look at a time. */
  #run(look: () => Promise<void>): void {
    const { log } = this.#options.environment;
    this.#running = this.#running
      .then(look)
      .catch((error: unknown) =>
        log.warn('cannot repair the addresses of Services', { error: messageOf(error) }),
      );
  }

  #list<T>(target: typeof SERVICES): Iterable<T> {
    return this.#options.reader.list(target) as Iterable<T>;
  }

  #world(ranges: readonly ServiceCIDR[]): ServiceWorld {
    const { reader, environment } = this.#options;
    return {
      nowMs: environment.clock.now(),
      ranges,
      service: (namespace, name) => reader.get(SERVICES, namespace, name) as Service | undefined,
      address: (name) => reader.get(IP_ADDRESSES, '', name) as IPAddress | undefined,
    };
  }

  async #services(): Promise<void> {
    const world = this.#world([...this.#list<ServiceCIDR>(SERVICE_CIDRS)]);
    const ports = new PortFaults(this.#options.nodePortRange);
    const turns = new Turns(this.#options.environment);
    for (const { metadata } of this.#list<Service>(SERVICES)) {
      if (this.#stopped) return;
      if (turns.isOver()) await turns.next();
      // The list may be older than the last turn.
      const service = world.service(metadata?.namespace ?? '', metadata?.name ?? '');
      if (service === undefined) continue;
      for (const finding of ports.of(service)) await this.#tell(finding);
      for (const fault of faultsOfService(service, world)) await this.#mend(fault);
    }
  }

  async #addresses(objects: Iterable<IPAddress>): Promise<void> {
    const world = this.#world([]);
    const turns = new Turns(this.#options.environment);
    for (const { metadata } of objects) {
      if (this.#stopped) return;
      if (turns.isOver()) await turns.next();
      const object = world.address(metadata?.name ?? '');
      if (object === undefined) continue;
      const fault = faultOfAddress(object, world);
      if (fault === 'later') {
        this.#changed.add(object.metadata?.name ?? '');
        this.#wakeLater();
      } else if (fault !== undefined) await this.#mend(fault);
    }
  }

  async #mend({ finding, remove, create }: AddressFault): Promise<void> {
    const { client } = this.#options;
    if (finding !== undefined) await this.#tell(finding);
    if (remove !== undefined) await client.remove(IP_ADDRESS_TARGET, remove);
    if (create !== undefined) await client.create(IP_ADDRESS_TARGET, create);
  }

  /** A namespace that is going takes no Events; that must not keep the repair. */
  async #tell(finding: Finding): Promise<void> {
    const { client, environment } = this.#options;
    try {
      await report(client, finding, environment.clock.now());
    } catch (error) {
      environment.log.warn('cannot report what is wrong with a Service', {
        reason: finding.reason,
        error: messageOf(error),
      });
    }
  }
}
