/**
 * What the runtime says of itself: whether it takes pods, which handlers it has and what they can.
 *
 * Source: CRI StatusResponse (k8s.io/cri-api v0.36). Upstream: pkg/kubelet/runtime.go,
 * kubelet.go (updateRuntimeUp), v1.36.
 */
import type { NodeFeatures, NodeRuntimeHandler } from '#api/gen/core-v1.ts';
import type { StatusResponse } from '#api/gen/cri-v1.ts';
import type { Cri } from '../cri/cri.ts';

/** What a handler can, besides what all can. */
export interface HandlerFeatures {
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export class RuntimeState {
  readonly #cri: Pick<Cri, 'call'>;
  /** Its name and version, as of the Node (`containerd://2.1.4`); empty: not known. */
  readonly version: string;
  #handlers: ReadonlyMap<string, HandlerFeatures> = new Map();
  #features: NodeFeatures | undefined;

  constructor(cri: Pick<Cri, 'call'>, version = '') {
    this.#cri = cri;
    this.version = version;
  }

  /** Asks the runtime. Gives why it takes no pods; empty when it does. Never rejects. */
  async look(): Promise<string[]> {
    try {
      const answer = await this.#cri.call('status', {});
      this.#handlers = handlersOf(answer);
      const { features } = answer;
      this.#features =
        features === undefined
          ? undefined
          : { supplementalGroupsPolicy: features.supplementalGroupsPolicy ?? false };
      return faultsOf(answer);
    } catch {
      return ['container runtime is down'];
    }
  }

  /** Whether it mounts images; only of containerd it is known that old versions do not. */
  get hasImageVolumes(): boolean {
    return this.#isAtLeast(2, 1);
  }

  /** Whether it mounts one folder of an image; others pass that over, and mount the whole. */
  get hasImageSubPaths(): boolean {
    return this.#isAtLeast(2, 2);
  }

  /** Of containerd; of other runtimes nothing is known. */
  #isAtLeast(major: number, minor: number): boolean {
    const [, own, ownMinor] = /^containerd:\/\/v?([0-9]+)\.([0-9]+)/.exec(this.version) ?? [];
    if (own === undefined) return true;
    return Number(own) > major || (Number(own) === major && Number(ownMinor) >= minor);
  }

  /** For the Node, as it was last said; undefined: the runtime does not say. */
  get features(): NodeFeatures | undefined {
    return this.#features;
  }

  /** For the Node, by name; none: the runtime does not say which it has. */
  get handlers(): NodeRuntimeHandler[] {
    return [...this.#handlers].map(([name, features]) => ({ name, features: { ...features } }));
  }

  /** `name`: `''` for the one of pods that name none. Undefined: the runtime did not say. */
  handler(name: string): HandlerFeatures | undefined {
    return this.#handlers.get(name);
  }
}

/** By name, so that the status of the node does not change with the order of an answer. */
function handlersOf({ runtimeHandlers = [] }: StatusResponse): Map<string, HandlerFeatures> {
  const named = runtimeHandlers.map(({ name = '', features = {} }) => {
    const { recursiveReadOnlyMounts = false, userNamespaces = false } = features;
    return [name, { recursiveReadOnlyMounts, userNamespaces }] as const;
  });
  return new Map(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function faultsOf({ status }: StatusResponse): string[] {
  const reasons: string[] = [];
  for (const { type = '', status: met = false, reason = '', message = '' } of status?.conditions ??
    []) {
    if (met) continue;
    const text = `${type}=false reason:${reason} message:${message}`;
    if (type === 'NetworkReady') reasons.push(`container runtime network not ready: ${text}`);
    if (type === 'RuntimeReady') reasons.push(`container runtime not ready: ${text}`);
  }
  return reasons;
}
