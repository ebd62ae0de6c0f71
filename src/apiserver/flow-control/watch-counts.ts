/**
 * How many watches a write is told to.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/watch_tracker.go. Watches of
 * the Pods of one node do not count: an event wakes one of them.
 */
import { parseFieldSelector } from '#api/meta/field-selector.ts';
import type { RequestInfo } from '../request-info.ts';
import { nameOf } from './work-estimate.ts';

export class WatchCounts {
  /** By group, resource, namespace and name; open watches alone, so there are never more. */
  readonly #counts = new Map<string, number>();

  /** A watch is open; answers how to say that it ended. */
  open(info: RequestInfo): () => void {
    if (isOfOneNode(info)) return () => {};
    const key = keyOf(info.group, info.resource, info.namespace, nameOf(info));
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.#counts.get(key) ?? 0) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }

  /** Of all objects of the resource, of those in the namespace, of the one. */
  interestedIn({ group, resource, namespace, name }: RequestInfo): number {
    let count = this.#counts.get(keyOf(group, resource, '', '')) ?? 0;
    if (namespace !== '') count += this.#counts.get(keyOf(group, resource, namespace, '')) ?? 0;
    if (name !== '') count += this.#counts.get(keyOf(group, resource, namespace, name)) ?? 0;
    return count;
  }

  /** Of how many kinds of watches there are any. */
  get size(): number {
    return this.#counts.size;
  }
}

function keyOf(group: string, resource: string, namespace: string, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`;
}

function isOfOneNode({ group, resource, query }: RequestInfo): boolean {
  const selector = query.get('fieldSelector') ?? '';
  if (group !== '' || resource !== 'pods' || !selector.includes('spec.nodeName')) return false;
  return parseFieldSelector(selector).some(
    ({ field, equal, value }) => equal && field === 'spec.nodeName' && value !== '',
  );
}
