/**
 * Answers, on one node, for the addresses of load balancers that this node speaks for: they are on
 * its interface, and nowhere else (`speaker.ts`). When it takes one over, it tells its neighbours.
 *
 * What is on the interface is asked of the kernel each time, so that nothing of before a crash stays.
 */
import { NODE } from '#api/core/node.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Node, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { runCommand } from '#base/run-command.ts';
import { WriteLoop } from '#base/write-loop.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { heldAddresses, ingressOf } from './allocate.ts';
import {
  addressCommands,
  interfaceOf,
  notifyArguments,
  notifySysctls,
  RENEW_MS,
} from './commands.ts';
import type { Pool } from './pools.ts';
import { speakerOf } from './speaker.ts';

const BY_SERVICE = 'service';
/** Services that have addresses: few of all. */
const HOLDERS = 'holders';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const COMMAND_TIMEOUT_MS = 30_000;

export interface AnnouncerOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  /** Of the Node that this runs on. */
  readonly nodeName: string;
  /** The interface towards those who ask for the addresses. */
  readonly device: string;
  readonly pools: readonly Pool[];
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #nodes: Informer<Node>;
  readonly #loop: WriteLoop;
  #wanted: readonly string[] = [];
  #isRenewalDue = false;

  constructor(options: AnnouncerOptions) {
    const { environment, informers } = options;
    this.#options = options;
    this.#services = informers.for(SERVICE);
    this.#slices = informers.for(ENDPOINT_SLICE);
    this.#nodes = informers.for(NODE);
    this.#slices.index(BY_SERVICE, serviceOf);
    this.#services.index(HOLDERS, (service) => (ingressOf(service).length > 0 ? [HOLDERS] : []));
    this.#loop = new WriteLoop({
      environment,
      what: 'addresses of load balancers',
      write: () => this.#write(),
    });
  }

  /** Resolves when the interface has what it shall have; works until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const caches = [this.#services, this.#slices, this.#nodes];
    await Promise.all(caches.map((cache) => cache.synced()));
    const { processes, device } = this.#options;
    for (const sysctl of notifySysctls(device)) {
      // Without IPv6 there is none of the second.
      const { exitCode } = await processes.run('sysctl', ['-qw', sysctl]);
      if (exitCode !== 0) this.#options.environment.log.warn('cannot set a sysctl', { sysctl });
    }
    for (const cache of caches)
      cache.onChange(() => {
        if (this.#decide().join() !== this.#wanted.join()) this.#loop.wake();
      });
    this.#isRenewalDue = true;
    this.#renewEvery(signal);
    await this.#loop.start(signal);
  }

  /** Takes the addresses away: the next node need not wait until the kernel does. */
  async stop(): Promise<void> {
    const { device, pools } = this.#options;
    const { addresses } = interfaceOf(await this.#run('ip', showArguments(device)), pools);
    const script = addressCommands(device, addresses, []);
    if (script !== '') await this.#run('ip', ['-force', '-batch', '-'], script);
  }

  #renewEvery(signal: AbortSignal): void {
    const timer = this.#options.environment.timers.after(RENEW_MS, () => {
      this.#isRenewalDue = true;
      this.#loop.wake();
      this.#renewEvery(signal);
    });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  /** The addresses that this node speaks for, sorted. */
  #decide(): string[] {
    const { pools, nodeName } = this.#options;
    const nodes = this.#nodes.list();
    const held = heldAddresses(this.#services.byIndex(HOLDERS, HOLDERS), pools);
    return [...held]
      .filter(([address, service]) => {
        const slices = this.#slices.byIndex(BY_SERVICE, keyOf(service));
        return speakerOf({ address, service, slices }, nodes) === nodeName;
      })
      .map(([address]) => address)
      .toSorted();
  }

  async #write(): Promise<void> {
    const { device, pools } = this.#options;
    const wanted = this.#decide();
    if (!this.#isRenewalDue && wanted.join() === this.#wanted.join()) return;
    this.#isRenewalDue = true;
    const shown = interfaceOf(await this.#run('ip', showArguments(device)), pools);
    const script = addressCommands(device, shown.addresses, wanted);
    if (script !== '') await this.#run('ip', ['-force', '-batch', '-'], script);
    if (wanted.some((address) => !shown.addresses.includes(address)))
      await this.#run('ip', notifyArguments(device, shown.hardwareAddress));
    this.#wanted = wanted;
    this.#isRenewalDue = false;
  }

  #run(command: string, args: readonly string[], input = ''): Promise<string> {
    const options = { input, timeoutMs: COMMAND_TIMEOUT_MS };
    return runCommand(this.#options.processes, command, args, options);
  }
}

/**
 * Takes the addresses of pools from all interfaces: when the node leaves, also after a crash. What is
 * not there is no error.
 */
export async function removePoolAddresses(
  processes: Processes,
  pools: readonly Pool[],
): Promise<void> {
  if (pools.length === 0) return;
  const { exitCode, stdout } = await processes.run('ip', ['-json', 'address', 'show']);
  const text = Buffer.from(stdout).toString('utf8');
  const shown = exitCode === 0 ? (JSON.parse(text) as { ifname?: string }[]) : [];
  for (const each of shown) {
    const { addresses } = interfaceOf(JSON.stringify([each]), pools);
    const script = addressCommands(each.ifname ?? '', addresses, []);
    if (script !== '') await processes.run('ip', ['-force', '-batch', '-'], { input: script });
  }
}

function showArguments(device: string): string[] {
  return ['-json', 'address', 'show', 'dev', device];
}

function serviceOf({ metadata }: EndpointSlice): string[] {
  const name = metadata?.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? [] : [`${metadata?.namespace ?? ''}/${name}`];
}
