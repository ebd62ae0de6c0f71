/**
 * What the API shows, turned into changes of the snapshot and events for the queue.
 *
 * Source: upstream pkg/scheduler/eventhandlers.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { aborted } from '#base/env.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import type { Change } from '#client/informer.ts';
import { type ClusterEvent, eventLabel, nodeEvents, podEvents } from './cluster-events.ts';
import type { PodInfo } from './framework.ts';
import type { FrameworkMetrics } from './framework-metrics.ts';
import type { InformedObjects } from './informed-objects.ts';
import { podKey } from './pod-info.ts';
import type { SchedulingQueue } from './queue.ts';
import type { Snapshot } from './snapshot.ts';

export interface FeedOptions {
  readonly objects: InformedObjects;
  readonly snapshot: Snapshot;
  readonly queue: SchedulingQueue;
  /** Who is told how long events take. */
  readonly metrics: FrameworkMetrics;
  /** Whether the pod asks for this scheduler. */
  isOurs(pod: Pod): boolean;
  /** Whether pods without a node matter to others: gangs wait for them. */
  readonly hasGroups: boolean;
  /** The pod with this key has a place. */
  onPlaced(key: string): void;
  /** The pod with this key has ended, or is gone. */
  onGone(key: string): void;
  /** An object beside pods and nodes has changed. */
  onObject(event: ClusterEvent): void;
}

export class Feed {
  readonly #options: FeedOptions;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all that decisions need has been read, or `signal` is aborted before; goes on until
   * that.
   */
  async start(informers: InformerFactory, signal: AbortSignal): Promise<void> {
    const nodes = informers.for(NODE);
    const pods = informers.for(POD);
    nodes.onChange((change) => this.#onNode(change));
    pods.onChange((change) => this.#onPod(change));
    nodes.start(signal);
    pods.start(signal);
    const { objects, queue } = this.#options;
    const others = objects.start(signal, (event) => {
      this.#timed(eventLabel(event), () => {
        this.#options.onObject(event);
        queue.moved(event);
      });
    });
    const all = Promise.all([nodes.synced(), pods.synced(), others]);
    await Promise.race([all, aborted(signal)]);
  }

  /** Tells the queue that a node has room again where a pod was, or was to be. */
  freed(pod: Pod, nodeName: string, which?: (pod: PodInfo) => boolean): void {
    const before: Pod = { ...pod, spec: { containers: [], ...pod.spec, nodeName } };
    const event: ClusterEvent = { resource: 'Pod', action: 'Delete', before };
    this.#options.queue.moved(event, which);
  }

  #onNode({ type, object, previous }: Change<Node>): void {
    const { queue, snapshot } = this.#options;
    if (type === 'deleted')
      return this.#timed('NodeDelete', () => {
        queue.moved({ resource: 'Node', action: 'Delete', before: object });
        snapshot.removeNode(object.metadata?.name ?? '');
      });
    if (previous === undefined)
      return this.#timed('NodeAdd', () => {
        snapshot.setNode(object);
        queue.moved({ resource: 'Node', action: 'Add', after: object });
      });
    snapshot.setNode(object);
    // What exactly has changed is of interest to pods that wait, and to nobody else.
    if (!queue.wantsEvents) return;
    for (const event of nodeEvents(previous, object))
      this.#timed(eventLabel(event), () => queue.moved(event));
  }

  #timed(events: string | readonly string[], action: () => void): void {
    const { metrics } = this.#options;
    const sinceMs = metrics.now();
    action();
    for (const event of [events].flat()) metrics.handled(event, sinceMs);
  }

  #onPod({ type, object, previous }: Change<Pod>): void {
    const isPlaced = (object.spec?.nodeName ?? '') !== '';
    if (!isPlaced && !this.#options.isOurs(object)) return;
    if (type === 'deleted' || isPodTerminal(object))
      return this.#timed(isPlaced ? 'AssignedPodDelete' : 'UnschedulablePodDelete', () =>
        this.#onGone(object),
      );
    if (!isPlaced) {
      const events = previous === undefined ? [] : podEvents(previous, object).map(eventLabel);
      const what = `UnschedulablePod${previous === undefined ? 'Add' : 'Update'}`;
      return this.#timed([...new Set([what, ...events])], () => this.#onWaiting(object, previous));
    }
    const isKnown = (previous?.spec?.nodeName ?? '') !== '';
    const waited = !isKnown && previous !== undefined && this.#options.isOurs(previous);
    this.#timed(
      isKnown
        ? 'AssignedPodUpdate'
        : ['AssignedPodAdd', ...(waited ? ['UnschedulablePodDelete'] : [])],
      () => this.#onPlaced(object, previous),
    );
  }

  /** The pod is gone, or has ended: what it took, or was to take, is free. */
  #onGone(pod: Pod): void {
    const { queue, snapshot } = this.#options;
    const key = podKey(pod);
    const nominated = queue.nominator.nodeOf(key);
    const place = snapshot.placeOf(key);
    queue.remove(key);
    snapshot.removePod(key);
    snapshot.podGroups.gone(pod);
    this.#options.onGone(key);
    if (place !== undefined) this.freed(pod, place);
    else if (nominated !== undefined) this.#freedForOthers(pod, nominated);
  }

  /** The pod is being deleted before it is bound: its binding will fail, and what it takes is free. */
  #givesUp(pod: Pod): void {
    const { snapshot } = this.#options;
    const key = podKey(pod);
    const place = snapshot.placeOf(key);
    snapshot.removePod(key);
    if (place !== undefined) this.freed(pod, place);
  }

  #onPlaced(pod: Pod, previous: Pod | undefined): void {
    const { queue, snapshot } = this.#options;
    const key = podKey(pod);
    snapshot.setPod(pod);
    snapshot.podGroups.seen(pod);
    if (previous?.spec?.nodeName) {
      if (!queue.wantsEvents) return;
      for (const event of podEvents(previous, pod))
        this.#timed(eventLabel(event), () => queue.moved(event));
      return;
    }
    queue.remove(key);
    this.#options.onPlaced(key);
    queue.moved({ resource: 'Pod', action: 'Add', after: pod });
  }

  #onWaiting(pod: Pod, previous: Pod | undefined): void {
    const { queue, snapshot } = this.#options;
    snapshot.podGroups.seen(pod);
    if (snapshot.isAssumed(podKey(pod))) {
      if (pod.metadata?.deletionTimestamp !== undefined) this.#givesUp(pod);
      return;
    }
    queue.set(pod);
    if (previous === undefined && this.#options.hasGroups)
      queue.moved({ resource: 'WaitingPod', action: 'Add', after: pod });
    const before = previous?.status?.nominatedNodeName ?? '';
    if (previous !== undefined && before !== '' && before !== pod.status?.nominatedNodeName)
      this.#freedForOthers(previous, before);
  }

  /** A nomination holds a node against pods that are not more important: it is gone. */
  #freedForOthers(pod: Pod, nodeName: string): void {
    const priority = pod.spec?.priority ?? 0;
    const key = podKey(pod);
    this.freed(pod, nodeName, (other) => other.priority <= priority && other.key !== key);
  }
}
