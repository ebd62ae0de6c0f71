/**
 * All credentials that may pull an image for a pod, in the order in which they are tried: its own pull
 * secrets, what the node has, what the credential providers give.
 *
 * Upstream: pkg/kubelet/images/image_manager.go (makeLookupPullCredentialsFunc), v1.36.
 */
import type { Pod, ServiceAccount } from '#api/gen/core-v1.ts';
import type { FileSystem, Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import type { ObjectSource } from '../object-source.ts';
import { SERVICE_ACCOUNT } from '../resources.ts';
import { TokenSource } from '../volumes/tokens.ts';
import type { ExecCredentialProvider } from './credential-provider.ts';
import { credentialProviders, type ProviderPaths } from './credential-providers.ts';
import { Keyring } from './keyring.ts';
import { NodeDockerConfig, type UserDirectories } from './node-docker-config.ts';
import { pullSecretsOf } from './pull-secrets.ts';
import type { TrackedCredentials } from './tracked-credentials.ts';

/** What the node was told of credentials. */
export interface ImageCredentials {
  /** Absent: no credential providers. */
  readonly providers?: ProviderPaths;
  /** Absent: only the kubelet's own directory is looked at for docker's files. */
  readonly user?: UserDirectories;
}

export interface PullCredentialsOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly client: Client;
  readonly registry: MetricRegistry;
  readonly objects: ObjectSource;
  readonly rootDirectory: string;
  readonly imageCredentials?: ImageCredentials;
}

export interface FoundCredentials {
  readonly credentials: readonly TrackedCredentials[];
  /** Names of pull secrets that could not be had. */
  readonly missingSecrets: readonly string[];
}

export class PullCredentials {
  readonly #objects: ObjectSource;
  readonly #node: NodeDockerConfig;
  readonly #providers: readonly ExecCredentialProvider[];
  readonly #tokens: TokenSource;

  private constructor(
    options: PullCredentialsOptions,
    providers: readonly ExecCredentialProvider[],
    tokens: TokenSource,
  ) {
    this.#objects = options.objects;
    this.#node = new NodeDockerConfig({
      ...options,
      clock: options.environment.clock,
      user: options.imageCredentials?.user,
    });
    this.#providers = providers;
    this.#tokens = tokens;
  }

  /** Rejects when the configuration of credential providers is wrong. */
  static async make(options: PullCredentialsOptions): Promise<PullCredentials> {
    // Apart from those of volumes, which wake their pod when they are due.
    const tokens = new TokenSource(options);
    const accounts = {
      account: (namespace: string, name: string): Promise<ServiceAccount> =>
        options.client.get(SERVICE_ACCOUNT, name, namespace),
      token: (pod: Pod, audience: string) => tokens.token({ pod, audience }),
    };
    const paths = options.imageCredentials?.providers;
    const providers =
      paths === undefined ? [] : await credentialProviders({ ...options, accounts, paths });
    return new PullCredentials(options, providers, tokens);
  }

  /** `repository`: the registry and path of the image. Rejects for a pull secret that is none. */
  async find(pod: Pod, repository: string): Promise<FoundCredentials> {
    const { configs, missing } = await pullSecretsOf(pod, this.#objects);
    const ofNode = await this.#node.config();
    const ofProviders = await Promise.all(
      this.#providers.map((provider) => provider.credentials(repository, pod)),
    );
    const credentials = [configs, [{ config: ofNode }], ofProviders].flatMap((source) =>
      new Keyring(source).lookup(repository),
    );
    return { credentials, missingSecrets: missing };
  }

  /** Forgets what it knows of a pod that is gone. */
  forget(podUid: string): void {
    this.#tokens.forget(podUid);
  }
}
