/**
 * The service proxy: watches Services, EndpointSlices and the node's own pods (host ports), and
 * keeps one nftables table in step.
 *
 *   informers ─▶ names of what changed ─▶ plan (pure) ─▶ elements ─▶ nft: the changes alone
 *
 * Changes that arrive together go in together. After a failure the whole table is written anew.
 */
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { POD } from '#api/core/pod.ts';
import { NODE } from '#api/core/node.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Node, Pod, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { type ElementChange, Elements } from '#base/nftables/elements.ts';
import { runCommand } from '#base/run-command.ts';
import { WriteLoop } from '#base/write-loop.ts';
import type { EventRecorder } from '#client/events.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { forgottenClients, keptClients, type RememberedClient } from './affinity.ts';
import { conntrackDeletions } from './conntrack.ts';
import { HealthChecks, type Listen } from './health-checks.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { PROXY_NAME_LABEL } from './proxied.ts';
import { planHostPorts, planService, type ProxyNode } from './plan.ts';

const NFT_TIMEOUT_MS = 30_000;
const OUTPUT = { timeoutMs: NFT_TIMEOUT_MS, outputMaxBytes: 256 * 1024 * 1024 };
/** Conntrack entries are forgotten one call a place; more places than this in one go are dropped. */
const CONNTRACK_CALLS_MAX = 500;
/** A pod's list of ports counts only while it is on this node and has an address. */
const BY_SERVICE = 'service';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface ProxyOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  /** Its zone is learnt from the API. */
  readonly node: Omit<ProxyNode, 'zone'>;
  readonly table: TableOptions;
  readonly events: EventRecorder;
  /** Opens the health-check node ports. */
  readonly listen: Listen;
}

export class Proxy {
  readonly #options: ProxyOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #pods: Informer<Pod>;
  /** This one alone. */
  readonly #nodes: Informer<Node>;
  readonly #elements = new Elements();
  readonly #healthChecks: HealthChecks;
  readonly #dirty = new Set<string>();
  readonly #loop: WriteLoop;
  /** Chains that the table has; undefined: the table must be written whole. */
  #chains: Set<string> | undefined;
  #hasWritten = false;
  #zone = '';

  constructor(options: ProxyOptions) {
    const { informers, node } = options;
    this.#options = options;
    this.#services = informers.for(SERVICE);
    this.#slices = informers.for(ENDPOINT_SLICE);
    this.#pods = informers.for(POD, { fieldSelector: `spec.nodeName=${node.name}` });
    this.#nodes = informers.for(NODE, { fieldSelector: `metadata.name=${node.name}` });
    this.#slices.index(BY_SERVICE, serviceOf);
    this.#loop = new WriteLoop({
      ...options,
      what: 'service rules',
      write: () => this.#write(),
    });
    this.#healthChecks = new HealthChecks({
      ...options,
      nodeName: node.name,
      isProxyHealthy: () => this.#hasWritten && this.#chains !== undefined,
    });
  }

  /** Works until `signal` is aborted; the table stays, so that traffic flows on. */
  async start(signal: AbortSignal): Promise<void> {
    this.#services.onChange(({ key }) => this.#wake(`service ${key}`));
    this.#slices.onChange(({ object, previous }) => {
      for (const slice of [object, previous]) {
        for (const key of slice === undefined ? [] : serviceOf(slice)) this.#wake(`service ${key}`);
      }
    });
    this.#pods.onChange(({ key }) => this.#wake(`pod ${key}`));
    this.#nodes.onChange(({ type, object }) => {
      if (type !== 'deleted') this.#moveTo(object.metadata?.labels?.[ZONE_LABEL] ?? '');
    });
    const caches = [this.#services, this.#slices, this.#pods, this.#nodes];
    await Promise.all(caches.map((cache) => cache.synced()));
    signal.addEventListener('abort', () => {
      this.#healthChecks.stop().catch(() => {});
    });
    await this.#loop.start(signal);
  }

  /** What is near is another now. */
  #moveTo(zone: string): void {
    if (zone === this.#zone) return;
    this.#zone = zone;
    for (const service of this.#services.list()) this.#wake(`service ${keyOf(service)}`);
  }

  #wake(key: string): void {
    this.#dirty.add(key);
    this.#loop.wake();
  }

  async #write(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      this.#chains = undefined;
      throw error;
    }
  }

  async #sync(): Promise<void> {
    for (const key of this.#dirty) this.#take(key);
    this.#dirty.clear();
    const changes = this.#elements.takeChanges();
    const isFirst = !this.#hasWritten;
    const script = this.#chains && deltaScript(this.#options.table, changes, this.#chains);
    if (script === '') return;
    if (script === undefined) await this.#writeTable();
    else await this.#nft(script);
    this.#hasWritten = true;
    // At the start everything is new to us, but not to the kernel: flows that run go on.
    if (!isFirst) await this.#forget(changes);
  }

  async #writeTable(): Promise<void> {
    const { script, chains } = fullScript(
      this.#options.table,
      this.#elements,
      await this.#remembered(),
    );
    await this.#nft(script);
    this.#chains = chains;
  }

  /** Clients that stick to an endpoint, as the table of now knows them; none when there is none. */
  async #remembered(): Promise<RememberedClient[]> {
    const args = ['-j', 'list', 'map', 'ip', this.#options.table.table, 'affinity'];
    const result = await this.#options.processes.run('nft', args, OUTPUT);
    if (result.exitCode !== 0) return [];
    return keptClients(Buffer.from(result.stdout).toString('utf8'), this.#elements);
  }

  /** Takes over what the caches have under this key now. */
  #take(key: string): void {
    const [kind = '', name = ''] = key.split(' ');
    if (kind === 'pod') {
      const pod = this.#pods.get(name);
      this.#elements.replace(key, pod === undefined ? [] : planHostPorts(pod));
      return;
    }
    const service = this.#services.get(name);
    const slices = this.#slices.byIndex(BY_SERVICE, name);
    const node = { ...this.#options.node, zone: this.#zone };
    this.#elements.replace(key, service === undefined ? [] : planService(service, slices, node));
    this.#healthChecks.update(name, service, slices);
  }

  /** Makes the kernel forget flows and clients that lead to endpoints which are gone. */
  async #forget(changes: readonly ElementChange[]): Promise<void> {
    try {
      await this.#forgetClients(changes);
      const deletions = conntrackDeletions(changes);
      for (const args of deletions.slice(0, CONNTRACK_CALLS_MAX)) {
        await this.#options.processes.run('conntrack', args, { timeoutMs: NFT_TIMEOUT_MS });
      }
    } catch (error) {
      this.#options.environment.log.warn('cannot forget old connections', { error: String(error) });
    }
  }

  async #forgetClients(changes: readonly ElementChange[]): Promise<void> {
    const left = changes.some(
      ({ map, before }) => map.endsWith('endpoints') && before !== undefined,
    );
    const sticky = [...this.#elements.entries('sticky_services')].length > 0;
    if (!left || !sticky) return;
    const { table } = this.#options.table;
    const listing = await this.#run(['-j', 'list', 'map', 'ip', table, 'affinity']);
    const keys = forgottenClients(listing, this.#elements);
    // One by one: an element that timed out meanwhile must not keep the others.
    for (const key of keys) {
      await this.#options.processes.run('nft', [
        'delete',
        'element',
        'ip',
        table,
        'affinity',
        `{ ${key} }`,
      ]);
    }
  }

  async #nft(script: string): Promise<void> {
    await this.#run(['-f', '-'], script);
  }

  #run(args: readonly string[], input?: string): Promise<string> {
    const options = { ...OUTPUT, ...(input === undefined ? {} : { input }) };
    return runCommand(this.#options.processes, 'nft', args, options);
  }
}

/** Removes every rule of ours: when the node leaves for good. */
export async function removeProxyTable(processes: Processes, table: string): Promise<void> {
  await processes.run('nft', ['-f', '-'], {
    input: removalScript('ip', table),
    timeoutMs: NFT_TIMEOUT_MS,
  });
}

/** `namespace/name` of the Service that a slice belongs to; none when another proxy serves it. */
function serviceOf(slice: EndpointSlice): string[] {
  const labels = slice.metadata?.labels ?? {};
  const name = labels[SERVICE_NAME_LABEL];
  if (name === undefined || labels[PROXY_NAME_LABEL] !== undefined) return [];
  return [`${slice.metadata?.namespace ?? ''}/${name}`];
}
