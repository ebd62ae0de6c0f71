/**
 * `metadata.managedFields` as a list of managers, each with its set of fields.
 *
 * Source: meta/v1 ManagedFieldsEntry; upstream
 * staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal (managedfields.go,
 * capmanagers.go, stripmeta.go).
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { isJsonObject } from '../meta/json.ts';
import { difference, type FieldSet, isEmptySet, parseFieldSet, union } from './field-set.ts';
import { readFieldSet } from './shared-sets.ts';

export interface ManagerEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** RFC 3339, whole seconds. */
  readonly time?: string;
  readonly subresource: string;
  readonly fields: FieldSet;
}

/** Updates of more managers than this share one entry. */
const UPDATE_MANAGERS_MAX = 10;
const OLD_UPDATES_MANAGER = 'ancient-changes';

/** What makes an entry the same manager's: an applier is one whatever version it applies. */
export function entryId(entry: Omit<ManagerEntry, 'fields' | 'time'>): string {
  const { manager, operation, apiVersion, subresource } = entry;
  return JSON.stringify({
    ...(manager === '' ? {} : { manager }),
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource === '' ? {} : { subresource }),
  });
}

/** Entries by id, as the set operations work on them. */
export type Entries = Map<string, ManagerEntry>;

/**
 * Reads `managedFields`. Throws for what a server would not have written.
 */
export function decodeEntries(list: Json | undefined): Entries {
  const entries: Entries = new Map();
  if (list === undefined || list === null) return entries;
  if (!Array.isArray(list)) throw new SyntaxError('managedFields must be a list');
  for (const [index, item] of list.entries()) {
    if (!isJsonObject(item))
      throw new SyntaxError(`managed fields entry ${index} must be an object`);
    const entry = decodeEntry(item, index);
    entries.set(entryId(entry), entry);
  }
  return entries;
}

function decodeEntry(item: JsonObject, index: number): ManagerEntry {
  const {
    manager = '',
    operation,
    apiVersion = '',
    time,
    fieldsType = '',
    fieldsV1,
    subresource = '',
  } = item;
  if (operation !== 'Apply' && operation !== 'Update')
    throw new SyntaxError('operation must be `Apply` or `Update`');
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw new SyntaxError('apiVersion must not be empty');
  if (fieldsType === '')
    throw new SyntaxError(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== 'FieldsV1') {
    throw new SyntaxError(
      `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`,
    );
  }
  if (typeof manager !== 'string' || typeof subresource !== 'string') {
    throw new SyntaxError(`invalid managed fields entry ${index}`);
  }
  return {
    manager,
    operation,
    apiVersion,
    ...(typeof time === 'string' ? { time } : {}),
    subresource,
    fields: readFieldSet(fieldsV1 ?? {}),
  };
}

/** The list as it is stored: appliers first, then by time, name, version. Undefined when empty. */
export function encodeEntries(entries: Entries): Json[] | undefined {
  if (entries.size === 0) return undefined;
  return [...entries.values()].toSorted(compareEntries).map((entry) => ({
    ...(entry.manager === '' ? {} : { manager: entry.manager }),
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: entry.fields as JsonObject,
    ...(entry.subresource === '' ? {} : { subresource: entry.subresource }),
  }));
}

function compareEntries(left: ManagerEntry, right: ManagerEntry): number {
  return (
    compareText(left.operation, right.operation) ||
    secondsOf(left) - secondsOf(right) ||
    compareText(left.manager, right.manager) ||
    compareText(left.apiVersion, right.apiVersion) ||
    compareText(left.subresource, right.subresource)
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function secondsOf({ time }: ManagerEntry): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000) || 0;
}

/** Merges the oldest updates of each version into one entry until few enough are left. */
export function capUpdateManagers(entries: Entries): void {
  const updates = [...entries].filter(([, entry]) => entry.operation === 'Update');
  let count = updates.length;
  if (count <= UPDATE_MANAGERS_MAX) return;
  updates.sort(([a, left], [b, right]) => secondsOf(left) - secondsOf(right) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  for (const [id, entry] of updates) {
    if (count <= UPDATE_MANAGERS_MAX) return;
    const { apiVersion, time } = entry;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, id);
      continue;
    }
    const bucket = {
      manager: OLD_UPDATES_MANAGER,
      operation: 'Update',
      apiVersion,
      subresource: '',
    } as const;
    const bucketId = entryId(bucket);
    const before = entries.get(bucketId) ?? entries.get(first);
    if (!entries.has(bucketId)) entries.delete(first);
    entries.delete(id);
    entries.set(bucketId, {
      ...bucket,
      ...(time === undefined ? {} : { time }),
      fields: before === undefined ? entry.fields : union(entry.fields, before.fields),
    });
    count--;
  }
}

const UNMANAGED: FieldSet = parseFieldSet({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:clusterName': {},
    'f:creationTimestamp': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:name': {},
    'f:namespace': {},
    'f:resourceVersion': {},
    'f:selfLink': {},
    'f:uid': {},
  },
});

/** Fields that nobody manages, taken out of what one manager would own. */
export function stripUnmanaged(fields: FieldSet): FieldSet {
  return difference(fields, UNMANAGED);
}

export function setFields(entries: Entries, id: string, fields: FieldSet): void {
  const entry = entries.get(id);
  if (entry === undefined) return;
  if (isEmptySet(fields)) entries.delete(id);
  else if (fields !== entry.fields) entries.set(id, { ...entry, fields });
}
