/** A write that changes nothing is known by its bytes: what is read gives the bytes back. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { parseStored } from '#api/codec/stored.ts';
import type { AnyKind } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { OPTIONAL_KINDS } from '#api/optional-kinds.ts';
import { typeByName } from '#api/schema/schema.ts';
import { storedBytes } from '../watch-cache/entry.ts';

const shared = process.env['COXSWAIN_SHARED'];

function golden({ group, version, kind }: AnyKind): KubeObject | undefined {
  const file = `${group === '' ? 'core' : group}.${version}.${kind}.json`;
  try {
    const text = readFileSync(join(shared ?? '', 'golden/objects', file), 'utf8');
    return parseStored(text) as unknown as KubeObject;
  } catch {
    return undefined;
  }
}

function stored({ schema, storedAs }: AnyKind, object: KubeObject): string {
  const type = typeByName(storedAs?.schema ?? schema);
  return Buffer.from(storedBytes(type, storedAs?.toStored(object) ?? object)).toString();
}

function read({ storedAs }: AnyKind, text: string): KubeObject {
  const object = parseStored(text) as unknown as KubeObject;
  return storedAs?.fromStored(object) ?? object;
}

it('every kind, all fields set, has the same bytes when it is read and stored again', {
  skip: shared === undefined ? 'COXSWAIN_SHARED is not set' : false,
}, () => {
  const changed: string[] = [];
  let seen = 0;
  for (const kind of [...KINDS, ...OPTIONAL_KINDS]) {
    const object = golden(kind);
    if (object === undefined) continue;
    seen++;
    const first = stored(kind, object);
    // What another version cannot say is gone after the first time.
    const before = kind.storedAs === undefined ? first : stored(kind, read(kind, first));
    if (stored(kind, read(kind, before)) !== before)
      changed.push(`${apiVersionOf(kind)} ${kind.kind}`);
  }
  assert.ok(seen > 80, `only ${seen} kinds are there`);
  assert.deepEqual(changed, []);
});
