/**
 * Enforces NetworkPolicies for the pods of this node: watches policies, pods and namespaces of the
 * whole cluster, and keeps one nftables table in step.
 *
 *   informers ─▶ state: what this node has to enforce ─▶ chains, elements ─▶ nft: the changes alone
 *
 * Changes that arrive together go in together, in one transaction. After a failure the whole table
 * is written anew. A pod is isolated from when it is known to be on this node, before it has an
 * address.
 *
 * Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and API
 * reference, NetworkPolicySpec v1. Named ports: KEP-2079 for ranges beside them (endPort).
 */
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import type { NetworkPolicy } from '#api/gen/networking-v1.ts';
import { NETWORK_POLICY } from '#api/networking/network-policy.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { runCommand } from '#base/run-command.ts';
import { WriteLoop } from '#base/write-loop.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { bridgeScript } from './bridge.ts';
import type { Chain } from './chains.ts';
import { deltaScript, familiesOf, fullScript, type TableOptions } from './nftables.ts';
import { keptPod, policyPodOf } from './pods.ts';
import { policyOf } from './policy.ts';
import { PolicyState } from './state.ts';

const NFT_TIMEOUT_MS = 30_000;

export interface EnforcerOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  /** Names of the interfaces that hang on the bridge of the pods. */
  portsOfBridge(): readonly string[];
  /** Name of the Node whose pods are policed. */
  readonly node: string;
  readonly table: TableOptions;
}

export class NetworkPolicyEnforcer {
  readonly #options: EnforcerOptions;
  readonly #state: PolicyState;
  readonly #policies: Informer<NetworkPolicy>;
  readonly #pods: Informer<Pod>;
  readonly #namespaces: Informer<Namespace>;
  readonly #loop: WriteLoop;
  /** Chains that the table has; undefined: the table must be written whole. */
  #chains: ReadonlyMap<string, Chain> | undefined;

  constructor(options: EnforcerOptions) {
    const { informers, node, table } = options;
    this.#options = options;
    this.#state = new PolicyState(node, familiesOf(table));
    this.#policies = informers.for(NETWORK_POLICY);
    this.#pods = informers.for(POD, { transform: keptPod });
    this.#namespaces = informers.for(NAMESPACE);
    this.#loop = new WriteLoop({
      ...options,
      what: 'network policies',
      write: () => this.#write(),
    });
  }

  /** Works until `signal` is aborted; the table stays, so that pods stay isolated. */
  async start(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    this.#policies.onChange((change) =>
      this.#wake(state.setPolicy(change.key, presentOf(change, policyOf))),
    );
    this.#pods.onChange((change) =>
      this.#wake(state.setPod(change.key, presentOf(change, policyPodOf))),
    );
    this.#namespaces.onChange((change) => {
      const labels = presentOf(change, ({ metadata }) => metadata?.labels ?? {});
      this.#wake(state.setNamespace(change.key, labels));
    });
    await Promise.all([this.#policies.synced(), this.#pods.synced(), this.#namespaces.synced()]);
    await this.#loop.start(signal);
  }

  #wake(isChanged: boolean): void {
    if (isChanged) this.#loop.wake();
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
    const { table } = this.#options;
    const state = this.#state;
    state.settle();
    const chains = state.chains();
    // Which pods are known counts only beside some that are isolated: until then changes gather, one at
    // most for each address of this node, and starts of pods cost no nft.
    if (this.#chains?.size === 0 && chains.size === 0) return;
    const changes = state.elements.takeChanges();
    if (this.#chains === undefined) {
      await this.#nft(fullScript(table, chains, state.elements));
      await this.#writeBridge();
    } else {
      const script = deltaScript(table, this.#chains, chains, changes);
      if (script !== '') await this.#nft(script);
    }
    this.#chains = chains;
  }

  /** Apart from the policies: a kernel that cannot do this shall still have those. */
  async #writeBridge(): Promise<void> {
    const { table } = this.#options;
    try {
      await this.#nft(bridgeScript(table, this.#options.portsOfBridge()));
    } catch (error) {
      this.#options.environment.log.error('cannot police pods of this node among themselves', {
        error: messageOf(error),
      });
    }
  }

  async #nft(input: string): Promise<void> {
    const options = { input, timeoutMs: NFT_TIMEOUT_MS };
    await runCommand(this.#options.processes, 'nft', ['-f', '-'], options);
  }
}

/** Removes every rule of ours, an older version's too: when the node leaves for good. */
export async function removeNetworkPolicyTables(
  processes: Processes,
  table: string,
): Promise<void> {
  for (const family of ['inet', 'bridge', 'ip'] as const) {
    const input = removalScript(family, table);
    await processes.run('nft', ['-f', '-'], { input, timeoutMs: NFT_TIMEOUT_MS });
  }
}

/** What `change` leaves; undefined when the object is gone. */
function presentOf<T, V>({ type, object }: Change<T>, valueOf: (object: T) => V): V | undefined {
  return type === 'deleted' ? undefined : valueOf(object);
}
