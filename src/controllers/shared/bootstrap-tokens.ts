/**
 * Bootstrap tokens: Secrets of kube-system that a machine joins with.
 *
 * Source: Kubernetes documentation, "Authenticating with Bootstrap Tokens"; upstream
 * staging/src/k8s.io/cluster-bootstrap/util/secrets and pkg/controller/bootstrap/util.go, v1.36.
 */
import type { Secret } from '#api/gen/core-v1.ts';

const TYPE = 'bootstrap.kubernetes.io/token';
/** Which Secrets are tokens. */
export const BOOTSTRAP_TOKENS = { namespace: 'kube-system', fieldSelector: `type=${TYPE}` };

/** A field of the Secret as text; empty when it is not there. */
function fieldOf({ data }: Secret, name: string): string {
  return Buffer.from(data?.[name] ?? '', 'base64').toString();
}

/**
 * How long the token counts still, in milliseconds: not positive when it has ended, which one has
 * whose end cannot be read; undefined when it has no end.
 */
export function remainingMs(secret: Secret, nowMs: number): number | undefined {
  const expiration = fieldOf(secret, 'expiration');
  if (expiration === '') return undefined;
  const endMs = /^\d{4}-\d\d-\d\dT/.test(expiration) ? Date.parse(expiration) : Number.NaN;
  return Number.isNaN(endMs) ? 0 : endMs - nowMs;
}

/** Id and secret of a token that may sign; undefined for others. */
export function signingToken(
  secret: Secret,
  nowMs: number,
): { readonly id: string; readonly secret: string } | undefined {
  const named = /^bootstrap-token-([a-z0-9]{6})$/.exec(secret.metadata?.name ?? '')?.[1];
  const id = fieldOf(secret, 'token-id');
  const value = fieldOf(secret, 'token-secret');
  if (named === undefined || named !== id || value === '') return undefined;
  if ((remainingMs(secret, nowMs) ?? 1) <= 0) return undefined;
  return fieldOf(secret, 'usage-bootstrap-signing') === 'true' ? { id, secret: value } : undefined;
}
