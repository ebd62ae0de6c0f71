import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { oracle } from '#kit/x509-oracle.ts';
import { addressBytes, type CertificateOptions, createCertificate } from './x509.ts';

const BEFORE = Date.UTC(2026, 0, 1);
const AFTER = Date.UTC(2036, 0, 1);

function keys(type: 'ec' | 'rsa' = 'ec') {
  return type === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

const authority = { name: { commonName: 'kubernetes' }, ...keys() };

function make(over: Partial<CertificateOptions> = {}): string {
  return createCertificate({
    subject: { commonName: 'system:node:a', organizations: ['system:nodes', 'x'] },
    publicKey: keys().publicKey,
    issuer: authority,
    serial: Buffer.from('ff00112233445566', 'hex'),
    notBeforeMs: BEFORE,
    notAfterMs: AFTER,
    uses: ['client', 'server'],
    ...over,
  });
}

describe('createCertificate', () => {
  it('signs so that the authority verifies it, and another does not', () => {
    const certificate = new X509Certificate(make());
    assert.equal(certificate.verify(authority.publicKey), true);
    assert.equal(certificate.verify(keys().publicKey), false);
  });

  it('signs with an RSA key too', () => {
    const rsa = { name: { commonName: 'rsa' }, ...keys('rsa') };
    assert.equal(new X509Certificate(make({ issuer: rsa })).verify(rsa.publicKey), true);
  });

  it('signs with keys of Ed25519 and of larger curves, each by its own algorithm', () => {
    const TABLE = [
      [generateKeyPairSync('ed25519'), undefined],
      [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ecdsa-with-SHA384'],
      [generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'ecdsa-with-SHA512'],
    ] as const;
    for (const [pair, algorithm] of TABLE) {
      const issuer = { name: { commonName: 'other' }, ...pair };
      const certificate = new X509Certificate(make({ issuer }));
      assert.equal(certificate.verify(pair.publicKey), true);
      if (algorithm !== undefined) assert.equal(certificate.signatureAlgorithm, algorithm);
    }
  });

  it('writes what an independent parser reads', () => {
    const parsed = new oracle.X509Certificate(
      make({ dnsNames: ['a.b', '*.c'], addresses: ['10.0.0.1', 'fd00::1'] }),
    );
    assert.equal(parsed.subject, 'O=system:nodes, O=x, CN=system:node:a');
    assert.equal(parsed.issuer, 'CN=kubernetes');
    assert.equal(parsed.notBefore.getTime(), BEFORE);
    assert.equal(parsed.notAfter.getTime(), AFTER);
    assert.equal(parsed.serialNumber, '7f00112233445566');
    assert.equal(parsed.getExtension(oracle.BasicConstraintsExtension)?.ca, false);
    // digitalSignature (1) and keyEncipherment (4)
    assert.equal(parsed.getExtension(oracle.KeyUsagesExtension)?.usages, 5);
    assert.deepEqual(
      [...(parsed.getExtension(oracle.ExtendedKeyUsageExtension)?.usages ?? [])],
      ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    );
    const names = parsed.getExtension(oracle.SubjectAlternativeNameExtension)?.names.items ?? [];
    assert.deepEqual(
      names.map(({ type, value }) => `${type}:${value}`),
      ['dns:a.b', 'dns:*.c', 'ip:10.0.0.1', 'ip:fd00::1'],
    );
  });

  it('names an authority and its key, so that chains can be built', () => {
    const own = createCertificate({
      subject: authority.name,
      publicKey: authority.publicKey,
      issuer: authority,
      serial: Buffer.from([1]),
      notBeforeMs: BEFORE,
      notAfterMs: Date.UTC(2055, 0, 1),
      uses: ['authority'],
    });
    const parsed = new oracle.X509Certificate(own);
    const leaf = new oracle.X509Certificate(make());
    assert.equal(parsed.getExtension(oracle.BasicConstraintsExtension)?.ca, true);
    assert.equal(parsed.notAfter.getTime(), Date.UTC(2055, 0, 1));
    // digitalSignature (1), keyEncipherment (4), keyCertSign (32)
    assert.equal(parsed.getExtension(oracle.KeyUsagesExtension)?.usages, 37);
    assert.equal(
      leaf.getExtension(oracle.AuthorityKeyIdentifierExtension)?.keyId,
      parsed.getExtension(oracle.SubjectKeyIdentifierExtension)?.keyId,
    );
    assert.equal(new X509Certificate(make()).checkIssued(new X509Certificate(own)), true);
  });
});

describe('addressBytes', () => {
  const rows: [text: string, hex: string][] = [
    ['10.96.0.1', '0a600001'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
  ];
  for (const [text, hex] of rows) {
    it(`reads ${text}`, () => assert.equal(Buffer.from(addressBytes(text)).toString('hex'), hex));
  }
  for (const text of [
    '',
    '10.0.0',
    '10.0.0.256',
    '::1::',
    '1:2',
    ':1:2:3:4:5:6:7:8',
    'g::',
    '1.2.3.4.5',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => addressBytes(text), RangeError));
  }
});
