/**
 * Reads a component's configuration file: YAML or JSON, strictly.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apimachinery/pkg/runtime/serializer (the codec of
 * component configurations); the messages are its.
 */
import { decodeJson, FieldDecodeError } from '../codec/json.ts';
import { fromYaml, YamlError } from '../codec/yaml.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type { TypeSchema } from '../schema/types.ts';
import { ConfigError } from './error.ts';

export const STRICT = 'strict decoding error: ';

export interface ConfigKind {
  /** `kubelet.config.k8s.io/v1beta1` */
  readonly apiVersion: string;
  readonly kind: string;
  readonly type: TypeSchema;
  /** Older versions of the same type, and names of old: `group/version` or `group/version, Kind`. */
  readonly others?: readonly string[];
  /** Where upstream registers its types, which its messages name. */
  readonly scheme: string;
}

export interface ReadConfig {
  /** With what the text says, and no more: without defaults. */
  readonly object: JsonObject;
  /** Fields that are unknown or come twice, each by its path. */
  readonly problems: readonly string[];
}

export interface ReadText extends ReadConfig {
  /** As the text has it, with what is null. */
  readonly raw: JsonObject;
}

/** Throws ConfigError for a text that is none, is of another kind, or has a wrong value. */
export function readConfig(text: string, kind: ConfigKind): ReadText {
  const duplicates: string[] = [];
  const body = parsed(text, duplicates);
  const raw = body instanceof Uint8Array ? (JSON.parse(text) as JsonObject) : body;
  checkKind(text, raw, kind);
  const { object, problems } = decodedConfig(body, kind.type);
  // A text of JSON tells its duplicates itself.
  return { object, problems: [...duplicates, ...problems], raw };
}

/** A part of a configuration, or the whole, as its type. Throws ConfigError. */
export function decodedConfig(body: JsonObject | Uint8Array, type: TypeSchema): ReadConfig {
  try {
    return decodeJson(body, type, 'Strict');
  } catch (error) {
    if (error instanceof FieldDecodeError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

/** As an object, or the bytes of a JSON text, whose duplicate fields only the decoder sees. */
function parsed(text: string, problems: string[]): JsonObject | Uint8Array {
  if (text.trimStart().startsWith('{')) {
    try {
      if (isJsonObject(JSON.parse(text) as Json)) return Buffer.from(text);
    } catch {
      // YAML may begin so too.
    }
  }
  try {
    const found: string[] = [];
    const value = fromYaml(text, found) ?? {};
    problems.push(...found.map(withoutConversion));
    if (isJsonObject(value)) return value;
    const what = Array.isArray(value) ? 'array' : typeof value;
    throw new ConfigError(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${what === 'boolean' ? 'bool' : what} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new ConfigError(withoutConversion(error.message), { cause: error });
  }
}

/** The API server says what it converts, who reads a file does not. */
function withoutConversion(message: string): string {
  return message.replace(/^error converting YAML to JSON: /, '');
}

function checkKind(text: string, { apiVersion, kind }: JsonObject, wanted: ConfigKind): void {
  for (const [name, value] of Object.entries({ Kind: kind, apiVersion }))
    if (typeof value !== 'string' || value === '')
      throw new ConfigError(`Object '${name}' is missing in '${text}'`);
  if (apiVersion === wanted.apiVersion && kind === wanted.kind) return;
  for (const other of wanted.others ?? []) {
    const [version, name = wanted.kind] = other.split(', ');
    if (apiVersion === version && kind === name) return;
  }
  throw new ConfigError(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme ${JSON.stringify(wanted.scheme)}`,
  );
}
