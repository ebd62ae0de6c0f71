/**
 * Enforces NetworkPolicies for the pods of this node: watches policies, pods and namespaces of the
 * whole cluster, and keeps one nftables table in step.
 *
 *   informers ─▶ state: what this node has to enforce ─▶ chains, elements ─▶ nft: the changes alone
 *
 * Changes that arrive together go in together, in one transaction. After a failure the whole table
 * is written anew. A pod is isolated from when its address is known here: as the documentation of
 * NetworkPolicy allows, it may have started before.
 *
 * Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and API
 * reference, NetworkPolicySpec v1. Named ports: KEP-2079 for ranges beside them (endPort).
 */
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import type { NetworkPolicy } from '#api/gen/networking-v1.ts';
import { NETWORK_POLICY } from '#api/networking/network-policy.ts';
import type { FileSystem, Processes } from '#base/doors.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { removalScript } from '#base/nftables/commands.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { bridgeScript } from './bridge.ts';
import type { Chain } from './chains.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { keptPod, policyPodOf } from './pods.ts';
import { policyOf } from './policy.ts';
import { PolicyState } from './state.ts';

/** How long changes gather before they are written together. */
const GATHER_MS = 10;
/** Wait after a failed write; doubled up to the second. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 30_000;
const NFT_TIMEOUT_MS = 30_000;

export interface EnforcerOptions {
  readonly environment: Environment;
  readonly informers: InformerFactory;
  readonly processes: Processes;
  readonly fileSystem: Pick<FileSystem, 'list'>;
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
  readonly #firstWrite = Promise.withResolvers<void>();
  /** Chains that the table has; undefined: the table must be written whole. */
  #chains: ReadonlyMap<string, Chain> | undefined;
  #timer: Timer | undefined;
  #isDirty = false;
  #isRunning = false;
  #retryMs = RETRY_MS;
  #signal: AbortSignal | undefined;

  constructor(options: EnforcerOptions) {
    const { informers, node } = options;
    this.#options = options;
    this.#state = new PolicyState(node);
    this.#policies = informers.for(NETWORK_POLICY);
    this.#pods = informers.for(POD, { transform: keptPod });
    this.#namespaces = informers.for(NAMESPACE);
  }

  /** Works until `signal` is aborted; the table stays, so that pods stay isolated. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
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
    this.#isRunning = true;
    this.#schedule(0);
    await this.#firstWrite.promise;
  }

  #wake(isChanged: boolean): void {
    if (!isChanged) return;
    this.#isDirty = true;
    if (this.#isRunning) this.#schedule(GATHER_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#signal?.aborted === true) return;
    this.#timer = this.#options.environment.timers.after(delayMs, () => {
      // Cleared at the end: what comes meanwhile waits for the write that runs.
      this.#sync()
        .then(
          () => this.#written(),
          (error: unknown) => this.#failed(error),
        )
        .catch((error: unknown) => {
          this.#options.environment.log.error('network policy sync ended', {
            error: String(error),
          });
        });
    });
  }

  #written(): void {
    this.#timer = undefined;
    this.#retryMs = RETRY_MS;
    this.#firstWrite.resolve();
    if (this.#isDirty) this.#schedule(GATHER_MS);
  }

  #failed(error: unknown): void {
    this.#timer = undefined;
    this.#chains = undefined;
    this.#options.environment.log.error('cannot write network policies', {
      error: messageOf(error),
      retryMs: this.#retryMs,
    });
    this.#schedule(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  async #sync(): Promise<void> {
    this.#isDirty = false;
    const { table } = this.#options;
    const state = this.#state;
    state.settle();
    const changes = state.elements.takeChanges();
    const chains = state.chains();
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
    const { table, fileSystem } = this.#options;
    try {
      const ports = await fileSystem.list(`/sys/class/net/${table.bridge.name}/brif`);
      await this.#nft(bridgeScript(table, ports));
    } catch (error) {
      this.#options.environment.log.error('cannot police pods of this node among themselves', {
        error: messageOf(error),
      });
    }
  }

  async #nft(input: string): Promise<void> {
    const options = { input, timeoutMs: NFT_TIMEOUT_MS };
    const { exitCode, stderr } = await this.#options.processes.run('nft', ['-f', '-'], options);
    if (exitCode === 0) return;
    throw new Error(`Cannot run nft: ${Buffer.from(stderr).toString('utf8').slice(0, 1000)}`);
  }
}

/** Removes every rule of ours: when the node leaves for good. */
export async function removeNetworkPolicyTables(
  processes: Processes,
  table: string,
): Promise<void> {
  for (const family of ['ip', 'bridge'] as const) {
    const input = removalScript(family, table);
    await processes.run('nft', ['-f', '-'], { input, timeoutMs: NFT_TIMEOUT_MS });
  }
}

/** What `change` leaves; undefined when the object is gone. */
function presentOf<T, V>({ type, object }: Change<T>, valueOf: (object: T) => V): V | undefined {
  return type === 'deleted' ? undefined : valueOf(object);
}
