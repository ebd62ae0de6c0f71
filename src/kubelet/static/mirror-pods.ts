/**
 * Mirror pods: the objects of the API that show the static pods of this node, and nothing more. To
 * delete one does not stop the pod; it is made again.
 *
 * Upstream: pkg/kubelet/pod/mirror_client.go, v1.36.
 */
import { MIRROR_POD_ANNOTATION } from '#api/core/pod-references.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isStatus, StatusError } from '#api/meta/status.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { type Change, keyOf } from '#client/informer.ts';
import { POD } from '../resources.ts';
import { planMirrors, type RunningStatic } from './mirror-plan.ts';
import { CONFIG_HASH, isMirrorOf } from './static-pod.ts';

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;

export interface MirrorPodsOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly nodeName: string;
  /** Of the Node object, which owns the mirror pods; undefined while it is not known. */
  readonly nodeUid: () => string | undefined;
  readonly statics: () => readonly RunningStatic[];
  /** Told the static pod whose mirror has come or changed. */
  readonly onMirror: (pod: Pod) => void;
}

export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  /** As the API has them, by `namespace/name`. */
  readonly #mirrors = new Map<string, Pod>();
  #isReady = false;
  #dirty = false;
  #working: Promise<void> | undefined;
  #timer: Timer | undefined;
  #retryMs = RETRY_FIRST_MS;
  #stopped = false;

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
  }

  /** The files have been read, and all mirror pods that there are have been told of. */
  ready(): void {
    this.#isReady = true;
    this.wake();
  }

  /** A mirror pod of this node has changed in the API. */
  changed({ type, object }: Pick<Change<Pod>, 'type' | 'object'>): void {
    const known = this.#mirrors.get(keyOf(object));
    // Of one that is gone, or as it was before our own write.
    if (known !== undefined && revisionOf(known) > revisionOf(object)) return;
    if (type === 'deleted') this.#mirrors.delete(keyOf(object));
    else this.#mirrors.set(keyOf(object), object);
    const shown = this.#options.statics().find(({ pod }) => isMirrorOf(object, pod));
    if (type !== 'deleted' && shown !== undefined) this.#options.onMirror(shown.pod);
    this.wake();
  }

  /** What shows this static pod, as its file is now; undefined while there is none. */
  of(pod: Pod): Pod | undefined {
    const mirror = this.#mirrors.get(keyOf(pod));
    return mirror !== undefined && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  /** Static pods, mirror pods or the node have changed. */
  wake(): void {
    this.#dirty = true;
    if (!this.#isReady || this.#stopped || this.#working !== undefined) return;
    this.#working = this.#work().finally(() => {
      this.#working = undefined;
      if (this.#dirty) this.wake();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      this.#timer?.cancel();
      const { deletes, creates } = planMirrors(this.#options.statics(), [
        ...this.#mirrors.values(),
      ]);
      const failures: string[] = [];
      for (const mirror of deletes) await this.#try(failures, mirror, () => this.#delete(mirror));
      const nodeUid = this.#options.nodeUid();
      if (nodeUid !== undefined)
        for (const pod of creates) await this.#try(failures, pod, () => this.#create(pod, nodeUid));
      if (failures.length === 0) this.#retryMs = RETRY_FIRST_MS;
      else this.#retryLater();
    }
  }

  async #try(failures: string[], pod: Pod, act: () => Promise<void>): Promise<void> {
    if (this.#stopped) return;
    try {
      await act();
    } catch (error) {
      const text = messageOf(error);
      failures.push(text);
      this.#options.environment.log.warn('mirror pod', { pod: keyOf(pod), error: text });
    }
  }

  #retryLater(): void {
    this.#timer = this.#options.environment.timers.after(this.#retryMs, () => this.wake());
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  async #delete(mirror: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = mirror.metadata ?? {};
    try {
      const options = { gracePeriodSeconds: 0, preconditions: { uid } };
      await this.#options.client.delete(POD, { name, namespace }, options);
    } catch (error) {
      const isGone = error instanceof StatusError && (error.code === 404 || error.code === 409);
      if (!isGone) throw error;
    }
    this.#forget(mirror);
  }

  /** What was deleted is gone, whenever the informer says so. */
  #forget(mirror: Pod): void {
    const known = this.#mirrors.get(keyOf(mirror));
    if (known?.metadata?.uid !== mirror.metadata?.uid) return;
    this.#mirrors.delete(keyOf(mirror));
    this.#dirty = true;
  }

  async #create(pod: Pod, nodeUid: string): Promise<void> {
    try {
      const created = await this.#options.client.create(POD, this.#mirrorOf(pod, nodeUid));
      this.changed({ type: 'added', object: created });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      throw new Error('another pod has its name', { cause: error });
    }
  }

  #mirrorOf(pod: Pod, nodeUid: string): Pod {
    const { uid: _, annotations = {}, ...metadata } = pod.metadata ?? {};
    const { nodeName } = this.#options;
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid };
    return {
      ...pod,
      metadata: {
        ...metadata,
        annotations: { ...annotations, [MIRROR_POD_ANNOTATION]: annotations[CONFIG_HASH] ?? '' },
        ownerReferences: [{ ...owner, controller: true }],
      },
    };
  }
}

function revisionOf({ metadata }: Pod): number {
  return Number(metadata?.resourceVersion ?? 0);
}
