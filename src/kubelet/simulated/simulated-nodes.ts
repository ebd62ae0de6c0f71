/**
 * A number of simulated nodes in one process: `--simulated-nodes N`, benchmarks, tests.
 */
import type { Environment } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { SimulatedNode, type SimulatedNodeOptions } from './simulated-node.ts';

export interface SimulatedNodesOptions {
  readonly environment: Environment;
  /** `simulated-1` to `simulated-<count>`. */
  readonly count: number;
  /** The client that speaks as the node of this name. */
  readonly clientFor: (name: string) => Client;
  /** What differs from a simulated node's defaults. */
  readonly shape?: Pick<
    SimulatedNodeOptions,
    'delays' | 'cpus' | 'memoryGigabytes' | 'podsMax' | 'labels' | 'kubeletVersion'
  >;
}

export class SimulatedNodes {
  readonly #options: SimulatedNodesOptions;
  readonly #nodes: {
    readonly node: SimulatedNode;
    readonly name: string;
    readonly stop: AbortController;
  }[] = [];

  constructor(options: SimulatedNodesOptions) {
    this.#options = options;
  }

  /** Starts all nodes until `signal` is aborted. */
  start(signal: AbortSignal): void {
    for (let i = 1; i <= this.#options.count; i++) this.#start(i, signal);
  }

  get names(): string[] {
    return this.#nodes.map(({ name }) => name);
  }

  /** Lets one node die: no goodbye, no status, nothing. */
  kill(name: string): void {
    this.#nodes.find((entry) => entry.name === name)?.stop.abort();
  }

  #start(nth: number, signal: AbortSignal): void {
    const { environment, clientFor, shape } = this.#options;
    const name = `simulated-${nth}`;
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort());
    const address = `172.30.${Math.floor(nth / 250)}.${(nth % 250) + 1}`;
    const podNetwork = `10.${88 + Math.floor(nth / 250)}.${nth % 250}`;
    const node = new SimulatedNode({
      ...shape,
      name,
      client: clientFor(name),
      environment,
      address,
      podNetwork,
    });
    this.#nodes.push({ node, name, stop });
    node.run(stop.signal).catch((error: unknown) => {
      environment.log.error('simulated node ended', { node: name, error: String(error) });
    });
  }
}
