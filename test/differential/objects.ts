/** The valid objects of `objects/*.yaml`, by kind; the first of a kind is the least there can be. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromYamlDocuments } from '#api/codec/yaml.ts';
import type { AnyKind } from '#api/kind.ts';
import { cloneJson, isJsonObject } from '#api/meta/json.ts';
import { apiVersionOf, type Json, type JsonObject } from '#api/meta/object.ts';
import { NAMESPACE } from './kind-urls.ts';

const FOLDER = join(import.meta.dirname, 'objects');

/** Signed by a key that nobody has: CN=someone, O=team. */
const CERTIFICATE_REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIY01JR0RBZ0VBTUNFeEVEQU9CZ05WQkFNTUIzTnZiV1Z2Ym1VeERUQUxCZ05WQkFvTUJIUmxZVzB3V1RBVApCZ2NxaGtqT1BRSUJCZ2dxaGtqT1BRTUJCd05DQUFRQzJ4bFQ5SGdUUy9hZ3g2c2U2MmtmU3J6SEdmT1Rwbi9PCjFuR0VZT0szckR6a0xNS09VcEFkWnNvRzV4RnYyUnhRYUswaE81eHI0OE14Y2svOWVCNHNvQUF3Q2dZSUtvWkkKemowRUF3SURTQUF3UlFJaEFObGlXNlh5OWtvdGdDR0ZtUmVUMHVRRWRmVURWUm9PdkdCbnFUdmEvSVZFQWlCTQpZM0d5KzNIWURyVjJRMC84Slpwakl1cXRmMDc5bDRYV0FjNzl1ZUVKWWc9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K';

let known: ReadonlyMap<string, readonly JsonObject[]> | undefined;

/** The caller may change what it gets. */
export function objectsOf(kind: AnyKind): JsonObject[] {
  known ??= readAll();
  const found = known.get(`${apiVersionOf(kind)} ${kind.kind}`) ?? [];
  return found.map((object) => cloneJson(object));
}

export function nameOf(object: JsonObject): string {
  const { metadata } = object;
  return isJsonObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
}

/** `v1 Pod`. */
function typeKey({ apiVersion = '', kind = '' }: { apiVersion?: Json; kind?: Json }): string {
  return [apiVersion, kind].filter((part) => typeof part === 'string').join(' ');
}

function readAll(): ReadonlyMap<string, readonly JsonObject[]> {
  const objects = readdirSync(FOLDER)
    .toSorted()
    .flatMap((file) => fromYamlDocuments(readFileSync(join(FOLDER, file), 'utf8')))
    .filter(isJsonObject);
  const values = placeholders(objects);
  return Map.groupBy(
    objects.map((object) => filled(object, values) as JsonObject),
    (object) => typeKey(object),
  );
}

function placeholders(objects: readonly JsonObject[]): ReadonlyMap<string, Json> {
  const pod = objects.find((object) => object['kind'] === 'Pod' && nameOf(object) === 'full');
  const podSpec = pod?.['spec'];
  if (!isJsonObject(podSpec)) throw new Error('Cannot read the objects: there is no Pod "full"');
  const { activeDeadlineSeconds: _, ...withoutDeadline } = podSpec;
  return new Map<string, Json>([
    ['$namespace', NAMESPACE],
    ['$certificateRequest', CERTIFICATE_REQUEST],
    ['$podSpec', withoutDeadline],
    ['$podSpecWithoutDeadline', withoutDeadline],
    ['$podSpecNever', neverRestarting(podSpec)],
  ]);
}

function neverRestarting(podSpec: JsonObject): JsonObject {
  const { containers } = podSpec;
  const list = Array.isArray(containers) ? containers.filter(isJsonObject) : [];
  const resizable = list.map(({ resizePolicy: _policy, ...container }) => container);
  return { ...podSpec, restartPolicy: 'Never', containers: resizable };
}

function filled(value: Json, values: ReadonlyMap<string, Json>): Json {
  if (typeof value === 'string') {
    const found = values.get(value);
    return found === undefined ? value : cloneJson(found);
  }
  if (Array.isArray(value)) return value.map((item) => filled(item, values));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, filled(member, values)]),
  );
}
