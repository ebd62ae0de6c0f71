/** An OpenID issuer in this process, behind the API server's road to it. */
import { generateKeyPairSync, type KeyObject, sign, constants, createHmac } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { Backend, BackendConnector } from '#apiserver/proxy/transport.ts';

export interface IssuerKey {
  readonly id: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

export function issuerKey(id: string, algorithm = 'ES256'): IssuerKey {
  const namedCurve = CURVES[algorithm];
  const pair =
    namedCurve === undefined
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve });
  return { id, algorithm, ...pair };
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed by the key's algorithm; `header` goes before. */
export function signedToken(key: IssuerKey, claims: object, header: object = {}): string {
  const text = `${part({ alg: key.algorithm, kid: key.id, ...header })}.${part(claims)}`;
  const { RSA_PKCS1_PSS_PADDING, RSA_PKCS1_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
  const padding = key.algorithm.startsWith('PS') ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
  const options = key.algorithm.startsWith('ES')
    ? { key: key.privateKey, dsaEncoding: 'ieee-p1363' as const }
    : { key: key.privateKey, padding, saltLength: RSA_PSS_SALTLEN_DIGEST };
  const made = sign(`sha${key.algorithm.slice(-3)}`, Buffer.from(text), options);
  return `${text}.${made.toString('base64url')}`;
}

/** A token "signed" with a shared secret, which is the public key that everybody knows. */
export function forgedToken(key: IssuerKey, claims: object): string {
  const text = `${part({ alg: 'HS256', kid: key.id })}.${part(claims)}`;
  const secret = key.publicKey.export({ type: 'spki', format: 'pem' });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** A token that says that it has no signature. */
export const unsignedToken = (claims: object): string =>
  `${part({ alg: 'none' })}.${part(claims)}.AA`;

export class TokenIssuer {
  readonly url: string;
  keys: IssuerKey[];
  /** Why there is no answer. */
  broken: Error | number | undefined;
  /** Headers of the answer with the keys. */
  headers: Readonly<Record<string, string>> = {};
  /** Other answers by path. */
  readonly pages = new Map<string, string | ((request: HttpRequest) => string)>();
  /** What it says of itself, where that is something else. */
  discovery: object | undefined;
  readonly asked: string[] = [];

  constructor(url = 'https://issuer.example.com', keys = [issuerKey('one')]) {
    this.url = url;
    this.keys = keys;
  }

  get key(): IssuerKey {
    const [first] = this.keys;
    if (first === undefined) throw new Error('the issuer has no key');
    return first;
  }

  token(claims: object): string {
    return signedToken(this.key, { iss: this.url, ...claims });
  }

  answer(request: HttpRequest): HttpResponse {
    this.asked.push(request.url);
    if (this.broken instanceof Error) throw this.broken;
    if (this.broken !== undefined) return text(this.broken, 'sorry');
    const page = this.pages.get(request.url);
    if (page !== undefined) return text(200, typeof page === 'string' ? page : page(request));
    const { pathname } = new URL(this.url);
    const root = pathname.replace(/\/$/, '');
    if (request.url === `${root}/.well-known/openid-configuration`)
      return json(this.discovery ?? { issuer: this.url, jwks_uri: `${this.url}/keys` });
    if (request.url === `${root}/keys`)
      return { ...json({ keys: this.jwks() }), headers: this.headers };
    return text(404, 'nothing here');
  }

  jwks(): object[] {
    return this.keys.map(({ id, algorithm, publicKey }) => ({
      kid: id,
      alg: algorithm,
      use: 'sig',
      ...publicKey.export({ format: 'jwk' }),
    }));
  }
}

/** The road to issuers, each by its host. */
export function roadTo(...issuers: readonly TokenIssuer[]): BackendConnector & { seen: Backend[] } {
  const seen: Backend[] = [];
  return {
    seen,
    to: (backend) => async (request) => {
      seen.push(backend);
      const issuer = issuers.find(({ url }) => new URL(url).hostname === backend.host);
      if (issuer === undefined)
        throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      return issuer.answer(request);
    },
  };
}

function json(value: object): HttpResponse {
  return text(200, JSON.stringify(value));
}

function text(status: number, content: string): HttpResponse {
  return { status, headers: {}, body: { kind: 'bytes', bytes: Buffer.from(content) } };
}
