/**
 * Authentication by bootstrap tokens: what a machine shows that has no certificate yet.
 *
 * Source: Kubernetes documentation, "Authenticating with Bootstrap Tokens"; upstream
 * plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go, v1.36.
 */
import {
  BOOTSTRAP_TOKEN_NAMESPACE,
  bootstrapSecretName,
  bootstrapUser,
  parseBootstrapToken,
} from '#api/core/bootstrap-token.ts';
import type { Secret } from '#api/gen/core-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { User } from '../context.ts';

const SECRETS = { group: '', plural: 'secrets' };

/** The user of a bearer token that is a bootstrap token in force; undefined for every other one. */
export type BootstrapTokens = (token: string) => User | undefined;

/** Tokens are the Secrets that `reader` has at the time they are shown. */
export function bootstrapTokens(reader: ObjectReader, nowMs: () => number): BootstrapTokens {
  return (text) => {
    const token = parseBootstrapToken(text);
    if (token === undefined) return undefined;
    const name = bootstrapSecretName(token.id);
    const secret: Secret | undefined = reader.get(SECRETS, BOOTSTRAP_TOKEN_NAMESPACE, name);
    return secret === undefined ? undefined : bootstrapUser(token, secret, nowMs());
  };
}
