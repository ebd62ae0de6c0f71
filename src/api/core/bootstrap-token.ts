/**
 * Bootstrap tokens: `id.secret`, held by Secrets of kube-system, that a machine joins with.
 *
 * Source: Kubernetes documentation, "Authenticating with Bootstrap Tokens"; upstream
 * staging/src/k8s.io/cluster-bootstrap/{token,util} and pkg/controller/bootstrap/util.go, v1.36.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '#api/gen/core-v1.ts';

/** The type of the Secrets that hold tokens. */
export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
/** Where they lie. */
export const BOOTSTRAP_TOKEN_NAMESPACE = 'kube-system';
/** Which Secrets are tokens. */
export const BOOTSTRAP_TOKENS = {
  namespace: BOOTSTRAP_TOKEN_NAMESPACE,
  fieldSelector: `type=${BOOTSTRAP_TOKEN_TYPE}`,
};
/** Everybody who shows a bootstrap token is in it. */
const BOOTSTRAPPERS_GROUP = 'system:bootstrappers';

const NAME_PREFIX = 'bootstrap-token-';
const USER_PREFIX = 'system:bootstrap:';
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const ID = /^[a-z0-9]{6}$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** Undefined for a text that is no token. */
export function parseBootstrapToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether `text` has the form of the public half of a token. */
export function isBootstrapTokenId(text: string): boolean {
  return ID.test(text);
}

/** Whether a token may put who shows it into a group of this name. */
export function isBootstrapGroup(name: string): boolean {
  return GROUP.test(name);
}

/** The Secret of the token with this id. */
export function bootstrapSecretName(id: string): string {
  return NAME_PREFIX + id;
}

/** A field of the Secret as text; empty when it is not there. */
export function bootstrapField({ data }: Secret, name: string): string {
  return Buffer.from(data?.[name] ?? '', 'base64').toString();
}

/**
 * How long the token counts still, in milliseconds: not positive when it has ended, which one has
 * whose end cannot be read; undefined when it has no end.
 */
export function remainingMs(secret: Secret, nowMs: number): number | undefined {
  const expiration = bootstrapField(secret, 'expiration');
  if (expiration === '') return undefined;
  const endMs = /^\d{4}-\d\d-\d\dT/.test(expiration) ? Date.parse(expiration) : Number.NaN;
  return Number.isNaN(endMs) ? 0 : endMs - nowMs;
}

/** Id and secret of a token that may sign; undefined for others. */
export function signingToken(secret: Secret, nowMs: number): BootstrapToken | undefined {
  const name = secret.metadata?.name ?? '';
  const id = bootstrapField(secret, 'token-id');
  const value = bootstrapField(secret, 'token-secret');
  if (!isBootstrapTokenId(id) || name !== bootstrapSecretName(id) || value === '') return undefined;
  return isInForce(secret, 'usage-bootstrap-signing', nowMs) ? { id, secret: value } : undefined;
}

/** Whom a token stands for that is shown to the API server. */
export interface BootstrapUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/**
 * The user of a token, by the Secret that has the name of its id: undefined where that is none of a
 * token, holds another secret, has ended, may not be used for this or names groups that are no
 * bootstrappers'.
 */
export function bootstrapUser(
  token: BootstrapToken,
  secret: Secret,
  nowMs: number,
): BootstrapUser | undefined {
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE || secret.metadata?.deletionTimestamp !== undefined)
    return undefined;
  if (!isSame(token.secret, bootstrapField(secret, 'token-secret'))) return undefined;
  if (bootstrapField(secret, 'token-id') !== token.id) return undefined;
  if (!isInForce(secret, 'usage-bootstrap-authentication', nowMs)) return undefined;
  const text = bootstrapField(secret, 'auth-extra-groups');
  const extra = text === '' ? [] : text.split(',');
  if (!extra.every(isBootstrapGroup)) return undefined;
  const groups = [...new Set([BOOTSTRAPPERS_GROUP, ...extra])].toSorted();
  return { name: USER_PREFIX + token.id, groups };
}

function isInForce(secret: Secret, usage: string, nowMs: number): boolean {
  return (remainingMs(secret, nowMs) ?? 1) > 0 && bootstrapField(secret, usage) === 'true';
}

/** Takes as long for a wrong secret as for the right one. */
function isSame(shown: string, held: string): boolean {
  const [a, b] = [Buffer.from(shown), Buffer.from(held)];
  return a.length === b.length && timingSafeEqual(a, b);
}
