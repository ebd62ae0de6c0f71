import assert from 'node:assert/strict';
import { it } from 'node:test';
import { selfSigned } from '#kit/self-signed.ts';
import { fieldPath } from '../meta/field.ts';
import { validateTrustBundle } from './trust-bundle-pem.ts';

const [A, B, SERVER] = [
  selfSigned('authority'),
  selfSigned('authority'),
  selfSigned('server'),
] as const;

const wrong = (text: string): string =>
  validateTrustBundle(text, fieldPath('spec'))
    .map(({ detail }) => detail)
    .join('; ');

const rows: readonly (readonly [claim: string, text: string, expected: string])[] = [
  ['authorities, with words between them', `one\n${A}two\n${B}`, ''],
  ['nothing', 'nothing', 'at least one trust anchor must be provided'],
  ['one twice', A + B + A, 'duplicate trust anchor (indices [0 2])'],
  [
    'one twice, in lines of other lengths',
    A + A.replace(/(.{40})/, '$1\n'),
    'duplicate trust anchor (indices [0 1])',
  ],
  ['what is no authority', A + SERVER, 'entry 1 does not have the CA bit set'],
  ['other things', A.replaceAll('CERTIFICATE', 'KEY') + B, 'entry 0 has bad block type: KEY'],
  ['headers', A.replace('-----\n', '-----\nx: y\n\n'), 'entry 0 has PEM block headers'],
  [
    'no certificate',
    '-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n',
    'entry 0 does not parse as X.509',
  ],
];
for (const [claim, text, expected] of rows)
  it(`a bundle of ${claim}${expected === '' ? ' is good' : ` is refused`}`, () =>
    assert.equal(wrong(text), expected));
