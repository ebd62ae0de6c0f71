/**
 * The credential providers of a node: from their configuration and the folder of their programs.
 *
 * Upstream: pkg/credentialprovider/plugin/{config,plugin}.go (RegisterCredentialProviderPlugins),
 * v1.36.
 */
import type { FileSystem, Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import { aggregate } from '../config/validate.ts';
import {
  type AccountSource,
  ExecCredentialProvider,
  providerMetrics,
} from './credential-provider.ts';
import {
  type CredentialProvider,
  mergeProviders,
  readCredentialProviders,
  validateProviders,
} from './credential-provider-config.ts';

const EXECUTABLE = 0o111;

/** Where the configuration and the programs are; `--image-credential-provider-…`. */
export interface ProviderPaths {
  /** A file, or a folder whose `*.json`, `*.yaml` and `*.yml` count in order of their names. */
  readonly config: string;
  readonly programs: string;
}

export interface ProvidersOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly registry: MetricRegistry;
  readonly accounts: AccountSource;
  readonly paths: ProviderPaths;
}

/** In the order of the configuration. Rejects with an Error that says what is wrong with it. */
export async function credentialProviders(
  options: ProvidersOptions,
): Promise<ExecCredentialProvider[]> {
  const { fileSystem, paths } = options;
  if ((await fileSystem.stat(paths.programs)) === undefined)
    throw new Error(`plugin binary directory ${paths.programs} did not exist`);
  const providers = await configured(fileSystem, paths.config);
  const problems = validateProviders(providers);
  if (problems.length > 0)
    throw new Error(
      `failed to validate credential provider config: ${aggregate(problems.map((one) => one.text()))}`,
    );
  const metrics = providerMetrics(options.registry);
  return Promise.all(
    providers.map(async (provider) => {
      const path = `${paths.programs}/${provider.name}`;
      const stat = await fileSystem.stat(path);
      if (stat === undefined) throw new Error(`plugin binary executable ${path} did not exist`);
      if (stat.kind !== 'file' || (stat.mode & EXECUTABLE) === 0)
        throw new Error(`error inspecting binary executable ${path}: permission denied`);
      return new ExecCredentialProvider({ ...options, metrics, provider, path });
    }),
  );
}

async function configured(
  fileSystem: FileSystem,
  path: string,
): Promise<readonly CredentialProvider[]> {
  if (path === '') throw new Error('credential provider config path is empty');
  const stat = await fileSystem.stat(path);
  if (stat === undefined)
    throw new Error(`unable to access path ${JSON.stringify(path)}: no such file or directory`);
  const files = stat.kind === 'directory' ? await filesOf(fileSystem, path) : [path];
  if (files.length === 0)
    throw new Error(`no configuration files found in directory ${JSON.stringify(path)}`);
  return mergeProviders(
    await Promise.all(
      files.map(async (file) => {
        const text = await fileSystem.readText(file).catch((error: unknown) => {
          throw new Error(`unable to read file ${JSON.stringify(file)}: ${messageOf(error)}`);
        });
        try {
          return readCredentialProviders(text);
        } catch (error) {
          const why = `error decoding config ${JSON.stringify(file)}: ${messageOf(error)}`;
          throw new Error(why, { cause: error });
        }
      }),
    ),
  );
}

async function filesOf(fileSystem: FileSystem, folder: string): Promise<string[]> {
  const names = await fileSystem.list(folder);
  const paths = names
    .filter((name) => /\.(?:json|ya?ml)$/.test(name))
    .toSorted()
    .map((name) => `${folder}/${name}`);
  const stats = await Promise.all(paths.map((path) => fileSystem.stat(path)));
  return paths.filter((_, at) => stats[at]?.kind !== 'directory');
}
