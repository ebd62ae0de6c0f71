/**
 * What an `AuthenticationConfiguration` may say, with upstream's field paths and messages.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go
 * (ValidateAuthenticationConfiguration and below).
 */
import { trimEndOf } from '#base/trim.ts';
import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '#base/pem.ts';
import {
  duplicate,
  FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
  tooMany,
} from '../meta/field.ts';
import type {
  AuthenticationConfiguration,
  IssuerConfig,
  JwtAuthenticatorConfig,
} from './authentication-types.ts';
import { compileMappings } from './claim-mapping.ts';

const AUTHENTICATORS_MAX = 64;
const EGRESS_TYPES = ['controlplane', 'cluster'];

/** Everything that is wrong, in upstream's order. `ownIssuers`: nobody else may have these. */
export function validateAuthentication(
  { jwt, anonymous }: AuthenticationConfiguration,
  ownIssuers: readonly string[],
): FieldError[] {
  const root = fieldPath('jwt');
  if (jwt.length > AUTHENTICATORS_MAX) return [tooMany(root, jwt.length, AUTHENTICATORS_MAX)];
  const urls = new Set<string>();
  const discoveryUrls = new Set<string>();
  const errors = jwt.flatMap((config, i) => {
    const at = root.index(i);
    const { url, discoveryURL } = config.issuer;
    const found = validateAuthenticator(config, at, ownIssuers);
    if (urls.has(url)) found.push(duplicate(at.child('issuer', 'url'), url));
    urls.add(url);
    if (discoveryURL === '') return found;
    if (discoveryUrls.has(discoveryURL))
      found.push(duplicate(at.child('issuer', 'discoveryURL'), discoveryURL));
    discoveryUrls.add(discoveryURL);
    return found;
  });
  if (anonymous !== undefined && !anonymous.enabled && anonymous.conditions.length > 0)
    errors.push(
      invalidValue(
        'anonymous.conditions',
        // Upstream shows them by Go's names.
        anonymous.conditions.map(({ path }) => ({ Path: path })),
        'enabled should be set to true when conditions are defined',
      ),
    );
  return errors;
}

function validateAuthenticator(
  config: JwtAuthenticatorConfig,
  at: FieldPath,
  ownIssuers: readonly string[],
): FieldError[] {
  const { issuer } = config;
  const where = at.child('issuer');
  return [
    ...(issuer.url === ''
      ? [required(where.child('url'))]
      : urlErrors(issuer.url, where.child('url'), ownIssuers)),
    ...discoveryErrors(issuer, where.child('discoveryURL')),
    ...audienceErrors(issuer, where),
    ...authorityErrors(issuer.certificateAuthority, where.child('certificateAuthority')),
    ...egressErrors(issuer.egressSelectorType, where.child('egressSelectorType')),
    ...compileMappings(config, at).errors,
  ];
}

function urlErrors(text: string, at: FieldPath, disallowed: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (detail: string): unknown => errors.push(invalidValue(at, text, detail));
  if (disallowed.includes(text))
    wrong(`URL must not overlap with disallowed issuers: [${disallowed.toSorted().join(' ')}]`);
  // Go takes nearly every text for a URL, most without a scheme.
  const url = URL.parse(text);
  if (url?.protocol !== 'https:') wrong('URL scheme must be https');
  if (url === null) return errors;
  if (url.username !== '' || url.password !== '')
    wrong('URL must not contain a username or password');
  if (url.search !== '') wrong('URL must not contain a query');
  if (url.hash !== '') wrong('URL must not contain a fragment');
  return errors;
}

function discoveryErrors({ url, discoveryURL }: IssuerConfig, at: FieldPath): FieldError[] {
  if (discoveryURL === '') return [];
  const isSame =
    url !== '' &&
    trimEndOf(url, (last) => last === '/') === trimEndOf(discoveryURL, (last) => last === '/');
  return [
    ...(isSame ? [invalidValue(at, discoveryURL, 'discoveryURL must be different from URL')] : []),
    ...urlErrors(discoveryURL, at, []),
  ];
}

function audienceErrors(
  { audiences, audienceMatchPolicy: policy }: IssuerConfig,
  where: FieldPath,
): FieldError[] {
  const at = where.child('audiences');
  if (audiences.length === 0) return [required(at, `at least one ${String(at)} is required`)];
  const errors = audiences.flatMap((audience, i) => [
    ...(audience === '' ? [required(at.index(i))] : []),
    ...(audiences.indexOf(audience) < i ? [duplicate(at.index(i), audience)] : []),
  ]);
  const wrong = (detail: string): unknown =>
    errors.push(invalidValue(where.child('audienceMatchPolicy'), policy, detail));
  if (audiences.length > 1 && policy !== 'MatchAny')
    wrong('audienceMatchPolicy must be MatchAny for multiple audiences');
  if (audiences.length === 1 && policy !== '' && policy !== 'MatchAny')
    wrong('audienceMatchPolicy must be empty or MatchAny for single audience');
  return errors;
}

function authorityErrors(pem: string, at: FieldPath): FieldError[] {
  if (pem === '') return [];
  const detail = authorityFault(pem);
  return detail === undefined ? [] : [invalidValue(at, '<omitted>', detail)];
}

function authorityFault(pem: string): string | undefined {
  const blocks = pemBlocks(pem).filter(({ label }) => label === 'CERTIFICATE');
  if (blocks.length === 0) return 'data does not contain any valid RSA or ECDSA certificates';
  try {
    for (const { der } of blocks) new X509Certificate(der);
    return undefined;
  } catch {
    return 'x509: malformed certificate';
  }
}

function egressErrors(type: string, at: FieldPath): FieldError[] {
  if (type === '' || EGRESS_TYPES.includes(type)) return [];
  return [invalidValue(at, type, 'egress selector must be either controlplane or cluster')];
}
