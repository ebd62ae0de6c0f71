/**
 * Pods reach pods on other nodes without translation: a route to each other node's pod range, kept
 * as Nodes come, go and get their ranges.
 *
 * A route that cannot be made (a node that is no neighbour, in mode `direct`) is logged and tried
 * again, and leaves the others alone. Source: Kubernetes documentation, "The Kubernetes network model".
 */
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { runCommand } from '#base/run-command.ts';
import { WriteLoop } from '#base/write-loop.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import type { Informer } from '#client/informer.ts';
import {
  type CommandOptions,
  ROUTE_PROTOCOL,
  routeCommands,
  routesOf,
  tunnelCommands,
} from './commands.ts';
import { isIpv4, type PodNetworkMode, type PodRoute, podRoutes, rangesOf } from './routes.ts';

const COMMAND_TIMEOUT_MS = 30_000;
/** What wrapping takes of each packet: IPv4, UDP, VXLAN and Ethernet. */
const TUNNEL_OVERHEAD_BYTES = 50;

/** Bytes in a packet that goes through a tunnel over an interface whose own have `linkMtu`. */
export function tunnelMtu(linkMtu: number): number {
  return linkMtu - TUNNEL_OVERHEAD_BYTES;
}

export interface PodNetworkOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  /** The Node that this runs on, its InternalIP of IPv4, and what fits in a packet of that interface. */
  readonly node: { readonly name: string; readonly address: string; readonly linkMtu: number };
  readonly mode: PodNetworkMode;
  /** Name of the tunnel's interface; at most 15 bytes. */
  readonly tunnelDevice: string;
}

export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #nodes: Informer<Node>;
  readonly #loop: WriteLoop;
  /** What the kernel has been told; undefined: ask it. */
  #written: readonly PodRoute[] | undefined;

  constructor(options: PodNetworkOptions) {
    const { environment, informers } = options;
    this.#options = options;
    this.#nodes = informers.for(NODE, { transform: keptNode });
    this.#nodes.onChange(() => {
      if (!equalValues(this.#wanted(), this.#written)) this.#loop.wake();
    });
    this.#loop = new WriteLoop({ environment, what: 'routes of pods', write: () => this.#write() });
  }

  /** Resolves when there are routes to all nodes that are known. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#nodes.synced();
    await this.#loop.start(signal);
  }

  #wanted(): PodRoute[] {
    return podRoutes(this.#nodes.list(), this.#options.node.name);
  }

  async #write(): Promise<void> {
    const { mode, tunnelDevice } = this.#options;
    const wanted = this.#wanted();
    if (mode === 'vxlan' && !(await this.#ensureTunnel())) return;
    const old = this.#written ?? (await this.#routesThere());
    this.#written = undefined;
    const options: CommandOptions = { mode, tunnelDevice };
    const { ip, bridge } = routeCommands(old, wanted, options);
    // Forced: one route that cannot be made is no reason against the next.
    if (bridge !== '') await this.#run('bridge', ['-force', '-batch', '-'], bridge);
    if (ip !== '') await this.#run('ip', ['-force', '-batch', '-'], ip);
    this.#written = wanted;
  }

  async #routesThere(): Promise<PodRoute[]> {
    const ranges = this.#nodes.list().flatMap(rangesOf);
    // A kernel need not know of a family that nobody has.
    const families = ranges.every(isIpv4) ? ['-4'] : ['-4', '-6'];
    const routes: PodRoute[] = [];
    for (const family of families) {
      const args = ['-json', family, 'route', 'show', 'proto', String(ROUTE_PROTOCOL)];
      routes.push(...routesOf((await this.#run('ip', args)).trim()));
    }
    return routes;
  }

  /** False as long as this node has no pod range of its own, of IPv4. */
  async #ensureTunnel(): Promise<boolean> {
    const { node, tunnelDevice } = this.#options;
    const own = rangesOf(this.#nodes.get(node.name) ?? {});
    const main = own.find(isIpv4);
    if (main === undefined) return false;
    if (this.#written !== undefined) return true;
    const shown = await this.#options.processes.run('ip', ['link', 'show', 'dev', tunnelDevice]);
    const isThere = shown.exitCode === 0;
    const mtu = tunnelMtu(node.linkMtu);
    const tunnel = { device: tunnelDevice, nodeAddress: node.address, mtu, isThere };
    await this.#run(
      'ip',
      ['-batch', '-'],
      tunnelCommands([main, ...own.filter((cidr) => !isIpv4(cidr))], tunnel),
    );
    return true;
  }

  #run(command: string, args: readonly string[], input = ''): Promise<string> {
    const options = { input, timeoutMs: COMMAND_TIMEOUT_MS };
    return runCommand(this.#options.processes, command, args, options);
  }
}

/** Of a Node, what routes are made of. */
function keptNode({ metadata, spec, status }: Node): Node {
  const { name = '', uid = '', resourceVersion = '' } = metadata ?? {};
  const { podCIDRs = [] } = spec ?? {};
  const { addresses = [] } = status ?? {};
  return { metadata: { name, uid, resourceVersion }, spec: { podCIDRs }, status: { addresses } };
}

/** Takes all routes away: when the node leaves. What is not there is no error. */
export async function removePodRoutes(processes: Processes): Promise<void> {
  for (const family of ['-4', '-6'])
    await processes.run('ip', [family, 'route', 'flush', 'proto', String(ROUTE_PROTOCOL)]);
}
