/** What an API server is told of authentication. */
import type {
  AnonymousConfig,
  AuthenticationConfiguration,
} from '#api/apiserver-config/authentication-types.ts';
import type { Live } from '#base/live.ts';
import type { StaticTokens } from './static-tokens.ts';
import type { TokenWebhookOptions } from './token-webhook.ts';

export interface AuthenticationOptions {
  /** Whose tokens are believed beside our own. */
  readonly config?: Live<AuthenticationConfiguration>;
  /** Algorithms by which these may sign; all that there are unless given. */
  readonly signingAlgorithms?: readonly string[];
  /** Whether requests of nobody are let in; they are unless given. */
  readonly anonymous?: AnonymousConfig;
  readonly staticTokens?: StaticTokens;
  readonly webhook?: TokenWebhookOptions;
  /** What tokens must be for; the issuers of service accounts unless given. */
  readonly apiAudiences?: readonly string[];
  readonly serviceAccounts?: ServiceAccountOptions;
}

/** As upstream's flags `--service-account-…`. */
export interface ServiceAccountOptions {
  /** Issuers whose tokens are believed beside the one that signs. */
  readonly otherIssuers?: readonly string[];
  /** Whether tokens of Secrets end with the Secret; they do unless it is false. */
  readonly looksUp?: boolean;
  /** Longer tokens are shortened; 0 or absent: as long as is asked for. */
  readonly maxExpirationSeconds?: number;
  /** Whether the tokens that pods are given by admission are good for a year. */
  readonly extendsExpiration?: boolean;
  /** Where the keys are said to be, instead of below the issuer. */
  readonly jwksUri?: string;
}
