/**
 * An API server as far as a kubelet needs one: objects in memory, lists, watches, status patches,
 * tokens. It does what the real one would do with well-formed requests, and checks nothing.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ResourceType,
  WatchEvent,
  WatchOptions,
} from '#client/client.ts';
import { patience } from '../patience.ts';

interface Stored {
  readonly plural: string;
  object: KubeObject;
}

interface Logged {
  readonly plural: string;
  readonly revision: number;
  readonly event: WatchEvent<KubeObject>;
}

type Target = { readonly name: string; readonly namespace?: string };
type Fields = Record<string, unknown>;

export class FakeApi implements Client {
  readonly #objects = new Map<string, Stored>();
  readonly #log: Logged[] = [];
  readonly #watchers = new Set<(logged: Logged) => void>();
  #revision = 0;
  #uids = 0;
  /** Called after every change, for tests that wait. */
  readonly #changed = new Set<() => void>();

  find<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    namespace?: string,
  ): T | undefined {
    return this.#objects.get(keyOf(type, name, namespace))?.object as T | undefined;
  }

  /** Resolves with the first value that is not undefined, after any change. */
  until<T>(what: string, look: () => T | undefined, timeoutMs = 20_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#changed.delete(check);
        reject(new Error(`Cannot wait any longer: ${what}`));
      }, timeoutMs * patience());
      const check = (): void => {
        const value = look();
        if (value === undefined) return;
        clearTimeout(timer);
        this.#changed.delete(check);
        resolve(value);
      };
      this.#changed.add(check);
      check();
    });
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T> {
    const found = this.find(type, name, namespace);
    return found === undefined ? Promise.reject(notFound(type, name)) : Promise.resolve(found);
  }

  list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}) {
    const items = [...this.#objects.values()]
      .filter(({ plural, object }) => plural === type.plural && selects(options, object))
      .map(({ object }) => object as T);
    return Promise.resolve({ items, resourceVersion: String(this.#revision) });
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const { name = '', namespace } = object.metadata ?? {};
    if (this.find(type, name, namespace) !== undefined) {
      const message = `${type.plural} "${name}" already exists`;
      return Promise.reject(new StatusError({ code: 409, reason: 'AlreadyExists', message }));
    }
    const uid = `00000000-0000-4000-8000-${String(++this.#uids).padStart(12, '0')}`;
    const metadata = { creationTimestamp: new Date().toISOString(), generation: 1, uid };
    const stored = { ...object, metadata: { ...metadata, ...object.metadata } };
    return Promise.resolve(this.#put(type, stored, 'ADDED'));
  }

  update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return Promise.resolve(this.#put(type, object, 'MODIFIED'));
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    { name, namespace }: Target,
    _patchType: string,
    patch: unknown,
  ): Promise<T> {
    const old = await this.get(type, name, namespace);
    return this.#put(type, merged(old as Fields, patch as Fields) as T, 'MODIFIED');
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    { name, namespace }: Target,
    options: DeleteOptions = {},
  ): Promise<void> {
    const old = await this.get(type, name, namespace);
    if (type.plural === 'pods' && options.gracePeriodSeconds !== 0) {
      const spec = (old as { spec?: { terminationGracePeriodSeconds?: number } }).spec;
      const seconds = options.gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
      const metadata = {
        ...old.metadata,
        deletionTimestamp: new Date(Date.now() + seconds * 1000).toISOString(),
        deletionGracePeriodSeconds: seconds,
      };
      this.#put(type, { ...old, metadata }, 'MODIFIED');
      return;
    }
    this.#objects.delete(keyOf(type, name, namespace));
    this.#tell(type, 'DELETED', old);
  }

  deleteCollection(): Promise<void> {
    return Promise.reject(new Error('not needed'));
  }

  createSubresource<R>(): Promise<R> {
    const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
    return Promise.resolve({ status: { token: 'a-token', expirationTimestamp } } as R);
  }

  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    const from = Number(options.resourceVersion ?? 0);
    const tell = ({ plural, revision, event }: Logged): void => {
      if (plural !== type.plural || revision <= from || !selects(options, event.object)) return;
      onEvent(structuredClone(event) as WatchEvent<T>);
    };
    for (const logged of this.#log) tell(logged);
    this.#watchers.add(tell);
    return new Promise((resolve) => {
      options.signal?.addEventListener('abort', () => {
        this.#watchers.delete(tell);
        resolve();
      });
    });
  }

  raw(): Promise<string> {
    return Promise.resolve('');
  }

  #put<T extends KubeObject>(type: ResourceType<T>, object: T, event: 'ADDED' | 'MODIFIED'): T {
    return this.#tell(type, event, object);
  }

  #tell<T extends KubeObject>(
    type: ResourceType<T>,
    event: 'ADDED' | 'MODIFIED' | 'DELETED',
    object: T,
  ): T {
    const revision = ++this.#revision;
    const { name = '', namespace } = object.metadata ?? {};
    const stored = structuredClone({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    });
    const key = keyOf(type, name, namespace);
    if (event !== 'DELETED') this.#objects.set(key, { plural: type.plural, object: stored });
    const logged = { plural: type.plural, revision, event: { type: event, object: stored } };
    this.#log.push(logged);
    for (const watcher of this.#watchers) watcher(logged);
    for (const changed of this.#changed) changed();
    return structuredClone(stored);
  }
}

function keyOf(type: { readonly plural: string }, name: string, namespace = ''): string {
  return `${type.plural}/${namespace}/${name}`;
}

function notFound(type: { readonly plural: string }, name: string): StatusError {
  const message = `${type.plural} "${name}" not found`;
  return new StatusError({ code: 404, reason: 'NotFound', message });
}

function selects({ namespace, fieldSelector }: ListOptions, object: KubeObject): boolean {
  if (namespace !== undefined && object.metadata?.namespace !== namespace) return false;
  if (fieldSelector === undefined) return true;
  const [path = '', value] = fieldSelector.split('=');
  const found = path.split('.').reduce<unknown>((at, key) => (at as Fields)?.[key], object);
  return found === value;
}

/** Lists that strategic merge patches merge by key here: all others are replaced. */
const MERGE_KEYS: Record<string, string> = {
  addresses: 'type',
  conditions: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
};

function merged(old: Fields, patch: Fields): Fields {
  const result: Fields = { ...old };
  for (const [name, value] of Object.entries(patch)) {
    const key = MERGE_KEYS[name];
    if (value === null) delete result[name];
    else if (key !== undefined && Array.isArray(value)) {
      result[name] = mergedList((old[name] as Fields[] | undefined) ?? [], value as Fields[], key);
    } else if (typeof value === 'object' && !Array.isArray(value)) {
      result[name] = merged((old[name] as Fields | undefined) ?? {}, value as Fields);
    } else result[name] = value;
  }
  return result;
}

function mergedList(old: readonly Fields[], patch: readonly Fields[], key: string): Fields[] {
  const replaces = patch.some((item) => item['$patch'] === 'replace');
  if (replaces) return patch.filter((item) => item['$patch'] !== 'replace');
  const result = [...old];
  for (const item of patch) {
    const at = result.findIndex((one) => one[key] === item[key]);
    if (item['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) result[at] = merged(result[at] ?? {}, item);
    else result.push(item);
  }
  return result;
}
