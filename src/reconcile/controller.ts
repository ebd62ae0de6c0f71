/**
 * What a controller is: a name, what it watches, and one function that looks at one key and does
 * what is missing. Queue, watches, back-off, own-writes gate and workers are the manager's.
 *
 * `defineController` is for a controller of one kind of object; `defineKeyController` for those
 * whose keys may outlive (or never were) objects.
 */
import {
  controllerOf,
  type GroupVersionKind,
  type KubeObject,
  parseApiVersion,
} from '#api/meta/object.ts';
import { matchesSelector, type Selector } from '#api/meta/labels.ts';
import type { Environment, Logger } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Client, ResourceType } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import {
  type Change,
  type Informer,
  type InformerOptions,
  keyFor,
  keyOf,
} from '#client/informer.ts';
import { claim, CONTROLLER_INDEX, controllerIndex, type ClaimOptions } from './claim.ts';
import type { QueueBackoff } from './work-queue.ts';

/** What a pass asks for afterwards. Nothing: the next change wakes the key. */
export interface Result {
  readonly requeueAfterMs?: number;
}

/** A failure that trying again cannot mend; it is logged and counted, and the key is let be. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** What a controller gets once, when it is made. */
export interface Setup {
  readonly name: string;
  readonly environment: Environment;
  readonly log: Logger;
  /** The controller's own identity. Writes through it are not gated; those of a pass are. */
  readonly client: Client;
  readonly events: EventRecorder;
  /** Where it counts what it does. */
  readonly metrics: MetricRegistry;
  /** Aborted when the controller must stop. */
  readonly signal: AbortSignal;
  /**
   * The cache of a collection; the controller's first pass waits until it is filled. `map` says
   * which keys a change wakes; without it a change wakes nothing.
   */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    map?: (change: Change<T>) => Iterable<string>,
    options?: InformerOptions<T>,
  ): Informer<T>;
  /** Wakes a key, now or later. */
  enqueue(key: string, afterMs?: number): void;
}

/** What a pass gets: its key's client, whose writes the next pass of this key waits for. */
export interface Pass {
  readonly client: Client;
}

export type Reconcile = (key: string, pass: Pass) => Promise<Result | void>;

/** A controller as the manager runs it. */
export interface Controller {
  /** `deployment-controller` */
  readonly name: string;
  /** Under which it reports events; the name unless given. */
  readonly component?: string;
  /** What its queue is called in metrics; the name without `-controller` unless given. */
  readonly queue?: string;
  /** Its service account in kube-system; the name unless given. `null`: it acts as the manager. */
  readonly identity?: string | null;
  /** Keys worked on at once; the manager's default unless given. */
  readonly concurrency?: number;
  /** What the count of passes that wait for a cache begins with; without it there is none. */
  readonly staleSubsystem?: string;
  /** For keys that failed; 5 ms, doubled up to 1,000 s unless given. */
  readonly backoff?: QueueBackoff;
  create(setup: Setup): Reconcile;
}

export function defineKeyController(controller: Controller): Controller {
  return Object.freeze(controller);
}

/** A kind that is watched beside the main one, and the keys that its changes wake. */
export interface Watch<C extends KubeObject, T extends KubeObject> {
  readonly type: ResourceType<C>;
  readonly options?: InformerOptions<C>;
  keys(change: Change<C>, caches: Caches<T>): Iterable<string>;
}

/** What a map from changes to keys may look at. */
export interface Caches<T extends KubeObject> {
  readonly owners: Informer<T>;
  /** The cache of a kind that the controller is for, owns or watches. */
  readonly informer: <C extends KubeObject>(type: ResourceType<C>) => Informer<C>;
}

/**
 * Everything a pass may touch. Objects of watched kinds can be found by their controller
 * (`CONTROLLER_INDEX` of `claim.ts`). There is no other road to the API server, the clock or the log. */
export interface Context<T extends KubeObject> extends Pass {
  readonly key: string;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly metrics: MetricRegistry;
  readonly environment: Environment;
  /** Milliseconds since 1970. */
  now(): number;
  /** The cache of a kind that the controller is for, owns or watches. */
  readonly informer: <C extends KubeObject>(type: ResourceType<C>) => Informer<C>;
  /**
   * The objects that belong to `owner`: adopts orphans that match and releases what no longer
   * does. Objects are the cache's own: not to be changed.
   */
  claim<C extends KubeObject>(
    type: ResourceType<C>,
    owner: T,
    selector: Selector | undefined,
    options?: ClaimOptions<C>,
  ): Promise<C[]>;
}

export interface ControllerSpec<T extends KubeObject> {
  readonly name: string;
  /** Under which it reports events; the name unless given. */
  readonly component?: string;
  readonly queue?: string;
  /** Its service account in kube-system; the name unless given. */
  readonly identity?: string;
  readonly for: ResourceType<T>;
  readonly concurrency?: number;
  readonly staleSubsystem?: string;
  /** For keys that failed; 5 ms, doubled up to 1,000 s unless given. */
  readonly backoff?: QueueBackoff;
  /** Kinds whose objects have an owner of the main kind: their changes wake the owner. */
  readonly owns?: readonly Owned<KubeObject>[];
  /** With it, a change of an orphan wakes the owners that could adopt it. */
  selects?(owner: T): Selector | undefined;
  readonly watches?: readonly Watch<KubeObject, T>[];
  /** Makes the metrics that passes will count in, so that they are shown before there are any. */
  metrics?(registry: MetricRegistry): void;
  reconcile(object: T, context: Context<T>): Promise<Result | void>;
  /** The object is gone. */
  gone?(key: string, context: Context<T>): Promise<Result | void>;
}

/** A kind whose objects belong to those of the main one. */
export interface Owned<C extends KubeObject> {
  readonly type: ResourceType<C>;
  /**
   * Whether what changed matters to the owner; `previous` is what the cache had. Without it all
   * does. Objects that come and go always do.
   */
  readonly isNews?: (object: C, previous: C) => boolean;
}

/** Types the objects of one more owned kind; `ControllerSpec.owns` takes the result. */
export function owned<C extends KubeObject>(
  type: ResourceType<C>,
  isNews?: Owned<C>['isNews'],
): Owned<KubeObject> {
  // Sound: the informer of a type gives only objects of that type.
  return { type, ...(isNews === undefined ? {} : { isNews }) } as unknown as Owned<KubeObject>;
}

/** Types the objects of one more watched kind; `ControllerSpec.watches` takes the result. */
export function watch<C extends KubeObject, T extends KubeObject>(
  watched: Watch<C, T>,
): Watch<KubeObject, T> {
  // Sound: the informer of a type gives only objects of that type.
  return watched as unknown as Watch<KubeObject, T>;
}

export function defineController<T extends KubeObject>(spec: ControllerSpec<T>): Controller {
  return Object.freeze({
    name: spec.name,
    ...(spec.component === undefined ? {} : { component: spec.component }),
    ...(spec.queue === undefined ? {} : { queue: spec.queue }),
    ...(spec.identity === undefined ? {} : { identity: spec.identity }),
    ...(spec.concurrency === undefined ? {} : { concurrency: spec.concurrency }),
    ...(spec.staleSubsystem === undefined ? {} : { staleSubsystem: spec.staleSubsystem }),
    ...(spec.backoff === undefined ? {} : { backoff: spec.backoff }),
    create: (setup: Setup) => createReconcile(spec, setup),
  });
}

function createReconcile<T extends KubeObject>(spec: ControllerSpec<T>, setup: Setup): Reconcile {
  spec.metrics?.(setup.metrics);
  const main = setup.watch(spec.for, (change) => [change.key]);
  const informers = new Map<string, Informer<KubeObject>>([[nameOf(spec.for), asAny(main)]]);
  const informer = lookup(setup.name, informers);
  for (const { type, isNews } of spec.owns ?? []) {
    const keys = (change: Change<KubeObject>): Iterable<string> =>
      matters(change, isNews) ? ownersOf(change, main, spec) : [];
    informers.set(nameOf(type), setup.watch(type, keys));
  }
  for (const watched of spec.watches ?? []) {
    const caches = { owners: main, informer };
    const map = (change: Change<KubeObject>): Iterable<string> => watched.keys(change, caches);
    informers.set(nameOf(watched.type), setup.watch(watched.type, map, watched.options));
  }
  for (const cache of informers.values()) cache.index(CONTROLLER_INDEX, controllerIndex);
  return (key, pass) => {
    const object = main.get(key);
    const context = contextOf<T>({ key, pass, setup, informer, ownerType: spec.for });
    if (object !== undefined) return spec.reconcile(object, context);
    return spec.gone?.(key, context) ?? Promise.resolve();
  };
}

function matters(
  { type, object, previous }: Change<KubeObject>,
  isNews: Owned<KubeObject>['isNews'],
): boolean {
  if (isNews === undefined || type !== 'modified' || previous === undefined) return true;
  return object.metadata?.uid !== previous.metadata?.uid || isNews(object, previous);
}

interface ContextParts<T extends KubeObject> {
  readonly key: string;
  readonly pass: Pass;
  readonly setup: Setup;
  readonly informer: Lookup;
  readonly ownerType: ResourceType<T>;
}

type Lookup = <C extends KubeObject>(type: ResourceType<C>) => Informer<C>;

function lookup(name: string, informers: ReadonlyMap<string, Informer<KubeObject>>): Lookup {
  return <C extends KubeObject>(type: ResourceType<C>): Informer<C> => {
    const found = informers.get(nameOf(type));
    if (found === undefined)
      throw new Error(`Cannot read ${type.plural}: ${name} does not watch them`);
    // Sound: filed under the name of its type.
    return found as unknown as Informer<C>;
  };
}

function contextOf<T extends KubeObject>(parts: ContextParts<T>): Context<T> {
  const { key, pass, setup, informer, ownerType } = parts;
  return {
    key,
    client: pass.client,
    log: setup.log,
    events: setup.events,
    metrics: setup.metrics,
    environment: setup.environment,
    now: () => setup.environment.clock.now(),
    informer,
    claim: (type, owner, selector, options = {}) =>
      claim({ client: pass.client, informer: informer(type), owner, ownerType, selector, options }),
  };
}

/** The keys that a change of an owned object wakes: its owner, before and after; or adopters. */
function ownersOf<T extends KubeObject>(
  change: Change<KubeObject>,
  owners: Informer<T>,
  spec: ControllerSpec<T>,
): Iterable<string> {
  const keys = new Set<string>();
  for (const object of [change.object, change.previous]) {
    const owner = object === undefined ? undefined : controllerOf(object);
    if (owner === undefined || !isOfType(owner, spec.for)) continue;
    keys.add(keyFor(owner.name, spec.for.namespaced ? object?.metadata?.namespace : undefined));
  }
  const orphan = change.type !== 'deleted' && controllerOf(change.object) === undefined;
  if (!orphan || spec.selects === undefined) return keys;
  const labels = change.object.metadata?.labels;
  for (const owner of owners.list(change.object.metadata?.namespace)) {
    const selector = spec.selects(owner);
    if (selector !== undefined && matchesSelector(selector, labels)) keys.add(keyOf(owner));
  }
  return keys;
}

/** Whether an owner reference is of this group and kind; versions come and go. */
function isOfType(
  reference: { readonly apiVersion: string; readonly kind: string },
  type: Pick<GroupVersionKind, 'group' | 'kind'>,
): boolean {
  return reference.kind === type.kind && parseApiVersion(reference.apiVersion).group === type.group;
}

function nameOf(type: ResourceType<KubeObject>): string {
  return `${type.plural}.${type.version}.${type.group}`;
}

function asAny<T extends KubeObject>(informer: Informer<T>): Informer<KubeObject> {
  return informer as unknown as Informer<KubeObject>;
}
