/**
 * Who shows the token of a service account.
 *
 * A token is bound: it names the service account by uid and, where asked, the pod, secret or node it
 * was made for, and it is worth nothing once one of these is gone. That is looked at each time.
 * Source: KEP-1205, KEP-2799; upstream v1.36 pkg/serviceaccount/{jwt,claims,legacy}.go.
 */
import type { Secret } from '#api/gen/core-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { User } from '../context.ts';
import type { TokenMetrics } from '../metrics/token-metrics.ts';
import {
  LEGACY_ISSUER,
  type LegacyClaims,
  legacyClaims,
  legacyToken,
  withUse,
} from './legacy-tokens.ts';
import type { Claims, ServiceAccountTokens } from './service-account-tokens.ts';
import { type TokenAuthenticator, TokenError, type TokenQuestion } from './token-authenticator.ts';

export interface ServiceAccountServices {
  readonly tokens: ServiceAccountTokens;
  readonly reader: ObjectReader;
  readonly metrics: TokenMetrics;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Stores a Secret on which it is noted that its token was used. */
  readonly noteUse: (secret: Secret) => void;
  /** Whether tokens of Secrets are good only as long as the Secret is there. */
  readonly looksUp: boolean;
}

const AUTO_GENERATED =
  'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.';
const LEEWAY_SECONDS = 60;

export function serviceAccountTokens(services: ServiceAccountServices): TokenAuthenticator {
  const { tokens, metrics } = services;
  return (token, question) => {
    const claims = tokens.read(token);
    if (claims === undefined) return undefined;
    const named = audiencesOf(claims);
    if (named.length === 0) {
      question.annotate('authentication.k8s.io/legacy-token', claims.sub ?? '');
      metrics.legacy.add([]);
    }
    const meant = named.length === 0 ? tokens.audiences : named;
    const audiences = meant.filter((audience) => question.audiences.includes(audience));
    if (audiences.length === 0)
      throw new TokenError(
        `token audiences ${goList(meant)} is invalid for the target audiences ${goList(question.audiences)}`,
      );
    const user =
      claims.iss === LEGACY_ISSUER
        ? legacyUser(token, claims, { services, question })
        : boundUser(claims, services, question);
    return { user, audiences };
  };
}

function audiencesOf({ aud }: Claims): readonly string[] {
  return typeof aud === 'string' ? [aud] : (aud ?? []);
}

function goList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function boundUser(
  claims: Claims,
  services: ServiceAccountServices,
  question: TokenQuestion,
): User {
  const nowMs = services.nowMs();
  checkTimes(claims, nowMs / 1000);
  const bound = claims['kubernetes.io'];
  if (bound === undefined) throw new TokenError('service account token has no claims');
  checkLife(bound, services.reader, nowMs);
  noteStale(claims, nowMs / 1000, { services, question });
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, readonly string[]> = {};
  if (claims.jti !== undefined)
    extra['authentication.kubernetes.io/credential-id'] = [`JTI=${claims.jti}`];
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  return serviceAccountUser(namespace, serviceaccount, extra);
}

/**
 * The clock of who made it may be ahead by a minute. Upstream lets a token live on for that minute
 * too; here it ends when it says.
 */
function checkTimes({ exp = 0, nbf = 0, iat = 0 }: Claims, nowSeconds: number): void {
  if (nbf > nowSeconds + LEEWAY_SECONDS)
    throw new TokenError('service account token is not valid yet');
  if (exp <= nowSeconds) throw new TokenError('service account token has expired');
  if (iat > nowSeconds + LEEWAY_SECONDS)
    throw new TokenError('service account token is issued in the future');
}

const INVALIDATED = 'service account token has been invalidated';

function checkLife(
  bound: NonNullable<Claims['kubernetes.io']>,
  reader: ObjectReader,
  nowMs: number,
): void {
  const { namespace, serviceaccount, pod, node, secret } = bound;
  const find = (plural: string, name: string, within = namespace) =>
    reader.get({ group: '', plural }, within, name);
  const account = find('serviceaccounts', serviceaccount.name);
  if (account === undefined)
    throw new TokenError(`serviceaccount ${JSON.stringify(serviceaccount.name)} not found`);
  const { uid = '', deletionTimestamp } = account.metadata ?? {};
  if (uid !== serviceaccount.uid)
    throw new TokenError(
      `service account UID (${uid}) does not match claim (${serviceaccount.uid})`,
    );
  if (isDeletedLongAgo(deletionTimestamp, nowMs))
    throw new TokenError(`service account ${namespace}/${serviceaccount.name} has been deleted`);
  const isBoundTo = (what: string, object: ReturnType<typeof find>, wanted: string): void => {
    if (object === undefined) throw new TokenError(INVALIDATED);
    const { uid: found = '', deletionTimestamp: since } = object.metadata ?? {};
    if (found !== wanted)
      throw new TokenError(
        `${what} UID (${found}) does not match service account ${what.toLowerCase()} ref claim (${wanted})`,
      );
    if (isDeletedLongAgo(since, nowMs)) throw new TokenError(INVALIDATED);
  };
  if (secret !== undefined) isBoundTo('secret', find('secrets', secret.name), secret.uid);
  if (pod !== undefined) isBoundTo('pod', find('pods', pod.name), pod.uid);
  // That of a pod is only told.
  else if (node !== undefined) isBoundTo('node', find('nodes', node.name, ''), node.uid);
}

/** Upstream honours a token for 60 s after its object's deletion timestamp. */
function isDeletedLongAgo(deletionTimestamp: string | undefined, nowMs: number): boolean {
  return (
    deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + LEEWAY_SECONDS * 1000 < nowMs
  );
}

interface Shown {
  readonly services: ServiceAccountServices;
  readonly question: TokenQuestion;
}

/** A token that lives longer than was asked for should have been renewed. */
function noteStale(claims: Claims, nowSeconds: number, { services, question }: Shown): void {
  const warnAfter = claims['kubernetes.io']?.warnafter ?? 0;
  if (warnAfter === 0) return;
  if (nowSeconds <= warnAfter) {
    services.metrics.valid.add([]);
    return;
  }
  services.metrics.stale.add([]);
  question.annotate(
    'authentication.k8s.io/stale-token',
    `subject: ${claims.sub ?? ''}, seconds after warning threshold: ${Math.floor(nowSeconds) - warnAfter}`,
  );
}

function legacyUser(token: string, claims: Claims, { services, question }: Shown): User {
  const { reader, metrics, nowMs, noteUse, looksUp } = services;
  const named: LegacyClaims = legacyClaims({ ...claims });
  if (!looksUp) return serviceAccountUser(named.namespace, named.account);
  const found = legacyToken(token, named, reader);
  const { secret, namespace, account } = found;
  const name = secret.metadata?.name ?? '';
  const used = withUse(secret, nowMs());
  if (used !== undefined) noteUse(used);
  const prefix = 'authentication.k8s.io/legacy-token-';
  if (found.isInvalidated) {
    question.annotate(`${prefix}invalidated`, `${name}/${namespace}`);
    metrics.invalidated.add([]);
    throw new TokenError(
      `the token in secret ${namespace}/${name} for service account ${namespace}/${account.name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow use of this token`,
    );
  }
  if (found.isAutoGenerated) {
    question.warn(AUTO_GENERATED);
    question.annotate(`${prefix}autogenerated-secret`, name);
    metrics.autoGenerated.add([]);
  } else {
    question.annotate(`${prefix}manual-secret`, name);
    metrics.manual.add([]);
  }
  return serviceAccountUser(namespace, account);
}

function serviceAccountUser(
  namespace: string,
  account: { readonly name: string; readonly uid?: string },
  extra: Readonly<Record<string, readonly string[]>> = {},
): User {
  return {
    name: `system:serviceaccount:${namespace}:${account.name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    ...(account.uid === undefined ? {} : { uid: account.uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
