/**
 * The generic registry: create, update and delete of any kind, in upstream's fixed order.
 *
 * prepare → validate → (validating admission) → store, with optimistic retries. What differs
 * between kinds is data (`api/kind.ts`); what differs between verbs is the function that makes the
 * next object from the current one.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go and
 * pkg/registry/rest/{create,update,delete}.go.
 */
import { keepTimesWhenUnchanged } from '#api/apply/managed-fields.ts';
import type { Environment } from '#base/env.ts';
import type { WriteContext } from '#api/kind.ts';
import { type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  generateNameConflict,
  invalid,
  notFound,
  OBJECT_MODIFIED,
  serviceUnavailable,
} from '#api/meta/status.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#api/validation/metadata.ts';
import { StoreError, type Write, type WriteResult } from '#store/store.ts';
import { type ApiObject, copyOf, equalJson, metadataOf, timeText } from '../api-object.ts';
import type { User } from '../context.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import { generateName } from './names.ts';
import type { Resource } from './resource.ts';

/** Upstream tries a generated name this often (KEP-4420). */
const GENERATE_NAME_TRIES = 8;
/** How often a write is redone when others write the same object meanwhile. */
const CONFLICT_TRIES = 64;

export interface WriteOptions {
  readonly user: User;
  readonly dryRun: boolean;
  warn(text: string): void;
}

export interface CreateOptions extends WriteOptions {
  readonly namespace: string;
  /** Validating admission, on the object as it will be stored. */
  validate?(object: ApiObject): Promise<void>;
  /** Seconds after which the object goes away by itself (events). */
  readonly ttlSeconds?: number;
  /** Other writes that must succeed with this one (allocations). */
  readonly alongside?: readonly Write[];
}

export interface UpdateOptions extends WriteOptions {
  readonly namespace: string;
  readonly name: string;
  /** Empty, `status`, or the name of a view. */
  readonly subresource: string;
  /**
   * Makes the next object, without changing the current one. Called again after a conflict.
   * Undefined current: there is none, and the kind allows creation by update.
   */
  transform(current: ApiObject | undefined): Promise<ApiObject>;
  validate?(next: ApiObject, old: ApiObject | undefined): Promise<void>;
  /** Create when it is not there (server-side apply does, for every kind). */
  readonly createIfMissing?: boolean;
  /** The server's own change (a binding): written as `transform` made it, without the strategy. */
  readonly direct?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly namespace: string;
  readonly name: string;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  validate?(object: ApiObject): Promise<void>;
}

export class Registry {
  readonly hub: WatchHub;
  readonly #environment: Environment;

  constructor(hub: WatchHub, environment: Environment) {
    this.hub = hub;
    this.#environment = environment;
  }

  /** The current object's entry, as of now. Throws 404. */
  async entry(resource: Resource, namespace: string, name: string): Promise<Entry> {
    if (!(await this.hub.waitForNow()))
      throw serviceUnavailable('the watch cache is behind the store');
    const entry = resource.cache.get(resource.key(namespace, name));
    if (entry === undefined) throw notFound(resource.groupResource, name);
    return entry;
  }

  async create(resource: Resource, object: ApiObject, options: CreateOptions): Promise<ApiObject> {
    const generated = metadataOf(object).generateName;
    const byPrefix = !metadataOf(object).name && generated !== undefined && generated !== '';
    for (let tries = 1; ; tries++) {
      const attempt = byPrefix ? copyOf(object) : object;
      if (byPrefix) metadataOf(attempt).name = generateName(generated, this.#environment.random);
      const created = await this.#createOnce(resource, attempt, options);
      if (created !== undefined) return created;
      const name = metadataOf(attempt).name ?? '';
      if (!byPrefix) throw alreadyExists(resource.groupResource, name);
      if (tries >= GENERATE_NAME_TRIES) throw generateNameConflict(resource.groupResource, name);
    }
  }

  /** Undefined when the name is taken. */
  async #createOnce(
    resource: Resource,
    object: ApiObject,
    options: CreateOptions,
  ): Promise<ApiObject | undefined> {
    const { kind } = resource;
    const metadata = metadataOf(object);
    checkNamespace(resource, object, options.namespace);
    const context = this.#writeContext(options.user);
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    delete metadata.selfLink;
    delete metadata.resourceVersion;
    metadata.uid = this.#environment.random.uuid();
    metadata.creationTimestamp = timeText(context.nowMs);
    if (countsGeneration(resource, object)) metadata.generation = 1;
    else delete metadata.generation;
    if (kind.hasStatus === true && kind.prepareForCreate === undefined) delete object['status'];
    kind.prepareForCreate?.(object, context);
    this.#refuse(resource, object, [
      ...(kind.validate?.(object) ?? []),
      ...(kind.validateCreate?.(object) ?? []),
      ...validateObjectMeta(kind, object),
    ]);
    for (const text of kind.warn?.(object) ?? []) options.warn(text);
    await options.validate?.(object);
    const key = resource.key(options.namespace, metadata.name ?? '');
    if (options.dryRun) {
      await this.hub.waitForNow();
      return resource.cache.get(key) === undefined ? object : undefined;
    }
    const lease = options.ttlSeconds === undefined ? 0 : await this.#lease(options.ttlSeconds);
    const put: Write = { type: 'put', key, value: resource.encode(object), expected: 0, lease };
    const { ok, revision } = await this.#write(put, options.alongside);
    if (!ok) return undefined;
    // The strategy may have put another metadata in place.
    metadataOf(object).resourceVersion = String(revision);
    return object;
  }

  /** Answers the new object, and whether it was created. */
  async update(
    resource: Resource,
    options: UpdateOptions,
  ): Promise<{ object: ApiObject; created: boolean }> {
    const key = resource.key(options.namespace, options.name);
    let entry: Entry | undefined = resource.cache.get(key);
    let fresh = false;
    for (let tries = 0; tries < CONFLICT_TRIES; tries++) {
      if (entry === undefined && !fresh) {
        await this.hub.waitForNow();
        entry = resource.cache.get(key);
        fresh = true;
      }
      if (entry === undefined) {
        const created = await this.#createByUpdate(resource, options);
        if (created !== undefined) return { object: created, created: true };
        fresh = false;
        continue;
      }
      const outcome = await this.#updateOnce(resource, entry, fresh, options);
      if (outcome.object !== undefined) return { object: outcome.object, created: false };
      entry = outcome.current;
      fresh = true;
    }
    throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
  }

  async #createByUpdate(
    resource: Resource,
    options: UpdateOptions,
  ): Promise<ApiObject | undefined> {
    const allowed = options.createIfMissing === true || resource.kind.createOnUpdate === true;
    if (!allowed || options.subresource !== '')
      throw notFound(resource.groupResource, options.name);
    const object = await options.transform(undefined);
    const version = metadataOf(object).resourceVersion;
    if (version !== undefined && version !== '' && version !== '0') {
      throw conflict(resource.groupResource, options.name, 'StorageError: invalid object, Code: 4');
    }
    return this.#createOnce(resource, object, {
      ...options,
      validate: async (created) => options.validate?.(created, undefined),
    });
  }

  async #updateOnce(
    resource: Resource,
    entry: Entry,
    fresh: boolean,
    options: UpdateOptions,
  ): Promise<{ object?: ApiObject; current?: Entry }> {
    const old = resource.copy(entry);
    let next: ApiObject;
    try {
      next = await options.transform(old);
      this.#checkVersion(resource, options, next, entry);
    } catch (error) {
      // What was decided on an old state is decided again on the newest one.
      if (fresh) throw error;
      await this.hub.waitForNow();
      const current = resource.cache.get(entry.key);
      if (current?.revision === entry.revision) throw error;
      return current === undefined ? {} : { current };
    }
    if (options.direct !== true) this.#prepareUpdate(resource, next, old, options);
    await options.validate?.(next, old);
    if (this.#isFinished(resource, next, old)) return this.#removeFinished(entry, next, options);
    metadataOf(next).resourceVersion = String(entry.revision);
    keepTimesWhenUnchanged(old, next);
    if (equalJson(next, old)) return { object: old };
    if (options.dryRun) return { object: next };
    const result = await this.#writeOne({
      type: 'put',
      key: entry.key,
      value: resource.encode(next),
      expected: entry.revision,
      lease: 0,
    });
    if (!result.ok) return this.#currentOf(result);
    metadataOf(next).resourceVersion = String(result.revision);
    return { object: next };
  }

  #checkVersion(resource: Resource, options: UpdateOptions, next: ApiObject, entry: Entry): void {
    const version = metadataOf(next).resourceVersion ?? '';
    if (version === '' || version === '0') {
      if (resource.kind.unconditionalUpdate !== true) {
        const errors = [
          invalidValue(
            fieldPath('metadata').child('resourceVersion'),
            version,
            'must be specified for an update',
          ),
        ];
        throw invalid(resource.kind, options.name, errors);
      }
      return;
    }
    if (version !== String(entry.revision))
      throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
  }

  #prepareUpdate(
    resource: Resource,
    next: ApiObject,
    old: ApiObject,
    options: UpdateOptions,
  ): void {
    const { kind } = resource;
    checkNamespace(resource, next, options.namespace);
    const context = this.#writeContext(options.user);
    const metadata = metadataOf(next);
    const before = metadataOf(old);
    keep(metadata, before, [
      'generation',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
    ]);
    delete metadata.selfLink;
    if (metadata.uid === undefined || metadata.uid === '') keep(metadata, before, ['uid']);
    const errors: FieldError[] = [];
    const view = kind.views?.find((candidate) => candidate.name === options.subresource);
    if (options.subresource === 'status') {
      keepAllBut(next, old, 'status');
      kind.prepareForStatusUpdate?.(next, old, context);
      errors.push(...(kind.validateStatus?.(next, old) ?? []));
    } else if (view !== undefined) {
      view.keep(next, old, context);
      errors.push(...(view.validate?.(next, old) ?? []));
    } else {
      if (kind.hasStatus === true) copyField(next, old, 'status');
      kind.prepareForUpdate?.(next, old, context);
      errors.push(...(kind.validate?.(next) ?? []), ...(kind.validateUpdate?.(next, old) ?? []));
    }
    if (
      options.subresource !== 'status' &&
      countsGeneration(resource, next) &&
      specChanged(next, old)
    ) {
      metadata.generation = (before.generation ?? 0) + 1;
    }
    this.#refuse(resource, next, [...validateObjectMetaUpdate(kind, next, old), ...errors]);
    for (const text of kind.warn?.(next, old) ?? []) options.warn(text);
  }

  /** Nothing holds the object any more, and it is being deleted. */
  #isFinished(resource: Resource, next: ApiObject, old: ApiObject): boolean {
    return (
      metadataOf(old).deletionGracePeriodSeconds === 0 &&
      (metadataOf(next).finalizers ?? []).length === 0 &&
      !namespaceHoldsFinalizers(resource, next)
    );
  }

  async #removeFinished(
    entry: Entry,
    next: ApiObject,
    options: UpdateOptions,
  ): Promise<{ object?: ApiObject; current?: Entry }> {
    metadataOf(next).resourceVersion = String(entry.revision);
    if (options.dryRun) return { object: next };
    const result = await this.#writeOne({
      type: 'delete',
      key: entry.key,
      expected: entry.revision,
    });
    return result.ok ? { object: next } : this.#currentOf(result);
  }

  /**
   * Deletes, or begins to. `deleted` is false while grace or finalizers hold the object.
   */
  async delete(
    resource: Resource,
    options: DeleteOptions,
  ): Promise<{ object: ApiObject; deleted: boolean }> {
    let entry = await this.entry(resource, options.namespace, options.name);
    for (let tries = 0; tries < CONFLICT_TRIES; tries++) {
      const old = resource.copy(entry);
      checkPreconditions(resource, old, options);
      await options.validate?.(old);
      const next = copyOf(old);
      const plan = planDeletion(resource, next, options, this.#environment.clock.now());
      if (plan === 'pending') return { object: old, deleted: false };
      if (options.dryRun) return { object: next, deleted: plan === 'remove' };
      if (plan === 'update' && equalJson(next, old)) return { object: old, deleted: false };
      const write: Write =
        plan === 'remove'
          ? { type: 'delete', key: entry.key, expected: entry.revision }
          : { type: 'put', key: entry.key, value: resource.encode(next), expected: entry.revision };
      const result = await this.#writeOne(write);
      if (result.ok) {
        metadataOf(next).resourceVersion = String(result.revision);
        return { object: plan === 'remove' ? old : next, deleted: plan === 'remove' };
      }
      const { current } = this.#currentOf(result);
      if (current === undefined) throw notFound(resource.groupResource, options.name);
      entry = current;
    }
    throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
  }

  #currentOf(result: WriteResult): { current?: Entry } {
    if (result.ok || result.current === undefined) return {};
    const { key, value, modRevision, createRevision } = result.current;
    return { current: { key, bytes: value, revision: modRevision, createRevision } };
  }

  #refuse(resource: Resource, object: ApiObject, errors: readonly FieldError[]): void {
    if (errors.length > 0) throw invalid(resource.kind, metadataOf(object).name ?? '', errors);
  }

  #writeContext(user: User): WriteContext {
    return {
      nowMs: this.#environment.clock.now(),
      uuid: () => this.#environment.random.uuid(),
      user,
    };
  }

  async #writeOne(write: Write): Promise<WriteResult> {
    try {
      return await this.hub.store.write(write);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  async #write(
    write: Write,
    alongside: readonly Write[] = [],
  ): Promise<{ ok: boolean; revision: number }> {
    if (alongside.length === 0) {
      const result = await this.#writeOne(write);
      return result.ok ? { ok: true, revision: result.revision } : { ok: false, revision: 0 };
    }
    try {
      return await this.hub.store.batch([write, ...alongside]);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /** One lease serves all objects of a minute, so that ten thousand events need few leases. */
  async #lease(ttlSeconds: number): Promise<number> {
    const now = this.#environment.clock.monotonicMs();
    if (
      this.#eventLease === undefined ||
      this.#eventLease.until < now ||
      this.#eventLease.ttlSeconds !== ttlSeconds
    ) {
      const id = this.hub.store.grantLease((ttlSeconds + LEASE_SHARED_SECONDS) * 1000);
      this.#eventLease = { id, ttlSeconds, until: now + LEASE_SHARED_SECONDS * 1000 };
    }
    return this.#eventLease.id;
  }
  #eventLease: { id: Promise<number>; ttlSeconds: number; until: number } | undefined;
}

const LEASE_SHARED_SECONDS = 60;

function storeFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return serviceUnavailable(`the store cannot take the write: ${error.message}`);
}

function countsGeneration(resource: Resource, object: ApiObject): boolean {
  return resource.kind.countsGeneration ?? object['spec'] !== undefined;
}

/** Whether anything outside metadata and status differs. */
function specChanged(next: ApiObject, old: ApiObject): boolean {
  const strip = ({ metadata: _m, status: _s, ...rest }: ApiObject): Record<string, unknown> => rest;
  return !equalJson(strip(next), strip(old));
}

function checkNamespace(resource: Resource, object: ApiObject, namespace: string): void {
  const metadata = metadataOf(object);
  if (!resource.kind.namespaced) {
    if (metadata.namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
    delete metadata.namespace;
    return;
  }
  if (
    metadata.namespace !== undefined &&
    metadata.namespace !== '' &&
    metadata.namespace !== namespace
  ) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  metadata.namespace = namespace;
}

function keep<T extends object>(target: T, source: T, fields: readonly (keyof T)[]): void {
  for (const field of fields) {
    if (source[field] === undefined) delete target[field];
    else target[field] = source[field];
  }
}

function copyField(next: ApiObject, old: ApiObject, field: string): void {
  if (old[field] === undefined) delete next[field];
  else next[field] = old[field];
}

/** A status write changes status, and of the metadata only what upstream lets through. */
function keepAllBut(next: ApiObject, old: ApiObject, field: string): void {
  for (const name of new Set([...Object.keys(next), ...Object.keys(old)])) {
    if (name !== field && name !== 'metadata' && name !== 'kind' && name !== 'apiVersion')
      copyField(next, old, name);
  }
}

/** A namespace is held by `spec.finalizers` too. */
function namespaceHoldsFinalizers(resource: Resource, object: ApiObject): boolean {
  if (resource.kind.kind !== 'Namespace' || resource.kind.group !== '') return false;
  const spec = object['spec'] as { finalizers?: string[] } | undefined;
  return (spec?.finalizers ?? []).length > 0;
}

function checkPreconditions(resource: Resource, object: ApiObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const metadata = metadataOf(object);
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      resource.groupResource,
      options.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid ?? ''}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      resource.groupResource,
      options.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion ?? ''}). The object might have been modified`,
    );
  }
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Which garbage-collection finalizer a deletion leaves on the object, if any. */
function collectorFinalizer(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
): string | undefined {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? ORPHAN : undefined;
  if (options.propagationPolicy === 'Orphan') return ORPHAN;
  if (options.propagationPolicy === 'Foreground') return FOREGROUND;
  if (options.propagationPolicy === 'Background') return undefined;
  const present = (metadataOf(object).finalizers ?? []).find(
    (name) => name === ORPHAN || name === FOREGROUND,
  );
  return present ?? (resource.kind.defaultPropagation === 'Orphan' ? ORPHAN : undefined);
}

/**
 * What a DELETE does to `object` (which it changes):
 * - `pending`: it is being deleted already and nothing changes;
 * - `update`: grace or finalizers hold it: write the object with its deletion timestamp;
 * - `remove`: it goes away at once.
 */
function planDeletion(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): 'pending' | 'update' | 'remove' {
  const metadata = metadataOf(object);
  const asked =
    options.gracePeriodSeconds === undefined
      ? undefined
      : options.gracePeriodSeconds < 0
        ? 1
        : options.gracePeriodSeconds;
  const graceful = planGrace(resource, object, asked, nowMs);
  if (graceful === 'pending') return 'pending';
  const finalizer = collectorFinalizer(resource, object, options);
  const others = (metadata.finalizers ?? []).filter(
    (name) => name !== ORPHAN && name !== FOREGROUND,
  );
  const finalizers = finalizer === undefined ? others : [...others, finalizer];
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const held = finalizers.length > 0 || namespaceHoldsFinalizers(resource, object);
  if (graceful === 'begun') return 'update';
  if (!held) return 'remove';
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timeText(nowMs);
    if (metadata.generation !== undefined && metadata.generation > 0) metadata.generation += 1;
    markNamespaceTerminating(resource, object);
  }
  metadata.deletionGracePeriodSeconds = 0;
  return 'update';
}

function planGrace(
  resource: Resource,
  object: ApiObject,
  asked: number | undefined,
  nowMs: number,
): 'pending' | 'begun' | 'none' {
  const metadata = metadataOf(object);
  if (resource.kind.gracefulDeletion === undefined) return 'none';
  if (metadata.deletionTimestamp !== undefined) {
    const running = metadata.deletionGracePeriodSeconds ?? 0;
    if (running === 0) return 'none';
    if (asked === undefined || asked >= running) return 'pending';
    if (asked === 0) {
      metadata.deletionTimestamp = timeText(nowMs);
      metadata.deletionGracePeriodSeconds = 0;
      return 'none';
    }
    const moved = Date.parse(metadata.deletionTimestamp) - running * 1000 + asked * 1000;
    metadata.deletionTimestamp = timeText(Math.max(moved, nowMs));
    metadata.deletionGracePeriodSeconds = moved < nowMs ? 1 : asked;
    return 'begun';
  }
  const grace = resource.kind.gracefulDeletion(object, asked);
  if (grace === undefined || grace === 0) return 'none';
  metadata.deletionTimestamp = timeText(nowMs + grace * 1000);
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation !== undefined && metadata.generation > 0) metadata.generation += 1;
  return 'begun';
}

/** Upstream's namespace storage sets the phase when deletion begins. */
function markNamespaceTerminating(resource: Resource, object: ApiObject): void {
  if (resource.kind.kind === 'Namespace' && resource.kind.group === '')
    object['status'] = { ...(object['status'] as object), phase: 'Terminating' };
}
