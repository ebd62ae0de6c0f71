/**
 * The garbage collector's watches: one of each kind that can be deleted, metadata only, following
 * what the server serves (custom resources come and go).
 *
 * Upstream: GarbageCollector.Sync and GraphBuilder.syncMonitors in pkg/controller/garbagecollector, v1.36.
 */
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { sleep } from '#base/env.ts';
import { alpha, type Counter } from '#base/metrics.ts';
import type { ResourceType } from '#client/client.ts';
import { type DiscoveredResource, discover, type Discovery } from '#client/discovery.ts';
import { Informer } from '#client/informer.ts';
import type { Setup } from '#reconcile/controller.ts';
import type { Graph } from './graph.ts';

/** After this long the collector goes on without a kind that cannot be listed. */
const SYNC_TIMEOUT_MS = 30_000;
const SYNC_ERRORS = alpha(
  'garbagecollector_controller_resources_sync_error_total',
  'Times that what is served could not be found out, or not be listed in time.',
);
const WATCHABLE = ['delete', 'list', 'watch'];

interface Monitor {
  readonly type: DiscoveredResource;
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
}

export class Monitors {
  readonly #setup: Setup;
  readonly #graph: Graph;
  readonly #errors: Counter;
  readonly #monitors = new Map<string, Monitor>();
  /**
   * The uids that watches showed before they were stopped, by kind. A kind that is not served, or in
   * another version, says nothing of its objects: they stay in the graph until it is watched again.
   */
  readonly #left = new Map<string, string[]>();
  #resources: readonly DiscoveredResource[] = [];

  constructor(setup: Setup, graph: Graph) {
    this.#setup = setup;
    this.#graph = graph;
    this.#errors = setup.metrics.counter(SYNC_ERRORS);
    setup.signal.addEventListener('abort', () => {
      for (const { stop } of this.#monitors.values()) stop.abort();
    });
  }

  resourceOf(group: string, kind: string): ResourceType<KubeObject> | undefined {
    return this.#resources.find((resource) => resource.group === group && resource.kind === kind);
  }

  /** Asks what is served, starts and stops watches, and waits until the new ones are filled. */
  async update(): Promise<void> {
    const { resources, failures } = await this.#discover();
    this.#resources = resources;
    const wanted = new Map(
      resources.filter(isWatched).map((resource) => [nameOf(resource), resource]),
    );
    for (const [name, monitor] of this.#monitors) {
      const isUnknown = failures.has(apiVersionOf(monitor.type));
      if (!wanted.has(name) && !isUnknown) this.#stop(name, monitor);
    }
    const fresh = [...wanted].filter(([name]) => !this.#monitors.has(name));
    const started = fresh.map(([name, resource]) => this.#start(name, resource));
    if (started.length === 0) return;
    const patience = new AbortController();
    const all = Promise.all(started.map((informer) => informer.synced()));
    const limit = sleep(
      this.#setup.environment,
      SYNC_TIMEOUT_MS,
      AbortSignal.any([patience.signal, this.#setup.signal]),
    );
    await Promise.race([all.then(() => patience.abort()), limit]);
    if (!patience.signal.aborted && !this.#setup.signal.aborted) this.#errors.add([]);
    patience.abort();
  }

  async #discover(): Promise<Discovery> {
    try {
      return await discover(this.#setup.client);
    } catch (error) {
      this.#errors.add([]);
      throw error;
    }
  }

  #start(name: string, type: DiscoveredResource): Informer<KubeObject> {
    const { client, environment } = this.#setup;
    const informer = new Informer<KubeObject>({
      client,
      environment,
      type,
      selection: { metadataOnly: true, transform: bare },
    });
    const stop = new AbortController();
    informer.onChange(({ type: change, object, previous }) => {
      if (previous !== undefined && previous.metadata?.uid !== object.metadata?.uid) {
        this.#graph.remove(previous.metadata?.uid ?? '');
      }
      if (change === 'deleted') this.#graph.remove(object.metadata?.uid ?? '');
      else this.#graph.observe(type, object);
    });
    informer.start(stop.signal);
    this.#monitors.set(name, { type, informer, stop });
    this.#watchedAgain(type, informer);
    return informer;
  }

  #stop(name: string, { type, informer, stop }: Monitor): void {
    stop.abort();
    this.#monitors.delete(name);
    const uids = informer.list().map(uidOf);
    this.#left.set(kindOf(type), [...(this.#left.get(kindOf(type)) ?? []), ...uids]);
  }

  /** What went while its kind was not watched goes from the graph. */
  #watchedAgain(type: DiscoveredResource, informer: Informer<KubeObject>): void {
    const left = this.#left.get(kindOf(type));
    if (left === undefined) return;
    this.#left.delete(kindOf(type));
    informer.synced().then(
      () => {
        const there = new Set(informer.list().map(uidOf));
        for (const uid of left) if (!there.has(uid)) this.#graph.remove(uid);
      },
      () => {},
    );
  }
}

/** Events are many, have no owners and own nothing. */
function isWatched({ plural, group, verbs }: DiscoveredResource): boolean {
  const isEvent = plural === 'events' && (group === '' || group === 'events.k8s.io');
  return !isEvent && WATCHABLE.every((verb) => verbs.includes(verb));
}

/** Keeps what the graph needs of an object, and no more. */
function bare({ metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } =
    metadata ?? {};
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  };
}

function uidOf({ metadata }: KubeObject): string {
  return metadata?.uid ?? '';
}

function kindOf({ group, plural }: DiscoveredResource): string {
  return `${plural}.${group}`;
}

function nameOf(resource: DiscoveredResource): string {
  return `${apiVersionOf(resource)}/${resource.plural}`;
}
