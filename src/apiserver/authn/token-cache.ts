/**
 * What was said of tokens is remembered for a while, so that nobody far away is asked for each
 * request. Tokens themselves are not kept: a keyed hash stands for each.
 *
 * Who asks for the same token while it is being looked up waits for the same answer; nobody's
 * request ends that look-up, a time does.
 * Source: upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/authentication/token/cache/cached_token_authenticator.go.
 */
import { createHmac } from 'node:crypto';
import { type Environment, timeoutSignal } from '#base/env.ts';
import { ExpiringCache } from '#base/expiring-cache.ts';
import type { TokenCacheMetrics } from '../metrics/token-cache-metrics.ts';
import {
  type TokenAuthenticator,
  TokenError,
  type TokenIdentity,
  type TokenQuestion,
} from './token-authenticator.ts';

/** As many as upstream's 32 parts of 1024 hold. */
const ANSWERS_MAX = 32 * 1024;
/** Look-ups under way at a time; more tokens than these are refused. */
const LOOKUPS_MAX = 4096;
const LOOKUP_MS = 30_000;
const KEY_BYTES = 32;

export interface TokenCacheOptions {
  readonly environment: Environment;
  /** How long a token that is good, or one that is not, is known to be so; 0: not at all. */
  readonly successMs: number;
  readonly failureMs: number;
  /** Whether errors count as answers. */
  readonly keepsErrors: boolean;
  readonly metrics: TokenCacheMetrics;
}

/** One who may have to ask elsewhere; `signal`: nobody waits any longer. */
export type FarTokenAuthenticator = (
  token: string,
  question: TokenQuestion,
  signal: AbortSignal,
) => Promise<TokenIdentity | undefined>;

interface Answer {
  readonly identity: TokenIdentity | undefined;
  readonly error?: TokenError;
  readonly warnings: readonly string[];
  readonly annotations: readonly (readonly [string, string])[];
}

/** The same, remembering. */
export function cachedTokens(
  authenticate: FarTokenAuthenticator,
  options: TokenCacheOptions,
): TokenAuthenticator {
  const { environment, successMs, failureMs, keepsErrors, metrics } = options;
  const { clock } = environment;
  const secret = environment.random.bytes(KEY_BYTES);
  const answers = new ExpiringCache<Answer>(ANSWERS_MAX, () => environment.clock.monotonicMs());
  const lookups = new Map<string, Promise<Answer>>();

  const lookUp = async (token: string, audiences: readonly string[]): Promise<Answer> => {
    const limit = timeoutSignal(environment, LOOKUP_MS);
    const warnings: string[] = [];
    const annotations: [string, string][] = [];
    const question = {
      audiences,
      warn: (text: string) => void warnings.push(text),
      annotate: (key: string, value: string) => void annotations.push([key, value]),
    };
    try {
      const identity = await authenticate(token, question, limit.signal);
      return { identity, warnings, annotations };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return { identity: undefined, error, warnings, annotations };
    } finally {
      limit.release();
    }
  };

  const answerOf = (key: string, token: string, audiences: readonly string[]): Promise<Answer> => {
    const underWay = lookups.get(key);
    if (underWay !== undefined) return underWay;
    if (lookups.size >= LOOKUPS_MAX)
      return Promise.reject(new TokenError('too many tokens are being looked up'));
    const lookup = counted(lookUp(token, audiences), metrics)
      .then((answer) => {
        if (answer.error === undefined || keepsErrors)
          answers.set(key, answer, answer.identity === undefined ? failureMs : successMs);
        return answer;
      })
      .finally(() => lookups.delete(key));
    lookups.set(key, lookup);
    return lookup;
  };

  return (token, question) => {
    const beganMs = clock.monotonicMs();
    const key = createHmac('sha256', secret)
      .update(JSON.stringify([token, question.audiences]))
      .digest('base64');
    const known = answers.get(key);
    if (known !== undefined) {
      metrics.answered(true, clock.monotonicMs() - beganMs);
      return tell(known, question);
    }
    metrics.waiting(1);
    return answerOf(key, token, question.audiences)
      .finally(() => {
        metrics.waiting(-1);
        metrics.answered(false, clock.monotonicMs() - beganMs);
      })
      .then((answer) => tell(answer, question));
  };
}

/** One who is far away is being asked. */
function counted(lookup: Promise<Answer>, metrics: TokenCacheMetrics): Promise<Answer> {
  metrics.asking();
  lookup.then(
    ({ error }) => metrics.asked(error !== undefined),
    () => metrics.asked(true),
  );
  return lookup;
}

function tell(
  { identity, error, warnings, annotations }: Answer,
  question: TokenQuestion,
): TokenIdentity | undefined {
  if (error !== undefined) throw error;
  if (identity === undefined) return undefined;
  for (const text of warnings) question.warn(text);
  for (const [key, value] of annotations) question.annotate(key, value);
  return identity;
}
