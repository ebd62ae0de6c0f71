/**
 * One credential provider: a program that is asked for the credentials of an image, and what it has
 * said before.
 *
 *   image ─▶ is it one of his? ─▶ service account, token ─▶ known? ─▶ run the program ─▶ remember
 *
 * Source: KEP-2133, KEP-4412. Upstream: pkg/credentialprovider/plugin/plugin.go, v1.36.
 */
import { parseDuration } from '#api/codec/duration.ts';
import type { Pod, ServiceAccount } from '#api/gen/core-v1.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { runCommand } from '#base/run-command.ts';
import { DEFAULT_BUCKETS } from '../stats/default-buckets.ts';
import {
  type CredentialAnswer,
  type CredentialQuestion,
  questionText,
  readAnswer,
} from './credential-answer.ts';
import type { CredentialProvider } from './credential-provider-config.ts';
import type { DockerConfig } from './docker-config.ts';
import { matchesImage, type TrackedConfig } from './keyring.ts';
import type { CredentialSource } from './tracked-credentials.ts';

/** A program may run for so long. */
const TIMEOUT_MS = 60_000;
/** Of one provider; beyond it the oldest answer is forgotten. */
const ANSWERS_MAX = 1000;
const MS_PER_SECOND = 1000;
const NANOS_PER_MS = 1e6;
const GLOBAL = 'global';
const NOTHING: TrackedConfig = { config: new Map() };

/** Service accounts of pods, and tokens bound to the pods. */
export interface AccountSource {
  account(namespace: string, name: string): Promise<ServiceAccount>;
  token(pod: Pod, audience: string): Promise<string>;
}

export interface ProviderMetrics {
  readonly durations: Histogram;
  readonly errors: Counter;
}

export function providerMetrics(registry: MetricRegistry): ProviderMetrics {
  const name = 'kubelet_credential_provider_plugin';
  return {
    durations: registry.histogram(
      alpha(`${name}_duration`, 'Seconds that credential providers ran.', 'plugin_name'),
      DEFAULT_BUCKETS,
    ),
    errors: registry.counter(
      alpha(`${name}_errors_total`, 'Runs of credential providers that failed.', 'plugin_name'),
    ),
  };
}

export interface ProviderOptions {
  readonly environment: Environment;
  readonly processes: Processes;
  readonly accounts: AccountSource;
  readonly metrics: ProviderMetrics;
  /** Valid. */
  readonly provider: CredentialProvider;
  /** Of its program. */
  readonly path: string;
}

/** Who asks, as far as the provider wants to know it. */
interface Asker {
  readonly token: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** What answers are kept apart by, besides the image. */
  readonly cacheKey: string;
  /** Whose token the provider sees; absent: nobody's, the credentials are the node's. */
  readonly source?: CredentialSource;
}

const NOBODY: Asker = { token: '', annotations: {}, cacheKey: '' };

export class ExecCredentialProvider {
  readonly #options: ProviderOptions;
  readonly #answers = new Map<
    string,
    { readonly config: DockerConfig; readonly untilMs: number }
  >();
  /** Programs that run now; who asks the same meanwhile waits for the same answer. */
  readonly #running = new Map<string, Promise<CredentialAnswer>>();

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** `image`: its registry and path. Never rejects: what goes wrong is logged, and nothing is given. */
  async credentials(image: string, pod: Pod): Promise<TrackedConfig> {
    const { provider, environment } = this.#options;
    if (!(provider.matchImages ?? []).some((pattern) => matchesImage(pattern, image)))
      return NOTHING;
    try {
      const asker = await this.#asker(pod);
      if (asker === undefined) return NOTHING;
      const config = this.#known(image, asker) ?? (await this.#ask(image, asker));
      return asker.source === undefined ? { config } : { config, source: asker.source };
    } catch (error) {
      environment.log.error('cannot get credentials of a registry from a provider', {
        provider: provider.name,
        image,
        error: messageOf(error),
      });
      return NOTHING;
    }
  }

  /** Undefined: the provider is not for this pod. */
  async #asker(pod: Pod): Promise<Asker | undefined> {
    const { provider, accounts, environment } = this.#options;
    const attributes = provider.tokenAttributes;
    const audience = attributes?.serviceAccountTokenAudience ?? '';
    if (attributes === undefined) return NOBODY;
    const name = pod.spec?.serviceAccountName ?? '';
    const namespace = pod.metadata?.namespace ?? '';
    // Static pods have no account.
    if (name === '') return attributes.requireServiceAccount === true ? undefined : NOBODY;
    const account = await accounts.account(namespace, name);
    const given = account.metadata?.annotations ?? {};
    const needed = attributes.requiredServiceAccountAnnotationKeys ?? [];
    const lacking = needed.find((key) => given[key] === undefined);
    if (lacking !== undefined) {
      // Pods may be meant to ask for it by this annotation.
      environment.log.debug('a service account lacks an annotation of a credential provider', {
        provider: provider.name,
        account: `${namespace}/${name}`,
        annotation: lacking,
      });
      return undefined;
    }
    const keys = [...needed, ...(attributes.optionalServiceAccountAnnotationKeys ?? [])];
    const annotations = Object.fromEntries(
      keys.toSorted().flatMap((key) => {
        const value = given[key];
        return value === undefined ? [] : [[key, value]];
      }),
    );
    const token = await accounts.token(pod, audience);
    const own = attributes.cacheType === 'Token' ? token : '';
    const { uid = '' } = account.metadata ?? {};
    const cacheKey = JSON.stringify([namespace, name, uid, annotations, own]);
    const source = { serviceAccount: { uid, namespace, name } };
    return { token, annotations, cacheKey, source };
  }

  #known(image: string, { cacheKey }: Asker): DockerConfig | undefined {
    const nowMs = this.#options.environment.clock.monotonicMs();
    for (const [key, { untilMs }] of this.#answers) if (nowMs > untilMs) this.#answers.delete(key);
    const found = [image, registryOf(image), GLOBAL]
      .map((key) => this.#answers.get(answerKey(key, cacheKey)))
      .find((answer) => answer !== undefined);
    return found?.config;
  }

  async #ask(image: string, asker: Asker): Promise<DockerConfig> {
    const { provider, environment } = this.#options;
    const answer = await this.#once({ ...asker, image, apiVersion: provider.apiVersion ?? '' });
    const { cacheMs = parseDuration(provider.defaultCacheDuration ?? '0') / NANOS_PER_MS } = answer;
    if (cacheMs > 0) {
      const { cacheKeyType: type } = answer;
      const key = type === 'Image' ? image : type === 'Registry' ? registryOf(image) : GLOBAL;
      this.#answers.set(answerKey(key, asker.cacheKey), {
        config: answer.config,
        untilMs: environment.clock.monotonicMs() + cacheMs,
      });
      const [oldest] = this.#answers.keys();
      if (this.#answers.size > ANSWERS_MAX && oldest !== undefined) this.#answers.delete(oldest);
    }
    return answer.config;
  }

  #once(question: CredentialQuestion): Promise<CredentialAnswer> {
    const key = JSON.stringify([question.image, question.token, question.annotations]);
    const running =
      this.#running.get(key) ?? this.#run(question).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #run(question: CredentialQuestion): Promise<CredentialAnswer> {
    const { provider, processes, path, metrics, environment } = this.#options;
    const { name, args = [], env = [] } = provider;
    const startMs = environment.clock.monotonicMs();
    try {
      const output = await runCommand(processes, path, args, {
        input: questionText(question),
        environment: Object.fromEntries(env.map((one) => [one.name, one.value])),
        timeoutMs: TIMEOUT_MS,
      });
      return readAnswer(output, question.apiVersion);
    } catch (error) {
      metrics.errors.add([name]);
      throw error;
    } finally {
      const seconds = (environment.clock.monotonicMs() - startMs) / MS_PER_SECOND;
      metrics.durations.observe([name], seconds);
    }
  }
}

function answerKey(key: string, askerKey: string): string {
  return JSON.stringify([key, askerKey]);
}

function registryOf(image: string): string {
  return image.split('/', 1).join();
}
