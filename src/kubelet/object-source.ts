/**
 * ConfigMaps and Secrets that pods of this node refer to, and word when one changes.
 *
 * One watch for each object that is in use (the Node authorizer allows no more): it starts with
 * the first pod that refers to the object and ends with the last. Upstream:
 * pkg/kubelet/util/manager/watch_based_manager.go, v1.36.
 */
import type { ConfigMap, Secret } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { Informer, keyFor } from '#client/informer.ts';
import { CONFIG_MAP, SECRET } from './resources.ts';

/** Reads objects for pods. An absent object is undefined when `optional`, else a StatusError. */
export interface ObjectSource {
  configMap(namespace: string, name: string, optional: boolean): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string, optional: boolean): Promise<Secret | undefined>;
}

export interface ObjectReferenceKey {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly namespace: string;
  readonly name: string;
}

interface Watched {
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
  /** Uids of the pods that use it. */
  readonly users: Set<string>;
}

export class WatchedObjects implements ObjectSource {
  readonly #client: Client;
  readonly #environment: Environment;
  readonly #watched = new Map<string, Watched>();
  readonly #onChange: (podUids: readonly string[]) => void;

  /** `onChange` is told which pods use an object that changed. */
  constructor(options: {
    readonly client: Client;
    readonly environment: Environment;
    readonly onChange: (podUids: readonly string[]) => void;
  }) {
    this.#client = options.client;
    this.#environment = options.environment;
    this.#onChange = options.onChange;
  }

  configMap(namespace: string, name: string, optional: boolean): Promise<ConfigMap | undefined> {
    return this.#read<ConfigMap>(CONFIG_MAP, { kind: 'ConfigMap', namespace, name }, optional);
  }

  secret(namespace: string, name: string, optional: boolean): Promise<Secret | undefined> {
    return this.#read<Secret>(SECRET, { kind: 'Secret', namespace, name }, optional);
  }

  /** Says which objects the pod uses from now on; none when it is gone. */
  use(podUid: string, references: readonly ObjectReferenceKey[]): void {
    const wanted = new Set(references.map(idOf));
    for (const [id, watched] of this.#watched) {
      if (!watched.users.has(podUid) || wanted.has(id)) continue;
      watched.users.delete(podUid);
      if (watched.users.size > 0) continue;
      watched.stop.abort();
      this.#watched.delete(id);
    }
    for (const reference of references) this.#watch(reference).users.add(podUid);
  }

  stop(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
  }

  #watch(reference: ObjectReferenceKey): Watched {
    const id = idOf(reference);
    const known = this.#watched.get(id);
    if (known !== undefined) return known;
    const type: ResourceType<KubeObject> = reference.kind === 'ConfigMap' ? CONFIG_MAP : SECRET;
    const informer = new Informer<KubeObject>({
      client: this.#client,
      environment: this.#environment,
      type,
      selection: {
        namespace: reference.namespace,
        fieldSelector: `metadata.name=${reference.name}`,
      },
    });
    const watched: Watched = { informer, stop: new AbortController(), users: new Set() };
    this.#watched.set(id, watched);
    informer.onChange(() => this.#onChange([...watched.users]));
    informer.start(watched.stop.signal);
    return watched;
  }

  /** From the watch when it stands, else by a request: the first use need not wait for a watch. */
  async #read<T extends KubeObject>(
    type: ResourceType<T>,
    reference: ObjectReferenceKey,
    optional: boolean,
  ): Promise<T | undefined> {
    const informer = this.#watched.get(idOf(reference))?.informer;
    const cached = informer?.get(keyFor(reference.name, reference.namespace));
    // The watch was made for this kind, so the object is of this kind.
    if (cached !== undefined) return cached as T;
    try {
      return await this.#client.get(type, reference.name, reference.namespace);
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
      if (optional) return undefined;
      const message = `${reference.kind.toLowerCase()} "${reference.name}" not found`;
      throw new StatusError({ ...error.status, code: 404, message });
    }
  }
}

function idOf({ kind, namespace, name }: ObjectReferenceKey): string {
  return `${kind}/${namespace}/${name}`;
}
