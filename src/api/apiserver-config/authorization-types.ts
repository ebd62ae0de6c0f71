/**
 * `AuthorizationConfiguration` as it is once read, with its defaults.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/types.go.
 */

/** As `--authorization-mode` names them. */
export const AUTHORIZATION_MODES = [
  'ABAC',
  'AlwaysAllow',
  'AlwaysDeny',
  'Node',
  'RBAC',
  'Webhook',
] as const;

export interface AuthorizationConfiguration {
  readonly authorizers: readonly AuthorizerConfiguration[];
}

export interface AuthorizerConfiguration {
  /** One of AUTHORIZATION_MODES, once it is validated. */
  readonly type: string;
  readonly name: string;
  readonly webhook?: WebhookConfiguration;
}

export interface WebhookConfiguration {
  /** How long an answer that allows is kept, in nanoseconds. */
  readonly authorizedTtlNanos: number;
  readonly cacheAuthorizedRequests: boolean;
  /** How long any other answer is kept, in nanoseconds. */
  readonly unauthorizedTtlNanos: number;
  readonly cacheUnauthorizedRequests: boolean;
  readonly timeoutNanos: number;
  readonly subjectAccessReviewVersion: string;
  readonly matchConditionSubjectAccessReviewVersion: string;
  readonly failurePolicy: string;
  readonly connectionInfo: { readonly type: string; readonly kubeConfigFile?: string };
  readonly matchConditions: readonly { readonly expression: string }[];
}

/** Asked of the machine: why the file cannot be used, or undefined. */
export type FileFault = (path: string) => string | undefined;
