/**
 * Makes certificate signing requests (PKCS #10, RFC 2986), signed by the key that they are for.
 * `csr.ts` reads them.
 */
import { type KeyObject, sign } from 'node:crypto';
import * as der from './der.ts';
import {
  type AlternativeNames,
  alternativeNames,
  type EncodedName,
  type Name,
  nameOf,
  signatureOf,
  toPem,
} from './x509.ts';

const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const OID_ALTERNATIVE_NAME = '2.5.29.17';

export interface RequestOptions extends AlternativeNames {
  readonly subject: Name | EncodedName;
  /** EC, RSA or Ed25519. */
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** The request as PEM. Throws a RangeError for an address that is none. */
export function createCertificateRequest(options: RequestOptions): string {
  const { algorithm, digest } = signatureOf(options.privateKey);
  const info = der.sequence(
    der.unsigned(Buffer.from([0])),
    nameOf(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(0, ...attributesOf(options)),
  );
  const signature = sign(digest, info, options.privateKey);
  return toPem('CERTIFICATE REQUEST', der.sequence(info, algorithm, der.bitString(signature)));
}

/** The extensions that are asked for (RFC 2985, 5.4.2); none where there are no names. */
function attributesOf(options: RequestOptions): Buffer[] {
  const names = alternativeNames(options);
  if (names.length === 0) return [];
  const wanted = der.sequence(
    der.oid(OID_ALTERNATIVE_NAME),
    der.octetString(der.sequence(...names)),
  );
  return [der.sequence(der.oid(OID_EXTENSION_REQUEST), der.set(der.sequence(wanted)))];
}
