/**
 * Whose a token is, as the API server says: so metrics-server and Prometheus come, which have no
 * client certificate.
 *
 * Source: Kubernetes documentation "Kubelet authentication/authorization" v1.36
 * (`authentication.webhook`); answers are kept for its `cacheTTL`.
 */
import { createHash } from 'node:crypto';
import { TOKEN_REVIEW } from '#api/authentication/token-review.ts';
import type { Clock } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { KubeletUser } from './access.ts';

/** Answers that are kept; the oldest goes. */
const ANSWERS_MAX = 1000;

export class TokenReviews {
  readonly #client: Pick<Client, 'create'>;
  readonly #clock: Clock;
  readonly #keptMs: number;
  readonly #answers = new Map<
    string,
    { readonly untilMs: number; readonly user: Promise<KubeletUser | undefined> }
  >();

  constructor(client: Pick<Client, 'create'>, clock: Clock, keptMs: number) {
    this.#keptMs = keptMs;
    this.#client = client;
    this.#clock = clock;
  }

  /** Undefined: it is no token of this cluster. Rejects when the API server does not answer. */
  userOf(token: string): Promise<KubeletUser | undefined> {
    const key = createHash('sha256').update(token).digest('base64');
    const nowMs = this.#clock.monotonicMs();
    const known = this.#answers.get(key);
    if (known !== undefined && nowMs < known.untilMs) return known.user;
    const answer = { untilMs: nowMs + this.#keptMs, user: this.#review(token) };
    this.#answers.delete(key);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= ANSWERS_MAX && oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(key, answer);
    // One that failed is not kept.
    answer.user.catch(() => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
    });
    return answer.user;
  }

  async #review(token: string): Promise<KubeletUser | undefined> {
    const { status } = await this.#client.create(TOKEN_REVIEW, { spec: { token } });
    if (status?.authenticated !== true) return undefined;
    const { username = '', groups = [] } = status.user ?? {};
    return username === '' ? undefined : { name: username, groups };
  }
}
