/**
 * Admission: what is let in, and how it is changed on the way.
 *
 * Plug-ins run in the order of `order.ts`: first every `admit` (may change the object), later, on
 * the object as it will be stored, every `validate`. A plug-in refuses by throwing a StatusError.
 */
import type { AnyKind } from '#api/kind.ts';
import type { ApiObject } from '../api-object.ts';
import type { User } from '../context.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface Attributes {
  readonly operation: Operation;
  readonly kind: AnyKind;
  readonly subresource: string;
  readonly namespace: string;
  /** Empty while `generateName` has not been resolved. */
  readonly name: string;
  /** The object of a CREATE or UPDATE; a plug-in's `admit` may change it. */
  readonly object?: ApiObject;
  readonly old?: ApiObject;
  readonly user: User;
  /** The same at each try of one request, and at no other's. */
  readonly request: object;
  readonly dryRun: boolean;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  warn(text: string): void;
  /** An annotation of the request's audit event; `key` is `NAME OF THE PLUG-IN/…`, as upstream's. */
  annotate(key: string, value: string): void;
}

/** Objects that a plug-in decides by, as the watch cache shows them. Shared: never change them. */
export interface ObjectReader {
  get(
    resource: { group: string; plural: string },
    namespace: string,
    name: string,
  ): ApiObject | undefined;
  /** As it is when the first is asked for. */
  list(resource: { group: string; plural: string }, namespace?: string): Iterable<ApiObject>;
  count(resource: { group: string; plural: string }, namespace: string): number;
  /** The revision at which the object lies in the store. */
  revisionOf(
    resource: { group: string; plural: string },
    namespace: string,
    name: string,
  ): number | undefined;
  /** Waits until the caches show all writes so far. */
  catchUp(): Promise<boolean>;
  /** Calls `listener` for each change from now on, in order of revision. */
  follow(
    resource: { group: string; plural: string },
    listener: (change: ObjectChange) => void,
  ): void;
}

export interface ObjectChange {
  readonly namespace: string;
  readonly name: string;
  /** The object now; undefined when it is gone. */
  readonly object: ApiObject | undefined;
}

export interface AdmissionPlugin {
  readonly name: string;
  admit?(attributes: Attributes): void | Promise<void>;
  validate?(attributes: Attributes): void | Promise<void>;
  /** A request that was let in is over: what it writes is in the store, or never will be. */
  finished?(request: object): void;
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #told: readonly AdmissionPlugin[];
  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
    this.#told = plugins.filter((plugin) => 'finished' in plugin);
  }
  async admit(attributes: Attributes): Promise<void> {
    for (const plugin of this.#plugins) await plugin.admit?.(attributes);
  }
  async validate(attributes: Attributes): Promise<void> {
    for (const plugin of this.#plugins) await plugin.validate?.(attributes);
  }
  /** To be called when a write is over, however it ended. */
  finished(request: object): void {
    for (const plugin of this.#told) plugin.finished?.(request);
  }
}
