/**
 * Credentials for registries that every pod of the node may use: docker's own files on its disk.
 *
 * The first `config.json` that can be read counts, and where there is none the first `.dockercfg`.
 * Source: Kubernetes documentation "Images: Configuring Nodes to Authenticate to a Private Registry"
 * v1.36. Upstream: pkg/credentialprovider/{config,provider}.go.
 */
import type { FileSystem } from '#base/doors.ts';
import type { Clock } from '#base/env.ts';
import { type DockerConfig, readDockerConfigJson, readDockercfg } from './docker-config.ts';

/** What was found, or not found, holds for so long. */
const LIFETIME_MS = 5 * 60_000;

export interface NodeDockerConfigOptions {
  readonly fileSystem: Pick<FileSystem, 'readText'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The kubelet's own, which comes first. */
  readonly rootDirectory: string;
  /** Others that are looked at, of the user who runs the kubelet; absent: none. */
  readonly user?: UserDirectories | undefined;
}

export interface UserDirectories {
  readonly working: string;
  /** Undefined: none is known. */
  readonly home: string | undefined;
}

export class NodeDockerConfig {
  readonly #options: NodeDockerConfigOptions;
  #held: { readonly config: Promise<DockerConfig>; readonly untilMs: number } | undefined;

  constructor(options: NodeDockerConfigOptions) {
    this.#options = options;
  }

  /** Never rejects: what cannot be read is passed over. */
  config(): Promise<DockerConfig> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#held === undefined || nowMs >= this.#held.untilMs)
      this.#held = { config: this.#read(), untilMs: nowMs + LIFETIME_MS };
    return this.#held.config;
  }

  async #read(): Promise<DockerConfig> {
    const { rootDirectory, user, fileSystem } = this.#options;
    for (const { path, read } of candidates(rootDirectory, user))
      try {
        return read(await fileSystem.readText(path));
      } catch {
        // It is not there, or is none: upstream goes on too.
      }
    return new Map();
  }
}

interface Candidate {
  readonly path: string;
  readonly read: (text: string) => DockerConfig;
}

function candidates(rootDirectory: string, user: UserDirectories | undefined): Candidate[] {
  const { working, home } = user ?? {};
  const own = [rootDirectory, ...(working === undefined ? [] : [working])];
  const homes = [...(home === undefined ? [] : [home]), ...(user === undefined ? [] : [''])];
  const json = [...own, ...homes.map((path) => `${path}/.docker`)];
  return [
    ...json.map((path) => ({ path: `${path}/config.json`, read: readDockerConfigJson })),
    ...[...own, ...homes].map((path) => ({ path: `${path}/.dockercfg`, read: readDockercfg })),
  ];
}
