/**
 * `AuthenticationConfiguration` as it is once read.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/types.go.
 */

export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtAuthenticatorConfig[];
  readonly anonymous?: AnonymousConfig;
}

/** Whether requests of nobody are let in; with conditions, those to these paths alone. */
export interface AnonymousConfig {
  readonly enabled: boolean;
  readonly conditions: readonly { readonly path: string }[];
}

export interface JwtAuthenticatorConfig {
  readonly issuer: IssuerConfig;
  readonly claimValidationRules: readonly ClaimValidationRule[];
  readonly claimMappings: ClaimMappings;
  readonly userValidationRules: readonly {
    readonly expression: string;
    readonly message: string;
  }[];
}

export interface IssuerConfig {
  readonly url: string;
  /** Empty: below `url`. */
  readonly discoveryURL: string;
  /** PEM; empty: the authorities of the machine. */
  readonly certificateAuthority: string;
  readonly audiences: readonly string[];
  readonly audienceMatchPolicy: string;
  readonly egressSelectorType: string;
}

export interface ClaimValidationRule {
  readonly claim: string;
  readonly requiredValue: string;
  readonly expression: string;
  readonly message: string;
}

export interface ClaimMappings {
  readonly username: PrefixedClaim;
  readonly groups: PrefixedClaim;
  readonly uid: { readonly claim: string; readonly expression: string };
  readonly extra: readonly { readonly key: string; readonly valueExpression: string }[];
}

/** A claim with a prefix, or an expression. */
export interface PrefixedClaim {
  readonly claim: string;
  readonly prefix?: string;
  readonly expression: string;
}
