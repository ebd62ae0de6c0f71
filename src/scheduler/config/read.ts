/**
 * Reads a `KubeSchedulerConfiguration`: YAML or JSON, strictly, with its defaults.
 *
 * Source: upstream v1.36 cmd/kube-scheduler/app/options/configfile.go, its codec, and
 * DecodeNestedObjects of the type; the messages are theirs.
 */
import { decodeJson, FieldDecodeError } from '#api/codec/json.ts';
import { fromYaml, YamlError } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { type Json, type JsonObject, parseApiVersion } from '#api/meta/object.ts';
import type { TypeSchema } from '#api/schema/types.ts';
import { type SchedulerGates, withDefaults } from './defaults.ts';
import { ConfigError } from './error.ts';
import { API_VERSION, CONFIGURATION, CONFIGURATION_KIND, GROUP, PLUGIN_ARGS } from './schema.ts';
import type { SchedulerConfig } from './types.ts';

const STRICT = 'strict decoding error: ';

/** Throws ConfigError. The result is not yet validated. */
export function readSchedulerConfig(text: string, gates: SchedulerGates = {}): SchedulerConfig {
  const problems: string[] = [];
  const body = parsed(text, problems);
  checkKind(text, body);
  const { object, unknown } = decoded(body, CONFIGURATION);
  // A text of JSON tells its duplicates itself.
  const all = [...problems, ...unknown];
  const profiles = ((object['profiles'] ?? []) as JsonObject[]).map((profile, i) =>
    withDecodedArgs(profile, `.profiles[${i}]`, all),
  );
  if (all.length > 0) throw new ConfigError(`${STRICT}${all.join(', ')}`);
  return withDefaults({ ...object, profiles }, gates);
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

function checkKind(text: string, body: JsonObject | Uint8Array): void {
  const object = body instanceof Uint8Array ? (JSON.parse(text) as JsonObject) : body;
  const { apiVersion, kind } = object;
  for (const [name, value] of Object.entries({ Kind: kind, apiVersion }))
    if (typeof value !== 'string' || value === '')
      throw new ConfigError(`Object '${name}' is missing in '${text}'`);
  if (apiVersion === API_VERSION && kind === CONFIGURATION_KIND) return;
  throw new ConfigError(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"`,
  );
}

function decoded(
  body: JsonObject | Uint8Array,
  type: TypeSchema,
): { readonly object: JsonObject; readonly unknown: readonly string[] } {
  try {
    const { object, problems } = decodeJson(body, type, 'Strict');
    return { object, unknown: problems };
  } catch (error) {
    if (error instanceof FieldDecodeError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

/** A profile whose arguments of known plug-ins are decoded; what they do not know is added. */
function withDecodedArgs(profile: JsonObject, at: string, problems: string[]): JsonObject {
  const configs = (profile['pluginConfig'] ?? []) as JsonObject[];
  const pluginConfig = configs.map((config, i) => {
    const name = textOr(config['name'], '');
    const type = PLUGIN_ARGS.get(name);
    if (type === undefined) return config;
    const where = `decoding ${at}.pluginConfig[${i}]: `;
    const args = (config['args'] ?? {}) as JsonObject;
    checkArgsKind(name, args, where);
    const what = `decoding args for plugin ${name}: `;
    try {
      const { object, unknown } = decoded(args, type);
      if (unknown.length > 0)
        problems.push(`${where}${STRICT}${what}${STRICT}${unknown.join(', ')}`);
      return { ...config, args: object };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(`${where}${what}${error.message}`, { cause: error });
    }
  });
  return { ...profile, pluginConfig };
}

function checkArgsKind(name: string, args: JsonObject, where: string): void {
  const wanted = `${name}Args`;
  const kind = textOr(args['kind'], wanted);
  const apiVersion = textOr(args['apiVersion'], API_VERSION);
  if (kind === wanted && apiVersion === API_VERSION) return;
  const { group } = parseApiVersion(apiVersion);
  if (apiVersion !== API_VERSION || !PLUGIN_ARGS.has(kind.replace(/Args$/, '')))
    throw new ConfigError(
      `${where}decoding args for plugin ${name}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"`,
    );
  throw new ConfigError(
    `${where}args for plugin ${name} were not of type ${wanted}.${GROUP}, got ${kind}.${group}`,
  );
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
