/** Whatever a client leaves out, no kind's code may throw: what is wrong is said as field errors. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { decodeJson } from './codec/json.ts';
import type { AnyKind, WriteContext } from './kind.ts';
import { KINDS } from './kinds.ts';
import type { JsonObject, KubeObject } from './meta/object.ts';
import { typeByName } from './schema/schema.ts';

const folder = path.join(process.env['COXSWAIN_SHARED'] ?? '/nonexistent', 'golden/objects');
const skip = existsSync(folder) ? false : 'COXSWAIN_SHARED names no golden data';
const NOW = Date.parse('2026-01-02T03:04:05Z');
const context: WriteContext = {
  nowMs: NOW,
  uuid: () => '00000000-0000-0000-0000-000000000000',
  warn: () => undefined,
  user: { name: 'somebody', groups: ['some'] },
};

/** The object with every field set. */
function whole(kind: AnyKind): KubeObject | undefined {
  const name = `${kind.group === '' ? 'core' : kind.group}.${kind.version}.${kind.kind}.json`;
  const file = path.join(folder, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KubeObject) : undefined;
}

/** Runs all of the kind's code on `object`, as a create and as updates from and to `other`. */
function exercise(kind: AnyKind, object: KubeObject, other: KubeObject = {}): void {
  const made = structuredClone(object);
  kind.setDefaults?.(made);
  for (const column of kind.columns ?? []) column.cell(made, NOW);
  for (const field of Object.values(kind.selectableFields ?? {})) field(made);
  kind.scale?.get(made);
  kind.validate?.(made);
  kind.validateCreate?.(made);
  kind.warn?.(made);
  kind.gracefulDeletion?.(made, undefined);
  if (kind.storedAs !== undefined) kind.storedAs.fromStored(kind.storedAs.toStored(made));
  update(kind, made, structuredClone(made));
  update(kind, structuredClone(made), structuredClone(other));
  update(kind, structuredClone(other), structuredClone(made));
  kind.prepareForCreate?.(made, context);
}

function update(kind: AnyKind, next: KubeObject, old: KubeObject): void {
  for (const view of kind.views ?? []) {
    const seen = structuredClone(next);
    view.keep(seen, old, context);
    view.validate?.(seen, old);
  }
  kind.prepareForStatusUpdate?.(structuredClone(next), old, context);
  kind.validateStatus?.(next, old, context);
  kind.prepareForUpdate?.(next, old, context);
  kind.validateUpdate?.(next, old);
  kind.warn?.(next, old);
}

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

/** Every object and list within `value`. */
function nodes(value: unknown): Node[] {
  return isNode(value) ? [value, ...Object.values(value).flatMap(nodes)] : [];
}

/** Big objects are tried at every so manieth place, so that this takes seconds and not minutes. */
const PLACES_MAX = 30;

function sample<T>(list: readonly T[]): T[] {
  const step = Math.max(1, Math.ceil(list.length / PLACES_MAX));
  return list.filter((_, i) => i % step === 0);
}

/** The same object with each one of its fields left out in turn, at any depth. */
function* withoutOne(object: KubeObject): Generator<KubeObject> {
  const fields = nodes(object).flatMap((node, i) =>
    Object.keys(node).map((key) => [i, key] as const),
  );
  for (const [i, field] of sample(fields)) {
    const copy = structuredClone(object);
    const node = nodes(copy)[i];
    if (Array.isArray(node)) node.splice(Number(field), 1);
    else delete node?.[field];
    yield copy;
  }
}

/** Whole branches emptied: `spec: {}`, `containers: [{}]`. */
function* emptied(object: KubeObject): Generator<KubeObject> {
  for (const i of sample([...nodes(object).keys()])) {
    const copy = structuredClone(object);
    const node = nodes(copy)[i];
    if (node === undefined || Array.isArray(node)) continue;
    for (const field of Object.keys(node)) delete node[field];
    yield copy;
  }
}

/** As a decoder gives it: with Go's zeros. */
function normalized(kind: AnyKind, object: KubeObject): KubeObject {
  const { object: decoded } = decodeJson(object as JsonObject, typeByName(kind.schema), 'Ignore');
  return decoded as KubeObject;
}

function withoutZeros(object: KubeObject): unknown {
  return JSON.parse(
    JSON.stringify(object, (_key, value: unknown) =>
      value === '' || value === 0 ? undefined : value,
    ),
  );
}

/** What defaults do change: a write-only field, and what has two names that do not agree. */
const REPLACED =
  /^Secret\.stringData$|\.serviceAccount$|^Node\.spec\.podCIDRs|^Pod\.status\.podIPs/;

/** Where `after` does not have what `before` has. */
function lost(before: unknown, after: unknown, at = ''): string[] {
  if (!isNode(before)) return Object.is(before, after) ? [] : [at];
  if (!isNode(after)) return [at];
  return Object.keys(before).flatMap((key) => lost(before[key], after[key], `${at}.${key}`));
}

describe('every kind', { skip }, () => {
  for (const kind of KINDS) {
    const name = `${kind.group}/${kind.version} ${kind.kind}`;
    it(`${name} takes an empty object`, () => {
      exercise(kind, { metadata: {} });
      exercise(kind, {});
    });
    const object = whole(kind);
    if (object === undefined) continue;
    it(`${name} takes objects with any one field missing`, () => {
      exercise(kind, object);
      for (const copy of withoutOne(object)) exercise(kind, copy, object);
    });
    it(`${name} takes objects with any one branch empty`, () => {
      for (const copy of emptied(object)) exercise(kind, copy, object);
    });
    it(`${name} keeps all that is set`, () => {
      const made = structuredClone(object);
      kind.setDefaults?.(made);
      const gone = lost(object, made).filter((at) => !REPLACED.test(`${kind.kind}${at}`));
      assert.deepEqual(gone, []);
      const again = structuredClone(made);
      kind.setDefaults?.(again);
      assert.deepEqual(again, made);
    });
    it(`${name} gives all its defaults to what a decoder filled in with zeros`, () => {
      for (const copy of [...withoutOne(object), ...emptied(object)]) {
        const raw = structuredClone(copy);
        kind.setDefaults?.(raw);
        const made = normalized(kind, copy);
        kind.setDefaults?.(made);
        const gone = lost(withoutZeros(normalized(kind, raw)), made);
        assert.deepEqual(
          gone.filter((at) => !REPLACED.test(`${kind.kind}${at}`)),
          [],
        );
      }
    });
    it(`${name} finds no change in an object that did not change`, () => {
      const made = structuredClone(object);
      kind.setDefaults?.(made);
      const errors = kind.validateUpdate?.(structuredClone(made), made) ?? [];
      const changes = errors.filter(({ detail }) => /immutable|may not (be )?change/.test(detail));
      assert.deepEqual(
        changes.map((error) => error.text()),
        [],
      );
    });
  }
});
