/**
 * The handler of the runtime that a pod asks for by its RuntimeClass.
 *
 * Source: API reference v1.36, RuntimeClass; KEP-585. Upstream:
 * pkg/kubelet/runtimeclass/runtimeclass_manager.go.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import { isStatus } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { Informer } from '#client/informer.ts';
import { RUNTIME_CLASS } from '../resources.ts';

export interface HandlerSource {
  /** `''`: the runtime's own choice. Rejects with upstream's message. */
  handlerOf(pod: Pod): Promise<string>;
  /** As far as its class has been seen; undefined: it has not. */
  seenHandlerOf(pod: Pod): string | undefined;
}

export class RuntimeClasses implements HandlerSource {
  readonly #client: Client;
  readonly #informer: Informer<RuntimeClass>;

  constructor(options: { readonly client: Client; readonly environment: Environment }) {
    this.#client = options.client;
    this.#informer = new Informer({ ...options, type: RUNTIME_CLASS, selection: {} });
  }

  /** Watches until `signal` is aborted. */
  start(signal: AbortSignal): void {
    this.#informer.start(signal);
  }

  async handlerOf({ spec }: Pod): Promise<string> {
    const name = spec?.runtimeClassName ?? '';
    const seen = this.#seen(name);
    // A class may be newer than what was seen: the pod was let in with it.
    return seen ?? (await this.#read(name)).handler;
  }

  seenHandlerOf({ spec }: Pod): string | undefined {
    return this.#seen(spec?.runtimeClassName ?? '');
  }

  #seen(name: string): string | undefined {
    return name === '' ? '' : this.#informer.get(name)?.handler;
  }

  async #read(name: string): Promise<RuntimeClass> {
    try {
      return await this.#client.get(RUNTIME_CLASS, name);
    } catch (error) {
      const isUnknown = isStatus(error, 'NotFound');
      const text = isUnknown
        ? `runtimeclass.node.k8s.io "${name}" not found`
        : `failed to lookup RuntimeClass ${name}: ${messageOf(error)}`;
      throw new Error(text, { cause: error });
    }
  }
}
