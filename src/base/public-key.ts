/**
 * Public keys in DER (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7), read as strictly as Go's crypto/x509
 * reads them: upstream's answers depend on it.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Element, elements } from './der-reader.ts';

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;
const NULL = 0x05;
const OID = 0x06;
/** The first byte of a point of a curve that is written with both of its coordinates. */
const UNCOMPRESSED = 0x04;

/** Whether the parameters and the bits of a key are as its algorithm has them. */
type Rule = (parameters: Element | undefined, bits: Buffer) => boolean;

const withoutParameters: Rule = (parameters) => parameters === undefined;

const ALGORITHMS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  // RSA
  ['2a864886f70d010101', (parameters) => parameters?.tag === NULL],
  // DSA
  ['2a8648ce380401', (parameters) => parameters?.tag === SEQUENCE],
  // Elliptic curves: by their name.
  ['2a8648ce3d0201', (parameters, bits) => parameters?.tag === OID && bits[1] === UNCOMPRESSED],
  // X25519
  ['2b656e', withoutParameters],
  // Ed25519
  ['2b6570', withoutParameters],
]);
const CURVES: readonly (string | undefined)[] = [
  'secp224r1',
  'prime256v1',
  'secp384r1',
  'secp521r1',
];

/** Undefined where nobody knows the algorithm. Throws an Error when it is no key. */
export function readPublicKey(spki: Buffer): KeyObject | undefined {
  const [whole, ...behind] = elements(spki);
  if (whole?.tag !== SEQUENCE || behind.length > 0) throw new Error('malformed public key');
  const [algorithm, bits] = elements(whole.content);
  if (algorithm?.tag !== SEQUENCE || bits?.tag !== BIT_STRING)
    throw new Error('malformed public key');
  const [oid, parameters] = elements(algorithm.content);
  if (oid?.tag !== OID) throw new Error('malformed public key');
  const rule = ALGORITHMS.get(oid.content.toString('hex'));
  if (rule === undefined) return undefined;
  if (!rule(parameters, bits.content)) throw new Error('malformed public key');
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const isUnknownCurve =
    key.asymmetricKeyType === 'ec' && !CURVES.includes(key.asymmetricKeyDetails?.namedCurve);
  if (isUnknownCurve) throw new Error('unsupported elliptic curve');
  return key;
}
