/**
 * YAML as Kubernetes reads and writes it.
 *
 * Upstream: sigs.k8s.io/yaml, which turns YAML 1.1 into JSON first. Plain scalars mean what
 * `yaml-scalar.ts` says, keys become texts, and only the first document of a stream is read.
 */
import {
  defineMappingTag,
  defineScalarTag,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  Schema,
  seqTag,
  strTag,
  YAMLException,
} from 'js-yaml';
import { setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { resolvePlain, type Scalar } from './yaml-scalar.ts';

export { toYaml } from './yaml-emit.ts';

/** Aliases in one document. */
const ALIASES_MAX = 1000;
/** Values beyond one for each character of the text: only aliases make so many. */
const EXPANDED_VALUES_MAX = 100_000;
const DEPTH_MAX = 1000;
const MERGED_KEYS_MAX = 10_000;

/** Text that is no YAML, or YAML that JSON cannot hold. The message begins as upstream's. */
export class YamlError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(`error converting YAML to JSON: ${message}`, options);
    this.name = 'YamlError';
  }
}

type Plain = string | number | boolean | null;

/** A tag whose plain texts are those of `kind`. */
function plainTag(name: string, kind: Scalar['kind']) {
  return defineScalarTag<Plain>(`tag:yaml.org,2002:${name}`, {
    implicit: true,
    resolve: (source) => {
      const scalar = resolvePlain(source);
      return scalar.kind === kind ? scalar.value : NOT_RESOLVED;
    },
    identify: () => false,
  });
}

/** Numbers: an explicit tag of either name takes any number. */
const intTag = plainTag('int', 'number');
const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  resolve: (source) => {
    const scalar = resolvePlain(source);
    return scalar.kind === 'number' ? scalar.value : NOT_RESOLVED;
  },
  identify: () => false,
});
const timeTag = defineScalarTag<string>('tag:yaml.org,2002:timestamp', {
  resolve: (source) => source,
  identify: () => false,
});
const bytesTag = defineScalarTag<string>('tag:yaml.org,2002:binary', {
  resolve: (source) => Buffer.from(source, 'base64').toString(),
  identify: () => false,
});

const mapTag = defineMappingTag<JsonObject>('tag:yaml.org,2002:map', {
  create: () => ({}),
  addPair: (map, key, value) => {
    const name = keyText(key);
    if (name === undefined) return 'unsupported map key';
    // Values were made by the tags of this schema, so they are JSON.
    setMember(map, name, value as Json);
    return '';
  },
  has: (map, key) => Object.hasOwn(map, keyText(key) ?? ''),
  keys: (map) => Object.keys(map),
  get: (map, key) => map[keyText(key) ?? ''],
  identify: () => false,
});

/** Keys are texts, numbers or booleans; JSON has texts alone. */
function keyText(key: unknown): string | undefined {
  const isPlain = typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean';
  return isPlain ? String(key) : undefined;
}

const SCHEMA = new Schema([
  strTag,
  seqTag,
  mapTag,
  plainTag('null', 'null'),
  plainTag('bool', 'bool'),
  intTag,
  floatTag,
  timeTag,
  bytesTag,
  mergeTag,
]);

/**
 * The first document of a text as JSON; null when the text is empty. Throws YamlError.
 *
 * Of keys that come twice the last one counts. `problems` gets upstream's words for them (a strict
 * reader's error): looking for them costs a second reading, so none are looked for without it.
 */
export function fromYaml(text: string, problems?: string[]): Json {
  const [first = null] = fromYamlDocuments(text, problems);
  return first;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
/** What YAML may not hold anywhere, comments among it (YAML 1.1, 5.1). */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

/** As `fromYaml`, of bytes: those that are no text are a YamlError, too. */
export function fromYamlBytes(bytes: Uint8Array, problems?: string[]): Json {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (error) {
    throw new YamlError('yaml: invalid UTF-8', { cause: error });
  }
  if (CONTROL.test(text)) throw new YamlError('yaml: control characters are not allowed');
  return fromYaml(text, problems);
}

/** Every document of a stream, empty ones left out. Throws YamlError. */
export function fromYamlDocuments(text: string, problems?: string[]): Json[] {
  if (problems !== undefined) findDuplicates(text, problems);
  const documents = read(text, true);
  checkSize(documents, text.length);
  return documents.filter((document) => document !== null && document !== undefined) as Json[];
}

function read(text: string, allowsDuplicates: boolean): unknown[] {
  try {
    return loadAll(text, {
      schema: SCHEMA,
      json: allowsDuplicates,
      maxAliases: ALIASES_MAX,
      maxDepth: DEPTH_MAX,
      maxTotalMergeKeys: MERGED_KEYS_MAX,
    });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlError(`yaml: line ${(error.mark?.line ?? 0) + 1}: ${error.reason}`, {
      cause: error,
    });
  }
}

const DUPLICATE = 'duplicated mapping key';

function findDuplicates(text: string, problems: string[]): void {
  try {
    loadAll(text, { schema: SCHEMA, maxAliases: ALIASES_MAX, maxDepth: DEPTH_MAX });
  } catch (error) {
    if (!(error instanceof YAMLException) || error.reason !== DUPLICATE) return;
    const line = error.mark?.line ?? 0;
    const rest = text.slice(error.mark?.position ?? 0);
    const key = /^[\s-]*["']?([^:"'\n]*)/.exec(rest)?.[1] ?? '';
    problems.push(
      `error converting YAML to JSON: yaml: unmarshal errors:\n  line ${line + 1}: key "${key.trim()}" already set in map`,
    );
  }
}

/**
 * Refuses what grows out of all proportion by aliases, or without end (a value that contains
 * itself), and numbers that JSON has not.
 */
function checkSize(documents: readonly unknown[], length: number): void {
  let left = length + EXPANDED_VALUES_MAX;
  const check = (value: unknown, depth: number): void => {
    if (depth > DEPTH_MAX) throw new YamlError('yaml: exceeded max depth');
    if (--left < 0) throw new YamlError('yaml: document contains excessive aliasing');
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new YamlError(`json: unsupported value: ${value}`);
    }
    if (typeof value !== 'object' || value === null) return;
    for (const item of Object.values(value)) check(item, depth + 1);
  };
  for (const document of documents) check(document, 0);
}
