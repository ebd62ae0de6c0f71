/**
 * Watches of what quotas only count (`count/…`, `secrets`): metadata alone, and only of resources
 * that some quota names, so that a cluster without quotas pays nothing.
 *
 * Upstream watches all that is served: pkg/controller/resourcequota/resource_quota_monitor.go, v1.36.
 */
import {
  type GroupResource,
  groupResourceName,
  apiVersionOf,
  type KubeObject,
} from '#api/meta/object.ts';
import { countingEvaluator } from '#api/quota/evaluators.ts';
import type { Evaluator } from '#api/quota/evaluator.ts';
import { sleep } from '#base/env.ts';
import { type Discovery, type DiscoveredResource, discover } from '#client/discovery.ts';
import { type Change, Informer } from '#client/informer.ts';
import type { Setup } from '#reconcile/controller.ts';

/** For names that nothing is served under, the server is not asked more often than this. */
const ASK_AGAIN_MS = 1000;
const SYNC_TIMEOUT_MS = 30_000;
const NEEDED_VERBS = ['create', 'delete', 'list', 'watch'];

interface Counted {
  readonly type: DiscoveredResource;
  readonly evaluator: Evaluator;
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
}

export class CountedResources {
  readonly #setup: Setup;
  readonly #onChange: (evaluator: Evaluator, change: Change<KubeObject>) => void;
  readonly #counted = new Map<string, Counted>();
  #discovery: Discovery = { resources: [], all: [], failures: new Map() };
  #askedMs: number | undefined;

  constructor(setup: Setup, onChange: (evaluator: Evaluator, change: Change<KubeObject>) => void) {
    this.#setup = setup;
    this.#onChange = onChange;
    setup.signal.addEventListener('abort', () => {
      for (const { stop } of this.#counted.values()) stop.abort();
    });
  }

  get size(): number {
    return this.#counted.size;
  }

  /**
   * The objects of a namespace and who counts them; undefined when no such resource is served.
   * Rejects when they cannot be listed.
   */
  async measure(
    resource: GroupResource,
    namespace: string,
  ): Promise<{ evaluator: Evaluator; objects: readonly KubeObject[] } | undefined> {
    const name = groupResourceName(resource);
    const counted = this.#counted.get(name) ?? (await this.#find(name, resource));
    if (counted === undefined) return undefined;
    const { evaluator, informer } = counted;
    if (!informer.hasSynced) await this.#synced(name, informer);
    return { evaluator, objects: informer.list(namespace) };
  }

  /**
   * Follows what is served, and forgets what no quota names any more (`wanted`: group resources).
   * Answers whether something that is wanted must be looked for anew.
   */
  async refresh(wanted: ReadonlySet<string>): Promise<boolean> {
    await this.#discover();
    let isLost = false;
    for (const [name, { type, stop }] of this.#counted) {
      const now = this.#served(name);
      const isUnknown = this.#discovery.failures.has(apiVersionOf(type));
      if (wanted.has(name) && (isUnknown || now?.version === type.version)) continue;
      stop.abort();
      this.#counted.delete(name);
      isLost ||= wanted.has(name);
    }
    return isLost;
  }

  async #find(name: string, resource: GroupResource): Promise<Counted | undefined> {
    const nowMs = this.#setup.environment.clock.monotonicMs();
    const isRecent = this.#askedMs !== undefined && nowMs - this.#askedMs < ASK_AGAIN_MS;
    if (this.#served(name) === undefined && !isRecent) await this.#discover();
    const type = this.#served(name);
    const evaluator = countingEvaluator(resource);
    if (type === undefined || evaluator === undefined) return undefined;
    return this.#counted.get(name) ?? this.#start(name, type, evaluator);
  }

  #served(name: string): DiscoveredResource | undefined {
    return this.#discovery.resources.find(
      ({ group, plural, namespaced, verbs }) =>
        groupResourceName({ group, resource: plural }) === name &&
        namespaced &&
        NEEDED_VERBS.every((verb) => verbs.includes(verb)),
    );
  }

  async #discover(): Promise<void> {
    this.#askedMs = this.#setup.environment.clock.monotonicMs();
    this.#discovery = await discover(this.#setup.client);
  }

  #start(name: string, type: DiscoveredResource, evaluator: Evaluator): Counted {
    const { client, environment } = this.#setup;
    const selection = { metadataOnly: true, transform: bare };
    const informer = new Informer<KubeObject>({ client, environment, type, selection });
    const stop = new AbortController();
    informer.onChange((change) => this.#onChange(evaluator, change));
    informer.start(stop.signal);
    const counted = { type, evaluator, informer, stop };
    this.#counted.set(name, counted);
    return counted;
  }

  async #synced(name: string, informer: Informer<KubeObject>): Promise<void> {
    const patience = new AbortController();
    const { environment, signal } = this.#setup;
    await Promise.race([
      informer.synced(),
      sleep(environment, SYNC_TIMEOUT_MS, AbortSignal.any([patience.signal, signal])),
    ]);
    patience.abort();
    if (!informer.hasSynced) throw new Error(`failed to list content: ${name} not yet synced`);
  }
}

/** Who it is: to count needs no more. */
function bare({ metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata ?? {};
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}
