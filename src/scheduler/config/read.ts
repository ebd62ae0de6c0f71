/**
 * Reads a `KubeSchedulerConfiguration`: YAML or JSON, strictly, with its defaults.
 *
 * Source: upstream v1.36 cmd/kube-scheduler/app/options/configfile.go, its codec, and
 * DecodeNestedObjects of the type; the messages are theirs.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { decodedConfig, readConfig, STRICT } from '#api/component-config/read.ts';
import { type Json, type JsonObject, parseApiVersion } from '#api/meta/object.ts';
import { type SchedulerGates, withDefaults } from './defaults.ts';
import { API_VERSION, CONFIGURATION, CONFIGURATION_KIND, GROUP, PLUGIN_ARGS } from './schema.ts';
import type { SchedulerConfig } from './types.ts';

const SCHEME = 'pkg/scheduler/apis/config/scheme/scheme.go:29';

/** Throws ConfigError. The result is not yet validated. */
export function readSchedulerConfig(text: string, gates: SchedulerGates = {}): SchedulerConfig {
  const { object, problems } = readConfig(text, {
    apiVersion: API_VERSION,
    kind: CONFIGURATION_KIND,
    type: CONFIGURATION,
    scheme: SCHEME,
  });
  const all = [...problems];
  const profiles = ((object['profiles'] ?? []) as JsonObject[]).map((profile, i) =>
    withDecodedArgs(profile, `.profiles[${i}]`, all),
  );
  if (all.length > 0) throw new ConfigError(`${STRICT}${all.join(', ')}`);
  return withDefaults({ ...object, profiles }, gates);
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
      const { object, problems: unknown } = decodedConfig(args, type);
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
      `${where}decoding args for plugin ${name}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${SCHEME}"`,
    );
  throw new ConfigError(
    `${where}args for plugin ${name} were not of type ${wanted}.${GROUP}, got ${kind}.${group}`,
  );
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
