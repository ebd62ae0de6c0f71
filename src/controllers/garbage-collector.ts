/**
 * Garbage collector: deletes objects whose owners are gone, and carries out foreground and orphan
 * deletion.
 *
 *   a watch of every kind ─▶ graph ─▶ uid ─▶ fresh reads ─▶ delete, patch, or nothing
 *
 * Upstream: pkg/controller/garbagecollector, v1.36.
 */
import { apiVersionOf, type OwnerReference } from '#api/meta/object.ts';
import {
  type Controller,
  defineKeyController,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { AbsentOwners } from './garbage-collector/absent-owners.ts';
import { Collector } from './garbage-collector/collector.ts';
import { Graph, type GraphNode } from './garbage-collector/graph.ts';
import { Monitors } from './garbage-collector/monitors.ts';

const REDISCOVER_MS = 30_000;
const CONCURRENCY = 20;
const DISCOVER = 'discover';
const CHECK = 'check ';
const ORPHAN = 'orphan ';

export const garbageCollector: Controller = defineKeyController({
  name: 'generic-garbage-collector',
  component: 'garbage-collector-controller',
  queue: 'garbage_collector_attempt_to_delete',
  concurrency: CONCURRENCY,
  create,
});

function create(setup: Setup): (key: string) => Promise<Result> {
  const absent = new AbsentOwners();
  const check = (uid: string): void => setup.enqueue(`${CHECK}${uid}`);
  const graph = new Graph({
    check,
    orphan: (uid) => setup.enqueue(`${ORPHAN}${uid}`),
    absent: (owner) => absent.add(referenceTo(owner), owner.namespace),
    invalidNamespace: (dependent, owner) => tellInvalid(setup, dependent, owner),
  });
  const monitors = new Monitors(setup, graph);
  const resourceOf = monitors.resourceOf.bind(monitors);
  const collector = new Collector({ client: setup.client, graph, absent, resourceOf, check });
  const ready = Promise.withResolvers<void>();
  setup.signal.addEventListener('abort', () => ready.resolve());
  setup.enqueue(DISCOVER);
  return async (key) => {
    if (key === DISCOVER) {
      await monitors.update();
      graph.complete();
      ready.resolve();
      return { requeueAfterMs: REDISCOVER_MS };
    }
    // Before all kinds are listed, dependents may be unknown that must be orphaned or waited for.
    await ready.promise;
    if (setup.signal.aborted) return {};
    if (key.startsWith(CHECK)) await collector.check(key.slice(CHECK.length));
    else await collector.orphan(key.slice(ORPHAN.length));
    return {};
  };
}

function referenceTo({ type, name, uid }: GraphNode): OwnerReference {
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid };
}

function tellInvalid(setup: Setup, dependent: GraphNode, owner: OwnerReference): void {
  const { namespace = '' } = dependent;
  const reference = { ...referenceTo(dependent), ...(namespace === '' ? {} : { namespace }) };
  const owned = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`;
  setup.events.event({
    about: { reference },
    type: 'Warning',
    reason: 'OwnerRefInvalidNamespace',
    message: `ownerRef ${owned} does not exist in namespace ${JSON.stringify(namespace)}`,
  });
}
