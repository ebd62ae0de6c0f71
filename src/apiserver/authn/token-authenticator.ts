/**
 * Who a bearer token stands for: those who know tokens are asked in order.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authentication (authenticator,
 * token/union, request/bearertoken).
 */
import { unauthorized } from '#api/meta/status.ts';
import { type Eventual, firstThere, whenThere } from '#base/eventual.ts';
import type { User } from '../context.ts';
import { aggregate } from '../authz/authorizer.ts';
import { type Authenticator, bearerToken } from './authenticator.ts';

/** Whom a token stands for, and for which of the audiences that were asked for. */
export interface TokenIdentity {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** The circumstances under which a token is shown. */
export interface TokenQuestion {
  /** It must be meant for one of these. */
  readonly audiences: readonly string[];
  /** Is told what the sender should know. */
  warn(text: string): void;
  /** An annotation of the audit event. */
  annotate(key: string, value: string): void;
}

/** A token that somebody knows and refuses; the message is upstream's. */
export class TokenError extends Error {}

/**
 * Undefined: the token is somebody else's. Throws (or rejects with) TokenError for one that it
 * knows and does not believe.
 */
export type TokenAuthenticator = (
  token: string,
  question: TokenQuestion,
) => Eventual<TokenIdentity | undefined>;

/** The first who knows the token; when none does, all that was wrong with it. */
export function composeTokens(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return (token, question) => {
    const errors: string[] = [];
    const found = firstThere(authenticators, (authenticate) =>
      caught(
        () => authenticate(token, question),
        (error) => errors.push(error.message),
      ),
    );
    return whenThere(found, (identity) => {
      if (identity === undefined && errors.length > 0) throw new TokenError(aggregate(errors));
      return identity;
    });
  };
}

/** As it is answered; undefined after a TokenError, which is handed on. */
function caught<T>(
  ask: () => Eventual<T | undefined>,
  failed: (error: TokenError) => void,
): Eventual<T | undefined> {
  const failure = (error: unknown): undefined => {
    if (!(error instanceof TokenError)) throw error;
    failed(error);
    return undefined;
  };
  try {
    const answer = ask();
    return answer instanceof Promise ? answer.catch(failure) : answer;
  } catch (error) {
    return failure(error);
  }
}

/** Of tokens that name no audience: they are for this server, whose audiences are `own`. */
export function forOwnAudiences(
  own: readonly string[],
  userOf: (token: string, question: TokenQuestion) => Eventual<User | undefined>,
): TokenAuthenticator {
  return (token, question) => {
    const audiences = own.filter((audience) => question.audiences.includes(audience));
    if (audiences.length === 0) return undefined;
    return whenThere(userOf(token, question), (user) => user && { user, audiences });
  };
}

/** Requests with a bearer token; 401 for one that nobody knows. */
export function bearerAuthenticator(
  authenticate: TokenAuthenticator,
  audiences: readonly string[],
): Authenticator {
  return async (request, warn, annotate = () => {}) => {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    try {
      const identity = await authenticate(token, { audiences, warn, annotate });
      if (identity === undefined) throw unauthorized();
      return identity.user;
    } catch (error) {
      if (error instanceof TokenError) throw unauthorized();
      throw error;
    }
  };
}
