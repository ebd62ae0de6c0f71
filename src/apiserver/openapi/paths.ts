/**
 * The paths of a kind, with their operations.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/installer.go and openapi/openapi.go
 * for paths, operation ids and tags.
 */
import { type AnyKind, listSchemaOf } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { typeForKind } from '#api/schema/schema.ts';
import { type Subresource, subresourcesOf } from '../discovery/subresources.ts';
import {
  ACTIONS,
  answers,
  MEDIA,
  META_V1,
  type Operation,
  optionsOf,
  type Parameter,
  pathItem,
  pathParameter,
  type Ref,
} from './operations.ts';

export interface Scope {
  readonly group: string;
  readonly version: string;
  /** `/apis/apps/v1` */
  readonly root: string;
  readonly ref: Ref;
}

const NAME = pathParameter('name');
const NAMESPACE = pathParameter('namespace');
/** Methods that a proxy passes on, by the verb that they need. */
const PROXY_METHODS = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete'];

/** `apps` → `Apps`, `rbac.authorization.k8s.io` → `RbacAuthorization`, core → `Core`. */
export function groupTitle(group: string): string {
  return group === ''
    ? 'Core'
    : group
        .replace(/\.k8s\.io$/, '')
        .split('.')
        .map(title)
        .join('');
}

export function title(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `apps_v1`; without a version the group's own tag. */
export function tagOf(group: string, version?: string): string {
  const name = groupTitle(group);
  const tag = name.charAt(0).toLowerCase() + name.slice(1);
  return version === undefined ? tag : `${tag}_${version}`;
}

export function groupVersionTitle({ group, version }: Pick<Scope, 'group' | 'version'>): string {
  return `${groupTitle(group)}${title(version)}`;
}

/** All paths of `kind`: its own, its subresources', and the old ones for watching. */
export function pathsOfKind(scope: Scope, kind: AnyKind): [path: string, item: JsonObject][] {
  const resource = new ResourcePaths(scope, kind);
  return [
    ...resource.collection(),
    ...resource.object(),
    ...resource.watches(),
    ...subresourcesOf(kind).flatMap((subresource) => resource.subresource(subresource)),
  ].filter(([, item]) => Object.keys(item).length > 0);
}

class ResourcePaths {
  readonly #scope: Scope;
  readonly #kind: AnyKind;
  readonly #schema: JsonObject;
  readonly #gvk: JsonObject;
  /** `Namespaced` in operation ids. */
  readonly #scoped: string;
  readonly #place: readonly Parameter[];
  readonly #base: string;

  constructor(scope: Scope, kind: AnyKind) {
    this.#scope = scope;
    this.#kind = kind;
    this.#schema = scope.ref(kind.schema);
    this.#gvk = { group: kind.group, version: kind.version, kind: kind.kind };
    this.#scoped = kind.namespaced ? 'Namespaced' : '';
    this.#place = kind.namespaced ? [NAMESPACE] : [];
    this.#base = `${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  }

  #id(action: string, name: string): string {
    return `${action}${groupVersionTitle(this.#scope)}${name}`;
  }

  #item(operations: readonly Operation[]): JsonObject {
    return operations.length === 0
      ? {}
      : pathItem(tagOf(this.#scope.group, this.#scope.version), operations);
  }

  #operation(
    parts: Omit<Operation, 'id' | 'kind'>,
    id: string,
    place: readonly Parameter[],
    gvk = this.#gvk,
  ): Operation {
    return { ...parts, id, kind: gvk, parameters: [...place, ...parts.parameters] };
  }

  #has(verb: AnyKind['verbs'][number]): boolean {
    return this.#kind.verbs.includes(verb);
  }

  #meta(kind: string): JsonObject {
    return this.#scope.ref(`${META_V1}.${kind}`);
  }

  collection(): [string, JsonObject][] {
    const { kind, namespaced, plural } = this.#kind;
    const operations: Operation[] = [];
    const add = (parts: Omit<Operation, 'id' | 'kind'>, action: string, name: string): void => {
      operations.push(this.#operation(parts, this.#id(action, name), this.#place));
    };
    const list = this.#has('list') ? this.#scope.ref(listSchemaOf(this.#kind)) : undefined;
    if (list !== undefined) add(ACTIONS.list(list), 'list', `${this.#scoped}${kind}`);
    if (this.#has('create')) add(ACTIONS.post(this.#schema), 'create', `${this.#scoped}${kind}`);
    if (this.#has('deletecollection')) {
      const parts = ACTIONS.deletecollection(this.#meta('Status'), this.#meta('DeleteOptions'));
      add(parts, 'delete', `Collection${this.#scoped}${kind}`);
    }
    const paths: [string, JsonObject][] = [
      [`${this.#scope.root}${this.#base}`, this.#item(operations)],
    ];
    if (namespaced && list !== undefined) {
      const all = this.#operation(
        ACTIONS.list(list),
        this.#id('list', `${kind}ForAllNamespaces`),
        [],
      );
      paths.push([`${this.#scope.root}/${plural}`, this.#item([all])]);
    }
    return paths;
  }

  object(): [string, JsonObject][] {
    const operations: Operation[] = [];
    const name = `${this.#scoped}${this.#kind.kind}`;
    const add = (parts: Omit<Operation, 'id' | 'kind'>, action: string): void => {
      operations.push(this.#operation(parts, this.#id(action, name), [NAME, ...this.#place]));
    };
    if (this.#has('get')) add(ACTIONS.get(this.#schema), 'read');
    if (this.#has('update')) add(ACTIONS.put(this.#schema), 'replace');
    if (this.#has('patch')) add(ACTIONS.patch(this.#schema, this.#meta('Patch')), 'patch');
    if (this.#has('delete')) {
      const answer = answersWithObject(this.#kind) ? this.#schema : this.#meta('Status');
      add(ACTIONS.delete(answer, this.#meta('DeleteOptions')), 'delete');
    }
    return [[`${this.#scope.root}${this.#base}/{name}`, this.#item(operations)]];
  }

  watches(): [string, JsonObject][] {
    if (!this.#has('watch')) return [];
    const { kind, namespaced, plural } = this.#kind;
    const event = this.#meta('WatchEvent');
    const root = `${this.#scope.root}/watch`;
    const watch = (
      action: 'watch' | 'watchlist',
      name: string,
      place: readonly Parameter[],
    ): JsonObject =>
      this.#item([this.#operation(ACTIONS.watch(event, action), this.#id('watch', name), place)]);
    const paths: [string, JsonObject][] = [
      [`${root}${this.#base}`, watch('watchlist', `${this.#scoped}${kind}List`, this.#place)],
      [
        `${root}${this.#base}/{name}`,
        watch('watch', `${this.#scoped}${kind}`, [NAME, ...this.#place]),
      ],
    ];
    if (namespaced)
      paths.push([`${root}/${plural}`, watch('watchlist', `${kind}ListForAllNamespaces`, [])]);
    return paths;
  }

  subresource(subresource: Subresource): [string, JsonObject][] {
    const path = `${this.#scope.root}${this.#base}/{name}/${subresource.name}`;
    if (subresource.kind.endsWith('Options')) return this.#connects(subresource, path);
    const { group, version } = subresource.groupVersion ?? this.#kind;
    const isOwn = subresource.groupVersion === undefined && subresource.kind === this.#kind.kind;
    const model = isOwn ? this.#kind.schema : typeForKind(group, version, subresource.kind)?.name;
    if (model === undefined)
      throw new Error(`Cannot describe ${path}: no type ${subresource.kind}`);
    const name = `${this.#scoped}${this.#kind.kind}${title(subresource.name)}`;
    const gvk = { group, version, kind: subresource.kind };
    const operations = subresource.verbs.map((verb) => {
      const { action, parts } = this.#viewAction(verb, subresource, this.#scope.ref(model));
      return this.#operation(parts, this.#id(action, name), [NAME, ...this.#place], gvk);
    });
    return [[path, this.#item(operations)]];
  }

  #viewAction(
    verb: string,
    { name }: Subresource,
    schema: JsonObject,
  ): { action: string; parts: Omit<Operation, 'id' | 'kind'> } {
    switch (verb) {
      case 'get':
        return { action: 'read', parts: name === 'log' ? logAction() : ACTIONS.get(schema) };
      case 'update':
        return { action: 'replace', parts: ACTIONS.put(schema) };
      case 'patch':
        return { action: 'patch', parts: ACTIONS.patch(schema, this.#meta('Patch')) };
      default:
        return { action: 'create', parts: ACTIONS.post(schema) };
    }
  }

  /** Streams and proxies: no body, text out, any path behind a proxy. */
  #connects(subresource: Subresource, path: string): [string, JsonObject][] {
    const isProxy = subresource.name === 'proxy';
    const methods = isProxy ? PROXY_METHODS : ['get', 'post'];
    const model = this.#kind.schema.replace(/\w+$/, subresource.kind);
    const gvk = { ...this.#gvk, kind: subresource.kind };
    const connect = (suffix: string, place: readonly Parameter[]): JsonObject =>
      this.#item(
        methods.map((method) => {
          const name = `${title(method)}${this.#scoped}${this.#kind.kind}${title(subresource.name)}${suffix}`;
          return this.#operation(
            ACTIONS.connect(method, optionsOf(model)),
            this.#id('connect', name),
            place,
            gvk,
          );
        }),
      );
    const place = [NAME, ...this.#place];
    const paths: [string, JsonObject][] = [[path, connect('', place)]];
    if (isProxy)
      paths.push([`${path}/{path}`, connect('WithPath', [...place, pathParameter('path')])]);
    return paths;
  }
}

/** A namespace is returned while it is being emptied, and described as if it were not. */
function answersWithObject({ returnsDeletedObject, group, kind }: AnyKind): boolean {
  return returnsDeletedObject === true && !(group === '' && kind === 'Namespace');
}

/** Logs come as text whatever is asked for. */
function logAction(): Omit<Operation, 'id' | 'kind'> {
  const parts = ACTIONS.get({ type: 'string' }, optionsOf('io.k8s.api.core.v1.PodLogOptions'));
  return { ...parts, responses: answers({ type: 'string' }, ['200'], [...MEDIA, 'text/plain']) };
}
