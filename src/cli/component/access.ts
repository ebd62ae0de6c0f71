/**
 * Who may read a component's own pages. The API server is asked both who it is (TokenReview) and
 * whether that is allowed (SubjectAccessReview); what it said is kept for ten seconds.
 *
 * Source: upstream's delegated authentication and authorization
 * (staging/src/k8s.io/apiserver/pkg/server/options), v1.36.
 */
import { createHash } from 'node:crypto';
import {
  type RequestHeaderOptions,
  requestHeaderAuthenticator,
} from '#apiserver/aggregator/identity.ts';
import {
  bearerToken,
  certificateAuthenticator,
  composeAuthenticators,
} from '#apiserver/authn/authenticator.ts';
import type { User } from '#apiserver/context.ts';
import { TOKEN_REVIEW } from '#api/authentication/token-review.ts';
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import { StatusError, unauthorized } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';
import type { HttpRequest } from '#base/http/message.ts';
import type { Client } from '#client/client.ts';

const KEPT_MS = 10_000;
/** Answers that are kept; the oldest goes. */
const ANSWERS_MAX = 1_000;

export interface AccessOptions {
  /** Undefined: nobody can be asked, and only `always` is open. */
  readonly client: Client | undefined;
  readonly clock: Clock;
  /** Paths that everybody may read; one may end in `*`. */
  readonly always: readonly string[];
  /** Whom front proxies may speak for, and in which headers. */
  readonly requestHeaders: RequestHeaderOptions;
}

export class PageAccess {
  readonly #options: AccessOptions;
  readonly #users: Kept<User | undefined>;
  readonly #authenticate: (request: HttpRequest) => Promise<User>;
  readonly #verdicts: Kept<boolean>;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#users = new Kept(options.clock);
    this.#verdicts = new Kept(options.clock);
    this.#authenticate = composeAuthenticators([
      requestHeaderAuthenticator(options.requestHeaders),
      certificateAuthenticator(),
      (request) => this.#byToken(request),
    ]);
  }

  /** Throws a StatusError: 401 for a token that is none, 403 for what is not allowed. */
  async check(request: HttpRequest): Promise<void> {
    const [path = ''] = request.url.split('?');
    if (this.#options.always.some((pattern) => covers(pattern, path))) return;
    const user = await this.#authenticate(request);
    const verb = request.method.toLowerCase();
    if (await this.#isAllowed(user, path, verb)) return;
    throw new StatusError({
      code: 403,
      reason: 'Forbidden',
      message: `forbidden: User "${user.name}" cannot ${verb} path "${path}"`,
    });
  }

  async #byToken(request: HttpRequest): Promise<User | undefined> {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const user = await this.#users.get(key, () => this.#review(token));
    if (user === undefined) throw unauthorized();
    return user;
  }

  async #review(token: string): Promise<User | undefined> {
    const { client } = this.#options;
    if (client === undefined) return undefined;
    const { status } = await client.create(TOKEN_REVIEW, { spec: { token } });
    if (status?.authenticated !== true) return undefined;
    const { username = '', uid, groups = [], extra } = status.user ?? {};
    return {
      name: username,
      groups,
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
    };
  }

  #isAllowed(user: User, path: string, verb: string): Promise<boolean> {
    const { client } = this.#options;
    if (client === undefined) return Promise.resolve(false);
    return this.#verdicts.get(JSON.stringify([user, path, verb]), async () => {
      const { name, groups, uid, extra } = user;
      const { status } = await client.create(SUBJECT_ACCESS_REVIEW, {
        spec: {
          user: name,
          groups: [...groups],
          ...(uid === undefined ? {} : { uid }),
          ...(extra === undefined ? {} : { extra: mutable(extra) }),
          nonResourceAttributes: { path, verb },
        },
      });
      return status?.allowed === true;
    });
  }
}

function mutable(extra: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}

function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/** Answers for a while. One that failed is not kept. */
class Kept<T> {
  readonly #clock: Clock;
  readonly #answers = new Map<string, { readonly untilMs: number; readonly answer: Promise<T> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string, ask: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#answers.get(key);
    if (known !== undefined && nowMs < known.untilMs) return known.answer;
    const answer = ask();
    this.#answers.delete(key);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= ANSWERS_MAX && oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(key, { untilMs: nowMs + KEPT_MS, answer });
    answer.catch(() => this.#answers.delete(key));
    return answer;
  }
}
