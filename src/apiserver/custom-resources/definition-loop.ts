/**
 * Two controllers of the API server itself, for custom resource definitions: which of their names
 * are accepted and whether they are established, and the end of all objects of one that is deleted.
 *
 * They read the watch cache and write through the server's own handler. What names a definition gets
 * is decided within one turn of the loop; the writes of several go on at a time.
 *
 * Upstream: apiextensions-apiserver/pkg/controller/{status,establish,nonstructuralschema,apiapproval,finalizer}.
 */
import { messageOf } from '#base/error.ts';
import type { Environment, Timer } from '#base/env.ts';
import {
  type NamesHolder,
  planConditions,
  planEstablished,
} from '#api/apiextensions/conditions.ts';
import { CLEANUP_FINALIZER } from '#api/apiextensions/custom-resource-definition.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
} from '#api/gen/apiextensions-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { timeText } from '#api/meta/time.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../admission/targets.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { cleanUp, type CleanupServices } from './cleanup.ts';
import { DEFINITIONS, isBeingDeleted, nameOf } from './definitions.ts';

const RETRY_MS = 1_000;
/** So many definitions are written at a time: their commits are one. */
const WORKERS = 16;

export interface LoopServices extends Pick<CleanupServices, 'instances' | 'registry'> {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
}

export class DefinitionLoop {
  readonly #services: LoopServices;
  /** Names of definitions to look at. Each is here once, so there are never more than definitions. */
  readonly #queue = new Set<string>();
  /** The names that each definition holds, by group: they come free when it goes. */
  readonly #groups = new Map<string, Map<string, NamesHolder>>();
  readonly #groupOf = new Map<string, string>();
  /** What was written last of a definition, until it comes back as an event. */
  readonly #written = new Map<string, object>();
  readonly #cleaning = new Set<string>();
  readonly #stop = new AbortController();
  readonly #retries = new Set<Timer>();
  /** Those that are being looked at. */
  readonly #busy = new Set<string>();

  constructor(services: LoopServices) {
    this.#services = services;
  }

  start(): void {
    const { reader } = this.#services;
    for (const definition of reader.list(CUSTOM_RESOURCE_DEFINITIONS))
      this.#see(definition as CustomResourceDefinition);
    reader.follow(CUSTOM_RESOURCE_DEFINITIONS, ({ name, object }) => {
      if (object !== undefined) this.#see(object as CustomResourceDefinition);
      else this.#gone(name);
    });
  }

  stop(): void {
    this.#stop.abort();
    for (const timer of this.#retries) timer.cancel();
  }

  #see(definition: CustomResourceDefinition): void {
    const name = nameOf(definition);
    const group = definition.spec?.group ?? '';
    const before = this.#groups.get(group)?.get(name)?.status?.acceptedNames;
    const names = definition.status?.acceptedNames;
    this.#hold(group, name, names);
    if (before?.plural && !equalValues(before, names)) this.#queueGroup(group);
    // To plan is to compile every schema: not again for what this loop has just written.
    const isOwn = equalValues(this.#written.get(name), keyOf(definition));
    this.#written.delete(name);
    if (!isOwn || isBeingDeleted(definition)) this.#add(name);
  }

  #gone(name: string): void {
    const group = this.#groupOf.get(name) ?? '';
    const holders = this.#groups.get(group);
    holders?.delete(name);
    if (holders?.size === 0) this.#groups.delete(group);
    this.#groupOf.delete(name);
    this.#written.delete(name);
    this.#queue.delete(name);
    this.#queueGroup(group);
  }

  #hold(group: string, name: string, names: CustomResourceDefinitionNames | undefined): void {
    let holders = this.#groups.get(group);
    if (holders === undefined) this.#groups.set(group, (holders = new Map()));
    holders.set(name, names?.plural ? { status: { acceptedNames: names } } : {});
    this.#groupOf.set(name, group);
  }

  /** Names that one gives up, another may be waiting for. */
  #queueGroup(group: string): void {
    for (const name of this.#groups.get(group)?.keys() ?? []) this.#add(name);
  }

  #add(name: string): void {
    this.#queue.add(name);
    this.#pump();
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return;
    for (const name of this.#queue) {
      if (this.#busy.size >= WORKERS) return;
      if (this.#busy.has(name)) continue;
      this.#queue.delete(name);
      this.#busy.add(name);
      void this.#work(name);
    }
  }

  async #work(name: string): Promise<void> {
    // Not in the turn of the event that woke it: other listeners come first.
    await Promise.resolve();
    try {
      await this.#reconcile(name);
    } catch (error) {
      const text = messageOf(error);
      this.#services.environment.log.warn('a definition waits', { name, error: text });
      this.#retry(name);
    }
    this.#busy.delete(name);
    this.#pump();
  }

  #retry(name: string): void {
    const timer = this.#services.environment.timers.after(RETRY_MS, () => {
      this.#retries.delete(timer);
      if (this.#groupOf.has(name)) this.#add(name);
    });
    this.#retries.add(timer);
  }

  async #reconcile(name: string): Promise<void> {
    const { reader, environment, client } = this.#services;
    const found = reader.get(CUSTOM_RESOURCE_DEFINITIONS, '', name);
    if (found === undefined) return;
    const definition = found as CustomResourceDefinition;
    if (isBeingDeleted(definition)) {
      if (definition.metadata?.finalizers?.includes(CLEANUP_FINALIZER) !== true) return;
      this.#cleanUp(definition);
      return;
    }
    const now = timeText(environment.clock.now());
    const { acceptedNames, conditions } = planConditions(definition, this.#others(definition), now);
    const status = { storedVersions: [], ...definition.status, acceptedNames, conditions };
    const established = planEstablished({ ...definition, status }, now) ?? conditions;
    const next = { ...definition, status: { ...status, conditions: established } };
    if (equalValues(next.status, definition.status)) return;
    // A change that came between wakes this loop again.
    this.#written.set(name, keyOf(next));
    const group = definition.spec?.group ?? '';
    // The others see at once what it takes.
    this.#hold(group, name, acceptedNames);
    if (await client.replace(DEFINITIONS, next, 'status')) return;
    this.#written.delete(name);
    if (this.#groupOf.has(name)) this.#hold(group, name, definition.status?.acceptedNames);
  }

  /** It may take long: other definitions go on meanwhile. */
  #cleanUp(definition: CustomResourceDefinition): void {
    const name = nameOf(definition);
    if (this.#cleaning.has(name)) return;
    this.#cleaning.add(name);
    cleanUp({ ...this.#services, signal: this.#stop.signal }, definition)
      .catch((error: unknown) => {
        const text = messageOf(error);
        this.#services.environment.log.warn('a definition cannot go yet', { name, error: text });
        this.#retry(name);
      })
      .finally(() => this.#cleaning.delete(name));
  }

  #others(definition: CustomResourceDefinition): NamesHolder[] {
    const others = new Map(this.#groups.get(definition.spec?.group ?? ''));
    others.delete(nameOf(definition));
    return [...others.values()];
  }
}

/** All that a plan looks at, but for the specification, of which the generation tells. */
function keyOf({ metadata, status }: CustomResourceDefinition): object {
  return { uid: metadata?.uid, generation: metadata?.generation, status };
}
