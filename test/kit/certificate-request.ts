/** Makes certificate signing requests (PKCS #10, RFC 2986), signed by a key of their own. */
import { generateKeyPairSync, sign } from 'node:crypto';
import * as der from '#base/der.ts';

export interface RequestWords {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly emailAddresses?: readonly string[];
  /** IPv4. */
  readonly addresses?: readonly string[];
  readonly uris?: readonly string[];
}

/** The PEM text. */
export function certificateRequest(words: RequestWords): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const attribute = (oid: string, text: string): Buffer =>
    der.set(der.sequence(der.oid(oid), der.utf8String(text)));
  const info = der.sequence(
    der.unsigned(Buffer.from([0])),
    der.sequence(
      ...(words.organizations ?? []).map((name) => attribute('2.5.4.10', name)),
      attribute('2.5.4.3', words.commonName),
    ),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(0, extensionRequest(words)),
  );
  const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'));
  const signature = der.bitString(sign('sha256', info, privateKey));
  const body = der.sequence(info, algorithm, signature).toString('base64');
  const lines = body.match(/.{1,64}/g) ?? [];
  const label = 'CERTIFICATE REQUEST';
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function extensionRequest(words: RequestWords): Buffer {
  const texts = (tag: number, names: readonly string[] = []): Buffer[] =>
    names.map((name) => der.implicit(tag, Buffer.from(name)));
  const names = der.sequence(
    ...texts(1, words.emailAddresses),
    ...texts(2, words.dnsNames),
    ...texts(6, words.uris),
    ...(words.addresses ?? []).map((address) =>
      der.implicit(7, Buffer.from(address.split('.').map(Number))),
    ),
  );
  const wanted = der.sequence(der.oid('2.5.29.17'), der.octetString(names));
  return der.sequence(der.oid('1.2.840.113549.1.9.14'), der.set(der.sequence(wanted)));
}
