/**
 * Writes the statuses of pods to the API: only what changed, the newest only, one request at a
 * time for each pod, again until it succeeds.
 *
 * Upstream: pkg/kubelet/status/status_manager.go, v1.36.
 */
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import { StatusError } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { POD } from '../resources.ts';
import { statusPatch } from './status-patch.ts';

const RETRY_MS = [100, 500, 1000, 2000, 5000, 10_000];

interface Slot {
  pod: Pod;
  desired: PodStatus;
  /** The pod as the last write left it. */
  written?: Pod;
  /** The last patch: the same is not sent twice, should the server not take all of it. */
  lastPatch?: string;
  busy?: Promise<void>;
}

export interface StatusWriterOptions {
  readonly client: Client;
  readonly environment: Environment;
  /**
   * The object of the API that shows the pod: itself unless given. Undefined while there is none:
   * then the status waits for the first `set` that finds one.
   */
  readonly shownBy?: (pod: Pod) => Pod | undefined;
}

export class StatusWriter {
  readonly #client: Client;
  readonly #environment: Environment;
  readonly #shownBy: (pod: Pod) => Pod | undefined;
  readonly #slots = new Map<string, Slot>();
  readonly #stop = new AbortController();

  constructor(options: StatusWriterOptions) {
    this.#client = options.client;
    this.#environment = options.environment;
    this.#shownBy = options.shownBy ?? ((pod) => pod);
  }

  /** The status that counts as the previous one: the last that was wished for, else the API's. */
  previous(pod: Pod): PodStatus {
    const shown = this.#shownBy(pod);
    const desired = this.#slots.get(pod.metadata?.uid ?? '')?.desired;
    if (desired === undefined) return shown?.status ?? pod.status ?? {};
    // What shows the pod may come late, and know what an earlier kubelet has said.
    const startTime = shown === pod ? undefined : shown?.status?.startTime;
    return startTime === undefined ? desired : { ...desired, startTime };
  }

  /** Wishes for a status. `pod` is the newest object that is known. */
  set(pod: Pod, desired: PodStatus): void {
    const uid = pod.metadata?.uid ?? '';
    const slot = this.#slots.get(uid) ?? { pod, desired };
    slot.pod = pod;
    slot.desired = desired;
    this.#slots.set(uid, slot);
    this.#kick(uid, slot);
  }

  #kick(uid: string, slot: Slot): void {
    if (slot.busy !== undefined || this.#patchOf(slot) === undefined) return;
    slot.busy = this.#flush(uid, slot).then((gone) => {
      delete slot.busy;
      // A wish may have come after the last look at it.
      if (!gone && !this.#stop.signal.aborted) this.#kick(uid, slot);
    });
  }

  /** Resolves when what was wished for is written, or the pod is gone. */
  async flushed(uid: string): Promise<void> {
    const slot = this.#slots.get(uid);
    while (slot?.busy !== undefined) await slot.busy;
  }

  forget(uid: string): void {
    this.#slots.delete(uid);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Against the newest of what the informer brought and what the last write answered. */
  #patchOf(slot: Slot): Record<string, unknown> | undefined {
    const pod = this.#shownBy(slot.pod);
    if (pod === undefined) return undefined;
    const isSame = slot.written?.metadata?.uid === pod.metadata?.uid;
    const written = isSame ? slot.written : undefined;
    const seen = Number(pod.metadata?.resourceVersion ?? 0);
    const own = Number(written?.metadata?.resourceVersion ?? -1);
    const base = (own > seen ? written?.status : pod.status) ?? {};
    const patch = statusPatch(base, slot.desired);
    const repeated = own >= seen && JSON.stringify(patch) === slot.lastPatch;
    return repeated ? undefined : patch;
  }

  /** True when there is nothing to write to any more. */
  async #flush(uid: string, slot: Slot): Promise<boolean> {
    const { signal } = this.#stop;
    let tries = 0;
    while (!signal.aborted && this.#slots.get(uid) === slot) {
      const patch = this.#patchOf(slot);
      if (patch === undefined) return false;
      try {
        slot.written = await this.#send(this.#shownBy(slot.pod) ?? slot.pod, patch);
        slot.lastPatch = JSON.stringify(patch);
        tries = 0;
      } catch (error) {
        if (isGone(error)) return true;
        const delayMs = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)] ?? 0;
        this.#environment.log.warn('cannot write pod status', {
          pod: `${slot.pod.metadata?.namespace}/${slot.pod.metadata?.name}`,
          error: messageOf(error),
          retryMs: delayMs,
        });
        await sleep(this.#environment, delayMs, signal);
      }
    }
    return true;
  }

  #send(pod: Pod, patch: Record<string, unknown>): Promise<Pod> {
    const { name = '', namespace = '', uid } = pod.metadata ?? {};
    return this.#client.patch(
      POD,
      { name, namespace },
      'strategic',
      { metadata: { uid }, status: patch },
      { subresource: 'status' },
    );
  }
}

/** The pod is deleted, or another one has its name. */
function isGone(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 404 || error.code === 409);
}
