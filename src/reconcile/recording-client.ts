/**
 * A client that notes what is written through it, so that the own-writes gate knows what to wait
 * for. Reads pass through.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import type {
  Client,
  DeleteOptions,
  List,
  ListOptions,
  PatchOptions,
  PatchType,
  ResourceType,
  WatchEvent,
  WatchOptions,
} from '#client/client.ts';
import type { OwnWrites } from './own-writes.ts';

interface Target {
  readonly name: string;
  readonly namespace?: string;
}

export class RecordingClient implements Client {
  readonly #client: Client;
  readonly #ownWrites: OwnWrites;
  readonly #key: string;

  constructor(options: {
    readonly client: Client;
    readonly ownWrites: OwnWrites;
    readonly key: string;
  }) {
    this.#client = options.client;
    this.#ownWrites = options.ownWrites;
    this.#key = options.key;
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T> {
    return this.#client.get(type, name, namespace);
  }

  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<List<T>> {
    return this.#client.list(type, options);
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#note(type, await this.#client.create(type, object));
  }

  async update<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    subresource?: string,
  ): Promise<T> {
    return this.#note(type, await this.#client.update(type, object, subresource));
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    target: Target,
    patchType: PatchType,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T> {
    return this.#note(type, await this.#client.patch(type, target, patchType, patch, options));
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    target: Target,
    options?: DeleteOptions,
  ): Promise<void> {
    try {
      await this.#client.delete(type, target, options);
    } catch (error) {
      // Already gone: the cache is behind, and must catch up before it is believed again.
      if (isNotFound(error)) this.#ownWrites.deleted(this.#key, type, target);
      throw error;
    }
    // A finalizer that keeps the object still lets the server mark it, so the mark is waited for.
    this.#ownWrites.deleted(this.#key, type, target);
  }

  deleteCollection<T extends KubeObject>(
    type: ResourceType<T>,
    list?: ListOptions,
    options?: DeleteOptions,
  ): Promise<void> {
    return this.#client.deleteCollection(type, list, options);
  }

  createSubresource<R>(
    type: ResourceType<KubeObject>,
    target: Target,
    subresource: string,
    body: unknown,
  ): Promise<R> {
    return this.#client.createSubresource(type, target, subresource, body);
  }

  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    return this.#client.watch(type, options, onEvent);
  }

  raw(method: string, path: string, body?: unknown, accept?: string): Promise<string> {
    return this.#client.raw(method, path, body, accept);
  }

  #note<T extends KubeObject>(type: ResourceType<T>, answer: T): T {
    this.#ownWrites.wrote(this.#key, type, answer);
    return answer;
  }
}
