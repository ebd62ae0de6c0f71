import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type JsonObject, parseApiVersion } from '../meta/object.ts';
import { typeForKind, type TypeSchema } from '../schema/schema.ts';
import { toGoJson } from './canonical.ts';
import { decodeJson } from './json.ts';
import { decodeEnvelope, decodeProtobuf, encodeEnvelope, encodeProtobuf } from './protobuf.ts';
import { fromYaml, toYaml } from './yaml.ts';

const FOLDER = join(process.env['COXSWAIN_SHARED'] ?? '/nowhere', 'golden/objects');
const skip = existsSync(FOLDER) ? false : 'COXSWAIN_SHARED names no folder with golden objects';

/**
 * What another release makes of the same bytes (it knows fields that v1.36 lacks and lacks others):
 * its YAML must be read and written like any other, but its fields are not ours to know.
 */
const OTHER_RELEASE = '.after_roundtrip';

interface Golden {
  readonly name: string;
  readonly json: JsonObject;
  readonly jsonBytes: Uint8Array;
  readonly yaml: string;
  readonly protobuf: Uint8Array;
}

function goldens(): Golden[] {
  if (skip !== false) return [];
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const name = file.slice(0, -'.json'.length);
      const jsonBytes = readFileSync(join(FOLDER, file));
      return {
        name,
        jsonBytes,
        json: JSON.parse(jsonBytes.toString()) as JsonObject,
        yaml: readFileSync(join(FOLDER, `${name}.yaml`), 'utf8'),
        protobuf: readFileSync(join(FOLDER, `${name}.pb`)),
      };
    });
}

/** What the envelope says: nothing for a WatchEvent, which names no kind of its own. */
function kindOf({ apiVersion, kind }: JsonObject): { apiVersion: string; kind: string } {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { apiVersion: text(apiVersion), kind: text(kind) };
}

function typeOf(json: JsonObject): TypeSchema {
  const { apiVersion, kind } =
    'kind' in json ? kindOf(json) : { apiVersion: 'v1', kind: 'WatchEvent' };
  const { group, version } = parseApiVersion(apiVersion);
  const type = typeForKind(group, version, kind);
  assert.ok(type, `${apiVersion} ${kind} must be in the table`);
  return type;
}

describe('golden objects', { skip }, () => {
  const all = goldens();
  const ours = all.filter(({ name }) => !name.endsWith(OTHER_RELEASE));

  it('are there for at least 180 kinds and versions', () => {
    assert.ok(ours.length >= 180, `${ours.length} objects`);
  });

  for (const { name, json, jsonBytes, protobuf } of ours) {
    it(`JSON becomes protobuf byte for byte: ${name}`, () => {
      const { apiVersion, kind } = kindOf(json);
      const encoded = encodeEnvelope(apiVersion, kind, encodeProtobuf(typeOf(json), json));
      assert.deepEqual(Buffer.from(encoded), Buffer.from(protobuf));
    });

    it(`protobuf becomes JSON byte for byte: ${name}`, () => {
      const envelope = decodeEnvelope(protobuf);
      assert.ok(envelope);
      const object = decodeProtobuf(typeOf(json), envelope.raw);
      if (json['kind'] !== undefined) Object.assign(object, kindOf(json));
      assert.equal(toGoJson(typeOf(json), object), JSON.stringify(json));
    });

    it(`JSON is read without a problem and written as it came: ${name}`, () => {
      const { object, problems } = decodeJson(jsonBytes, typeOf(json), 'Strict');
      assert.deepEqual(problems, []);
      assert.deepEqual(object, json);
      assert.equal(toGoJson(typeOf(json), object), JSON.stringify(json));
    });
  }

  for (const { name, json, yaml } of all) {
    it(`YAML becomes JSON and JSON becomes YAML byte for byte: ${name}`, () => {
      assert.deepEqual(fromYaml(yaml), json);
      assert.equal(toYaml(json), yaml);
    });
  }
});
