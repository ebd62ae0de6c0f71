/**
 * Reads a `KubeletConfiguration`: a file, and the drop-ins that change it.
 *
 * A drop-in is a JSON merge patch: maps and structs are merged, lists replaced, null takes away.
 * Pure. Source: KEP-3983; upstream v1.36 cmd/kubelet/app/server.go (loadConfigFile,
 * mergeKubeletConfigurations). Different from upstream, which goes on after a warning: fields that
 * are unknown or come twice are errors.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { decodedConfig, readConfig, type ReadText, STRICT } from '#api/component-config/read.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { withDefaultEviction, withDefaults } from './defaults.ts';
import { API_VERSION, CONFIGURATION, KIND } from './schema.ts';
import type { KubeletConfiguration } from './types.ts';

const CONFIG_KIND = {
  apiVersion: API_VERSION,
  kind: KIND,
  type: CONFIGURATION,
  scheme: 'pkg/kubelet/apis/config/scheme/scheme.go:33',
};

export interface DropIn {
  readonly path: string;
  readonly text: string;
}

/** Fields that name files. */
const PATHS = [
  'staticPodPath',
  'tlsCertFile',
  'tlsPrivateKeyFile',
  'resolvConf',
  'volumePluginDir',
  'podLogsDir',
] as const;

/**
 * With its defaults, not yet validated. `directory`: absolute, of the file, from which the paths in
 * it start. Throws ConfigError.
 */
export function readKubeletConfig(text: string, directory: string): KubeletConfiguration {
  return withPaths(withDefaultEviction(withDefaults(strictly(text).object)), directory);
}

/** `relative`, seen from `directory`, without `.` and `..`. */
function joined(directory: string, relative: string): string {
  const parts: string[] = [];
  for (const part of `${directory}/${relative}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function withPaths(config: KubeletConfiguration, directory: string): KubeletConfiguration {
  const found = (path: string): string =>
    path === '' || path.startsWith('/') ? path : joined(directory, path);
  const paths = PATHS.flatMap((name) => {
    const path = config[name];
    return path === undefined ? [] : [[name, found(path)] as const];
  });
  const { authentication } = config;
  const { clientCAFile } = authentication.x509;
  return {
    ...config,
    ...Object.fromEntries(paths),
    ...(clientCAFile === undefined
      ? {}
      : { authentication: { ...authentication, x509: { clientCAFile: found(clientCAFile) } } }),
  };
}

/** `dropIns`: in the order in which they hold; the last one wins. Throws ConfigError. */
export function withDropIns(
  config: KubeletConfiguration,
  dropIns: readonly DropIn[],
): KubeletConfiguration {
  // Each is checked apart, so that an error names its file.
  const patches = dropIns.map(({ path, text }) => {
    try {
      return strictly(text).raw;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(
        `failed to load kubelet dropin file, path: ${path}, error: ${error.message}`,
        {
          cause: error,
        },
      );
    }
  });
  let merged = config as unknown as JsonObject;
  for (const patch of patches) merged = mergePatch(merged, patch) as JsonObject;
  return withDefaults(decodedConfig(merged, CONFIGURATION).object);
}

function strictly(text: string): ReadText {
  const read = readConfig(text, CONFIG_KIND);
  if (read.problems.length === 0) return read;
  throw new ConfigError(`${STRICT}${read.problems.join(', ')}`);
}
