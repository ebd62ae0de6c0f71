/** Who wrote which object of the fork, how often, and when last. */
import { requestInfoOf } from '#apiserver/request-info.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { HttpRequest } from '#base/http/message.ts';

/** Whose writes are those of the change itself. */
export const THE_CHANGE = 'the change';

interface Written {
  readonly resource: string;
  readonly namespace: string;
  /** Empty: a whole collection, or a name that the server made. */
  readonly name: string;
  readonly who: string;
  /** Only how far it has come was written. */
  readonly isStatus: boolean;
  count: number;
  lastMs: number;
}

/** How many busy writers are named. */
const MOVING_MAX = 10;

export class Writers {
  readonly #written = new Map<string, Written>();

  forget(): void {
    this.#written.clear();
  }

  /** A write that succeeded, `atMs` in the environment's `elapsedMs`. */
  note({ method, url, body }: HttpRequest, who: string, atMs: number): void {
    const info = requestInfoOf(method, url);
    if (!info.isResourceRequest) return;
    const resource = info.group === '' ? info.resource : `${info.resource}.${info.group}`;
    const name = info.name === '' && method === 'POST' ? nameIn(body) : info.name;
    const isStatus = info.subresource === 'status';
    // A namespace is in none, whatever its path says.
    const namespace = resource === 'namespaces' ? '' : info.namespace;
    const facts = { resource, namespace, name, who, isStatus };
    const key = JSON.stringify(facts);
    const known = this.#written.get(key) ?? { ...facts, count: 0, lastMs: atMs };
    known.count++;
    known.lastMs = atMs;
    this.#written.set(key, known);
  }

  /** Who made, changed or deleted an object, in the order of their first writes. */
  of(resource: string, namespace: string, name: string): string[] {
    const all = [...this.#written.values()].filter(
      (each) => !each.isStatus && each.resource === resource && each.namespace === namespace,
    );
    const own = all.filter((each) => each.name === name);
    const found = own.length > 0 ? own : all.filter((each) => each.name === '');
    return [...new Set(found.map(({ who }) => who))];
  }

  /** What has been written since then, the most often written first, in words. */
  since(ms: number): string[] {
    return [...this.#written.values()]
      .filter(({ lastMs }) => lastMs >= ms)
      .toSorted((a, b) => b.count - a.count)
      .slice(0, MOVING_MAX)
      .map(({ resource, namespace, name, who, count }) => {
        const scope = namespace === '' ? '' : `${namespace}/`;
        return `${who} writes ${resource} ${scope}${name}: ${count} times so far`;
      });
  }
}

function nameIn(body: HttpRequest['body']): string {
  if (!(body instanceof Uint8Array)) return '';
  const object = JSON.parse(Buffer.from(body).toString()) as KubeObject;
  return object.metadata?.name ?? '';
}

/** As people call who is logged in under a name. */
export function componentOf(user: string): string {
  const [system, ...rest] = user.split(':');
  if (system !== 'system') return user;
  if (rest[0] === 'node') return `kubelet of ${rest[1] ?? ''}`;
  return rest.at(-1) ?? user;
}
