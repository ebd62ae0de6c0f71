/**
 * Another server's OpenAPI v2 put into ours: its paths of the group versions that it answers, and the
 * models that they need, renamed where we have another model of that name.
 *
 * Works on our document's text, which is megabytes of JSON that need not be read to add to it.
 * Source: upstream kube-openapi/pkg/aggregator (MergeSpecsIgnorePathConflict…).
 */
import { equalValues } from '#api/meta/equal.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';

/** Of Swagger 2.0, what is looked at. */
export interface Spec {
  readonly paths?: Readonly<Record<string, JsonObject>>;
  readonly definitions?: Readonly<Record<string, JsonObject>>;
}

const REF = '#/definitions/';
const PATHS = '"paths":{';
const DEFINITIONS = ',"definitions":{';

/** `own` is the text of a document as `document-v2.ts` writes it. */
export function mergeIntoText(
  own: string,
  spec: Spec,
  groupVersions: readonly { readonly group: string; readonly version: string }[],
): string {
  const pathsAt = own.indexOf(PATHS) + PATHS.length;
  const definitionsAt = own.indexOf(DEFINITIONS, pathsAt) + DEFINITIONS.length;
  if (pathsAt < PATHS.length || definitionsAt < pathsAt) return own;
  const paths = Object.entries(spec.paths ?? {}).filter(([path]) =>
    groupVersions.some(({ group, version }) => isOf(path, group, version)),
  );
  const fresh = paths.filter(([path]) => !own.includes(`${JSON.stringify(path)}:`, pathsAt));
  const needed = closure(
    fresh.map(([, item]) => item),
    spec.definitions ?? {},
  );
  const names = namesFor(needed, own, definitionsAt);
  const models = [...needed].flatMap(([name, model]) => {
    const as = names.get(name);
    return as === undefined ? [] : [[as, model] as const];
  });
  const text = (entries: readonly (readonly [string, Json])[]): string =>
    entries
      .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(renamed(value, names))},`)
      .join('');
  return (
    own.slice(0, pathsAt) +
    text(fresh) +
    own.slice(pathsAt, definitionsAt) +
    text(models) +
    own.slice(definitionsAt)
  );
}

function isOf(path: string, group: string, version: string): boolean {
  const root = `/apis/${group}/`;
  return path === root || path === `${root}${version}` || path.startsWith(`${root}${version}/`);
}

/** The models that `roots` refer to, and those refer to. */
function closure(
  roots: readonly Json[],
  definitions: Readonly<Record<string, JsonObject>>,
): Map<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  const open: Json[] = [...roots];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    for (const name of refsOf(value)) {
      const model = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
      if (model === undefined || found.has(name)) continue;
      found.set(name, model);
      open.push(model);
    }
  }
  return found;
}

function* refsOf(value: Json): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && typeof value['$ref'] === 'string' && value['$ref'].startsWith(REF))
    yield value['$ref'].slice(REF.length);
  for (const inner of Object.values(value)) yield* refsOf(inner);
}

/** The name that each model gets; undefined where ours is the same. */
function namesFor(
  models: ReadonlyMap<string, JsonObject>,
  own: string,
  from: number,
): Map<string, string | undefined> {
  const names = new Map<string, string | undefined>();
  for (const [name, model] of models) {
    const ours = ownModel(own, name, from);
    if (ours === undefined) names.set(name, name);
    else names.set(name, isSame(ours, model) ? undefined : freeName(name, own, from));
  }
  return names;
}

function freeName(name: string, own: string, from: number): string {
  for (let number = 2; ; number++) {
    const next = `${name}_v${number}`;
    if (!own.includes(`${JSON.stringify(next)}:{`, from)) return next;
  }
}

function ownModel(own: string, name: string, from: number): JsonObject | undefined {
  const key = `${JSON.stringify(name)}:`;
  const at = own.indexOf(`${key}{`, from);
  if (at < 0) return undefined;
  const start = at + key.length;
  return JSON.parse(own.slice(start, endOfObject(own, start))) as JsonObject;
}

function endOfObject(text: string, start: number): number {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const char = text.charAt(at);
    if (isInString) {
      if (char === '\\') at++;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return at + 1;
  }
  return text.length;
}

/** Words about a model, and the kinds that it is of, make no other model of it. */
function isSame(left: JsonObject, right: JsonObject): boolean {
  return equalValues(withoutWords(left), withoutWords(right));
}

function withoutWords(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutWords);
  const kept = Object.entries(value).filter(
    ([key, inner]) =>
      key !== 'x-kubernetes-group-version-kind' &&
      !(key === 'description' && typeof inner === 'string'),
  );
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutWords(inner)]));
}

function renamed(value: Json, names: ReadonlyMap<string, string | undefined>): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner) => renamed(inner, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== '$ref' || typeof inner !== 'string' || !inner.startsWith(REF))
        return [key, renamed(inner, names)];
      const name = inner.slice(REF.length);
      return [key, `${REF}${names.get(name) ?? name}`];
    }),
  );
}
