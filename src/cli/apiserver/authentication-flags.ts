/** The flags of authentication, with upstream's names and defaults. */
import { bool, duration, list, text } from '../flags.ts';

export const AUTHENTICATION_FLAGS = {
  'anonymous-auth': bool('true', 'let requests of nobody in, as system:anonymous'),
  'api-audiences': list(
    '',
    'what tokens must be for; the issuers of service accounts unless given',
  ),
  'authentication-config': text('', 'the file of an AuthenticationConfiguration'),
  'authentication-token-webhook-config-file': text(
    '',
    'a kubeconfig of a server that knows tokens',
  ),
  'authentication-token-webhook-version': text('v1beta1', 'of the TokenReviews: v1 or v1beta1'),
  'authentication-token-webhook-cache-ttl': duration('2m0s', 'how long its answers are remembered'),
  'oidc-issuer-url': text('', 'an OpenID issuer, by HTTPS'),
  'oidc-client-id': text('', 'whom its tokens must be for'),
  'oidc-ca-file': text('', 'the authority of its certificate; those of the machine unless given'),
  'oidc-username-claim': text('sub', 'the claim that names the user'),
  'oidc-username-prefix': text(
    '',
    'stands before names; the issuer’s URL unless given, - for none',
  ),
  'oidc-groups-claim': text('', 'the claim that names groups'),
  'oidc-groups-prefix': text('', 'stands before groups'),
  'oidc-signing-algs': list('RS256', 'algorithms that it may sign by'),
  'oidc-required-claim': list('', 'claim=value that tokens must have'),
  'service-account-issuer': list('', 'issuers of service-account tokens: the first signs'),
  'service-account-lookup': bool('true', 'tokens of Secrets end with the Secret'),
  'service-account-max-token-expiration': duration('0s', 'longer tokens are shortened; 0: none'),
  'service-account-extend-token-expiration': bool(
    'true',
    'the tokens that pods are given are good for a year',
  ),
  'service-account-jwks-uri': text('', 'where the keys are said to be, by HTTPS'),
  'token-auth-file': text('', 'tokens with their users, as CSV'),
};

export type AuthenticationFlag = keyof typeof AUTHENTICATION_FLAGS;
