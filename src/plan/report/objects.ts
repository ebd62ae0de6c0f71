/** All objects of the fork at two times, and what became of each. */
import { chosenKinds } from '#api/chosen-kinds.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf, type JsonObject, type KubeObject } from '#api/meta/object.ts';
import { CUSTOM_DOCUMENT, fieldTypeOf } from '#api/schema/kind-types.ts';
import type { FieldType } from '#api/schema/types.ts';
import { type Change, changesBetween } from '#apiserver/history/changes.ts';
import type { Client } from '#client/client.ts';
import { discover } from '#client/discovery.ts';
import type { Writers } from '../fork/writers.ts';
import { resourceName } from '../live/read-cluster.ts';
import type { ObjectName, PlannedField, PlannedObject } from './plan-result.ts';

export interface Listed {
  readonly object: KubeObject;
  /** `deployments.apps` */
  readonly resource: string;
}

/** By `keyOfName`. */
export type Objects = ReadonlyMap<string, Listed>;

/** Pods have a table of their own; the others tell of what goes on. */
const LEFT_OUT = new Set([
  'pods',
  'events',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
  'componentstatuses',
]);
/** Others own these, or they only say how far it has come. */
const IGNORED_PATHS = /^(status|metadata\.(uid|creationTimestamp))(\.|\[|$)/;
/** The older sort of apply keeps a copy of all that it applied. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function keyOfName({ apiVersion, kind, namespace = '', name }: ObjectName): string {
  return `${apiVersion} ${kind} ${namespace}/${name}`;
}

/** Every object as it is now, each in the version that its group prefers. */
export async function allObjects(client: Client): Promise<Objects> {
  const { resources } = await discover(client);
  const objects = new Map<string, Listed>();
  for (const type of resources) {
    const resource = resourceName(type);
    if (LEFT_OUT.has(resource) || !type.verbs.includes('watch')) continue;
    const { items } = await client.list(type, { shared: true });
    for (const object of items) objects.set(keyOfName(nameOf(object)), { object, resource });
  }
  return objects;
}

function nameOf({ apiVersion = '', kind = '', metadata }: KubeObject): ObjectName {
  const { namespace, name = '' } = metadata ?? {};
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name };
}

export interface ChangeFacts {
  readonly before: Objects;
  readonly after: Objects;
  /** What the change named. */
  readonly asked: readonly (ObjectName & { readonly notes: readonly string[] })[];
  readonly gates: FeatureGates;
  readonly writers: Writers;
  /** Kinds of which it is not known what is there: they are told of where they are asked for alone. */
  readonly unknown: ReadonlySet<string>;
}

/** What is asked for first, in its order; then what follows, by kind and name. */
export function objectChanges(facts: ChangeFacts): PlannedObject[] {
  const { before, after, asked, gates, writers } = facts;
  const kinds = chosenKinds(gates);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const changed = new Map<string, PlannedObject>();
  for (const key of keys) {
    const { object, resource } = after.get(key) ?? before.get(key) ?? {};
    const change = changeOf(before.get(key)?.object, after.get(key)?.object, kinds);
    if (change === undefined || resource === undefined) continue;
    const by = writers.of(resource, object?.metadata?.namespace ?? '', change.name);
    changed.set(key, by.length === 0 ? change : { ...change, by });
  }
  const named = new Map<string, PlannedObject>();
  for (const { notes, ...name } of asked) {
    // Another version of what is listed is the same object.
    const key = keys.has(keyOfName(name)) ? keyOfName(name) : sameObject(name, keys);
    const change = changed.get(key) ?? { ...name, action: 'unchanged' as const, asked: true };
    const all = [...(change.notes ?? []), ...notes];
    named.set(key, { ...change, asked: true, ...(all.length === 0 ? {} : { notes: all }) });
  }
  const others = [...changed].filter(([key]) => {
    const { resource = '' } = after.get(key) ?? before.get(key) ?? {};
    return !named.has(key) && !facts.unknown.has(resource);
  });
  return [
    ...named.values(),
    ...others.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change),
  ];
}

function sameObject(name: ObjectName, keys: ReadonlySet<string>): string {
  const group = name.apiVersion.split('/').slice(0, -1).join('/');
  const rest = keyOfName({ ...name, apiVersion: '' });
  return (
    [...keys].find((key) => key.endsWith(rest) && key.startsWith(`${group}/`)) ?? keyOfName(name)
  );
}

function changeOf(
  old: KubeObject | undefined,
  next: KubeObject | undefined,
  kinds: readonly AnyKind[],
): PlannedObject | undefined {
  const object = next ?? old;
  if (object === undefined) return undefined;
  const name = nameOf(object);
  if (old === undefined) return { ...name, action: 'created', asked: false };
  if (next === undefined) return { ...name, action: 'deleted', asked: false };
  const isGoing = ({ metadata }: KubeObject): boolean => metadata?.deletionTimestamp !== undefined;
  if (isGoing(next) && !isGoing(old)) {
    const notes = [`stays for its finalizers: ${(next.metadata?.finalizers ?? []).join(', ')}`];
    return { ...name, action: 'deleted', asked: false, notes };
  }
  const isNew = old.metadata?.uid !== next.metadata?.uid;
  const fields = fieldsOf(old, next, kinds);
  if (fields.length === 0 && !isNew) return undefined;
  const notes = isNew ? { notes: ['deleted, and made anew'] } : {};
  return { ...name, action: 'changed', asked: false, fields, ...notes };
}

function fieldsOf(old: KubeObject, next: KubeObject, kinds: readonly AnyKind[]): PlannedField[] {
  const kind = kinds.find(
    (each) => each.kind === next.kind && apiVersionOf(each) === next.apiVersion,
  );
  const type: FieldType = {
    kind: 'object',
    type: kind === undefined ? CUSTOM_DOCUMENT : fieldTypeOf(kind),
  };
  return changesBetween(withoutCopy(old), withoutCopy(next), { type })
    .filter(({ path }) => !IGNORED_PATHS.test(path))
    .map((change) => (next.kind === 'Secret' ? { path: change.path } : plain(change)));
}

function withoutCopy(object: KubeObject): JsonObject {
  const { [LAST_APPLIED]: _, ...annotations } = object.metadata?.annotations ?? {};
  const { annotations: __, ...metadata } = object.metadata ?? {};
  const isEmpty = Object.keys(annotations).length === 0;
  const kept = isEmpty ? metadata : { ...metadata, annotations };
  return { ...object, metadata: kept } as unknown as JsonObject;
}

function plain({ path, old, new: next }: Change): PlannedField {
  return {
    path,
    ...(old === undefined ? {} : { old }),
    ...(next === undefined ? {} : { new: next }),
  };
}
