/** Every successful write on the fork while it listens: what admission from outside would have seen. */
import { requestInfoOf } from '#apiserver/request-info.ts';
import type { HttpRequest } from '#base/http/message.ts';
import type { KubeObject } from '#api/meta/object.ts';

export interface SeenWrite {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** Of a new object; undefined where they are not known. */
  readonly labels?: Readonly<Record<string, string>>;
}

const OPERATIONS: Readonly<Record<string, SeenWrite['operation']>> = {
  POST: 'CREATE',
  PUT: 'UPDATE',
  PATCH: 'UPDATE',
  DELETE: 'DELETE',
};

export class WriteLog {
  readonly #writes = new Map<string, SeenWrite>();
  #listens = false;

  /** Forgets what came before. */
  listen(): void {
    this.#writes.clear();
    this.#listens = true;
  }

  /** `status`: of the answer. */
  note({ method, url, body }: HttpRequest, status: number): void {
    // To apply what is not there yet creates it.
    const operation = method === 'PATCH' && status === 201 ? 'CREATE' : OPERATIONS[method];
    if (!this.#listens || operation === undefined) return;
    const { group, version, resource, subresource, namespace } = requestInfoOf(method, url);
    const labels = method === 'POST' ? labelsIn(body) : undefined;
    const write = { operation, group, version, resource, subresource, namespace };
    const key = JSON.stringify([...Object.values(write), labels]);
    this.#writes.set(key, labels === undefined ? write : { ...write, labels });
  }

  /** Each sort once. */
  get writes(): readonly SeenWrite[] {
    return [...this.#writes.values()];
  }
}

function labelsIn(body: HttpRequest['body']): Readonly<Record<string, string>> | undefined {
  if (!(body instanceof Uint8Array)) return undefined;
  const object = JSON.parse(Buffer.from(body).toString()) as KubeObject;
  return object.metadata?.labels ?? {};
}
