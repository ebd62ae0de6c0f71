/** The uid and resourceVersion that one server gave to each stored object. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import type { CaseRequest } from './model.ts';

export class StoredVersions {
  readonly #known = new Map<string, { readonly uid: string; readonly resourceVersion: string }>();

  /** Remembers what a create has stored, and what a read shows of it. */
  note({ method, url, headers }: CaseRequest, status: number, text: string): void {
    // The cases about other forms of the answer read the same objects.
    if (headers?.['accept'] !== undefined) return;
    const isRead = method === 'GET' && status === 200 && this.#known.has(decodeURIComponent(url));
    const isCreate = method === 'POST' && status === 201 && !url.includes('?');
    if (!isRead && !isCreate) return;
    const object = JSON.parse(text) as Json;
    const metadata = isJsonObject(object) ? object['metadata'] : undefined;
    if (!isJsonObject(metadata ?? null)) return;
    const { name, uid, resourceVersion } = metadata as { [key: string]: string };
    this.#known.set(isRead ? decodeURIComponent(url) : `${url}/${name ?? ''}`, {
      uid: uid ?? '',
      resourceVersion: resourceVersion ?? '',
    });
  }

  /**
   * `text` with the placeholders replaced by what the object of `url`, or of a view of it, has;
   * `$uid(/api/v1/nodes/a)` is that of the object of another URL.
   */
  fill(text: string, url: string): string {
    if (!text.includes('$resourceVersion') && !text.includes('$uid')) return text;
    const path = decodeURIComponent(url.split('?')[0] ?? '');
    const found = this.#known.get(path) ?? this.#known.get(path.slice(0, path.lastIndexOf('/')));
    return text
      .replaceAll(/\$uid\(([^)]*)\)/g, (_, of: string) => this.#known.get(of)?.uid ?? '')
      .replaceAll('$resourceVersion', found?.resourceVersion ?? '')
      .replaceAll('$uid', found?.uid ?? '');
  }
}
