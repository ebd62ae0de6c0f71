/**
 * Service-account tokens for the pods of this node: asked for once, renewed in time.
 *
 * Source: KEP-1205 (bound service-account tokens). Upstream: pkg/kubelet/token/token_manager.go,
 * v1.36: a token is renewed after 80 % of its life, or after a day.
 */
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { SERVICE_ACCOUNT } from '../resources.ts';

const LIFE_SHARE = 0.8;
const AGE_MAX_MS = 24 * 60 * 60 * 1000;
/** Renewals of many pods that started together are spread over this. */
const JITTER_MS = 10_000;
const DEFAULT_EXPIRATION_SECONDS = 3600;

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

export interface TokenWish {
  readonly pod: Pod;
  /** Empty: the API server's own audience. */
  readonly audience: string;
  readonly expirationSeconds?: number;
}

export class TokenSource {
  readonly #client: Client;
  readonly #environment: Environment;
  readonly #held = new Map<string, Held>();

  constructor(options: { readonly client: Client; readonly environment: Environment }) {
    this.#client = options.client;
    this.#environment = options.environment;
  }

  /** A token that is not due for renewal; an older one while none can be had and it is valid. */
  async token(wish: TokenWish): Promise<string> {
    const key = keyOf(wish);
    const held = this.#held.get(key);
    const nowMs = this.#environment.clock.now();
    if (held !== undefined && nowMs < held.renewAtMs) return held.token;
    try {
      const fresh = await this.#request(wish);
      this.#held.set(key, fresh);
      return fresh.token;
    } catch (error) {
      if (held !== undefined && nowMs < held.expiresAtMs) return held.token;
      throw error;
    }
  }

  /** When the first token of the pod is due; undefined when it has none. */
  nextRenewalMs(podUid: string): number | undefined {
    let next: number | undefined;
    for (const [key, { renewAtMs }] of this.#held) {
      if (key.startsWith(`${podUid}/`)) next = Math.min(next ?? renewAtMs, renewAtMs);
    }
    return next;
  }

  forget(podUid: string): void {
    for (const key of this.#held.keys()) {
      if (key.startsWith(`${podUid}/`)) this.#held.delete(key);
    }
  }

  async #request({ pod, audience, expirationSeconds }: TokenWish): Promise<Held> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    const account = pod.spec?.serviceAccountName ?? '';
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds: expirationSeconds ?? DEFAULT_EXPIRATION_SECONDS,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const answer = await this.#client.createSubresource<TokenRequest>(
      SERVICE_ACCOUNT,
      { name: account, namespace },
      'token',
      request,
    );
    const nowMs = this.#environment.clock.now();
    const expiresAtMs = Date.parse(answer.status?.expirationTimestamp ?? '');
    const lifeMs = Math.min((expiresAtMs - nowMs) * LIFE_SHARE, AGE_MAX_MS);
    const jitterMs = this.#environment.random.next() * JITTER_MS;
    return {
      token: answer.status?.token ?? '',
      expiresAtMs,
      renewAtMs: nowMs + Math.max(0, lifeMs - jitterMs),
    };
  }
}

function keyOf({ pod, audience, expirationSeconds }: TokenWish): string {
  const account = pod.spec?.serviceAccountName ?? '';
  return `${pod.metadata?.uid}/${account}/${audience}/${expirationSeconds ?? ''}`;
}
