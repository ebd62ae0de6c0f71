/**
 * Where things are on the API server: the path and query of each request.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (resource URIs).
 */
import type {
  DeleteOptions,
  ListOptions,
  PatchOptions,
  ResourceType,
  WatchOptions,
} from './client.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';

export interface Target {
  readonly name: string;
  readonly namespace?: string;
}

/** `/api/v1` or `/apis/<group>/<version>`. */
function groupPath(type: ResourceType<KubeObject>): string {
  return type.group === '' ? `/api/${type.version}` : `/apis/${apiVersionOf(type)}`;
}

/** The collection; without a namespace, that of all namespaces. */
export function collectionPath(type: ResourceType<KubeObject>, namespace?: string): string {
  const inNamespace = type.namespaced && namespace !== undefined && namespace !== '';
  const scope = inNamespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupPath(type)}${scope}/${type.plural}`;
}

/** One object, or a subresource of it. */
export function objectPath(
  type: ResourceType<KubeObject>,
  target: Target,
  subresource?: string,
): string {
  const tail = subresource === undefined ? '' : `/${subresource}`;
  return `${collectionPath(type, target.namespace)}/${encodeURIComponent(target.name)}${tail}`;
}

/** `?a=b&c=d`, or nothing; undefined and false members are left out. */
export function queryOf(
  members: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined && value !== false) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}

export function listQuery(options: ListOptions): Record<string, string | number | undefined> {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
  };
}

export function watchQuery(
  options: WatchOptions,
): Record<string, string | number | boolean | undefined> {
  return {
    ...listQuery(options),
    watch: true,
    timeoutSeconds: options.timeoutSeconds,
    allowWatchBookmarks: options.allowBookmarks,
    sendInitialEvents: options.sendInitialEvents,
    resourceVersionMatch: options.sendInitialEvents === true ? 'NotOlderThan' : undefined,
  };
}

export function patchQuery(options: PatchOptions): Record<string, string | boolean | undefined> {
  const { fieldManager, force, fieldValidation } = options;
  return { fieldManager, force, fieldValidation };
}

/** The body of a DELETE; undefined when there is nothing to say. */
export function deleteBody(options: DeleteOptions | undefined): object | undefined {
  if (options === undefined || Object.keys(options).length === 0) return undefined;
  return { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
}
