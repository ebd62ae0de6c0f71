import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isPair } from '#kubelet/bootstrap/key-pair.ts';
import { killedAfter } from '#kit/killed-writes.ts';
import {
  type AuthorityPlace,
  authoritySinceMs,
  certificatesIn,
  clusterAuthorities,
  crossCertificate,
  dropOld,
  openAuthority,
  phaseOf,
  putInOrder,
  signWithSecond,
  trustSecond,
} from './authority-files.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
let folder = '';
let place: AuthorityPlace;

const pem = (name: string): string => readFileSync(join(folder, name), 'utf8');
const keyOf = (certificate: string) => new X509Certificate(certificate).publicKey;
const verifies = (certificate: string, by: string): boolean =>
  new X509Certificate(certificate).verify(keyOf(by));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'authority-'));
  place = clusterAuthorities(folder).authority;
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an authority', () => {
  it('is made once, and read again', () => {
    const first = openAuthority(place, NOW_MS);
    assert.equal(openAuthority(place, NOW_MS + 1).certificate, first.certificate);
    assert.equal(phaseOf(place), 'single');
    assert.equal(new X509Certificate(first.certificate).ca, true);
  });

  it('is refused with the key of another one', () => {
    openAuthority(place, NOW_MS);
    const { frontProxy } = clusterAuthorities(folder);
    openAuthority(frontProxy, NOW_MS);
    cpSync(join(folder, 'front-proxy-ca.key'), join(folder, 'ca.key'));
    assert.throws(() => openAuthority(place, NOW_MS), /Cannot sign with .*ca\.key: ca\.crt/);
  });

  it('has its own certificate first, however the file has them', () => {
    const { certificate } = openAuthority(place, NOW_MS);
    const other = openAuthority(clusterAuthorities(folder).frontProxy, NOW_MS).certificate;
    writeFileSync(join(folder, 'ca.crt'), other + certificate);
    assert.equal(openAuthority(place, NOW_MS).certificate, certificate + other);
    assert.equal(pem('ca.crt'), other + certificate);
    putInOrder(place, NOW_MS);
    assert.equal(pem('ca.crt'), certificate + other);
    const { ino } = statSync(join(folder, 'ca.crt'));
    putInOrder(place, NOW_MS);
    assert.equal(statSync(join(folder, 'ca.crt')).ino, ino);
  });
});

describe('a second authority', () => {
  it('is trusted behind the first one, which signs', () => {
    const first = openAuthority(place, NOW_MS);
    trustSecond(place, NOW_MS);
    assert.equal(phaseOf(place), 'both-trusted');
    const now = openAuthority(place, NOW_MS);
    assert.equal(now.key, first.key);
    assert.equal(now.certificate, first.certificate + pem('ca-next.crt'));
    assert.equal(pem('ca.crt'), now.certificate);
    trustSecond(place, NOW_MS);
    assert.equal(openAuthority(place, NOW_MS).certificate, now.certificate);
  });

  it('signs then, before the first one, which vouches for it', () => {
    const first = openAuthority(place, NOW_MS);
    trustSecond(place, NOW_MS);
    const next = pem('ca-next.crt');
    assert.equal(crossCertificate(place), '');
    signWithSecond(place, NOW_MS);
    assert.equal(phaseOf(place), 'new-signs');
    assert.equal(pem('ca.crt'), next + first.certificate);
    assert.ok(isPair({ certificate: next, key: pem('ca.key') }));
    const cross = crossCertificate(place);
    assert.ok(verifies(cross, first.certificate));
    assert.ok(keyOf(cross).equals(keyOf(next)));
    assert.equal(new X509Certificate(cross).ca, true);
    assert.equal(
      new X509Certificate(cross).validTo,
      new X509Certificate(first.certificate).validTo,
    );
    assert.deepEqual(readdirSync(folder).toSorted(), ['ca-cross.crt', 'ca.crt', 'ca.key']);
    assert.ok(Math.abs(authoritySinceMs(place) - statSync(join(folder, 'ca.key')).mtimeMs) < 1);
    trustSecond(place, NOW_MS);
    assert.equal(phaseOf(place), 'new-signs');
  });

  it('is alone at last', () => {
    openAuthority(place, NOW_MS);
    trustSecond(place, NOW_MS);
    const next = pem('ca-next.crt');
    dropOld(place, NOW_MS);
    assert.equal(phaseOf(place), 'both-trusted');
    signWithSecond(place, NOW_MS);
    dropOld(place, NOW_MS);
    assert.equal(phaseOf(place), 'single');
    assert.equal(openAuthority(place, NOW_MS).certificate, next);
    assert.deepEqual(readdirSync(folder).toSorted(), ['ca.crt', 'ca.key']);
  });

  it('of front proxies shows no servers anything', () => {
    const { frontProxy } = clusterAuthorities(folder);
    openAuthority(frontProxy, NOW_MS);
    trustSecond(frontProxy, NOW_MS);
    signWithSecond(frontProxy, NOW_MS);
    assert.equal(phaseOf(frontProxy), 'new-signs');
    assert.equal(crossCertificate(frontProxy), '');
  });

  it('keeps its files from other users', () => {
    openAuthority(place, NOW_MS);
    trustSecond(place, NOW_MS);
    signWithSecond(place, NOW_MS);
    for (const name of readdirSync(folder))
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  });
});

describe('a rotation that is killed between two changes', () => {
  const STEPS = [trustSecond, signWithSecond, dropOld];

  it('leaves an authority that signs and is trusted, and goes on to the same end', () => {
    let kills = 0;
    for (let at = 0; at < STEPS.length; at++) {
      for (let changes = 0; ; changes++) {
        rmSync(folder, { recursive: true });
        folder = mkdtempSync(join(tmpdir(), 'authority-'));
        place = clusterAuthorities(folder).authority;
        const first = openAuthority(place, NOW_MS);
        for (const step of STEPS.slice(0, at)) step(place, NOW_MS);
        const trusted = certificatesIn(pem('ca.crt'));
        const killed = killedAfter(changes, () => STEPS[at]?.(place, NOW_MS));
        const now = openAuthority(place, NOW_MS);
        // Whoever trusted what was trusted before trusts who signs now.
        assert.ok(
          certificatesIn(now.certificate).some((each) => trusted.includes(each)),
          `step ${at}, change ${changes}`,
        );
        assert.ok(isPair({ certificate: now.certificate, key: now.key }));
        if (killed && at < 1) assert.equal(now.key, first.key);
        for (const step of STEPS.slice(at)) {
          step(place, NOW_MS);
          if (step === signWithSecond && phaseOf(place) === 'new-signs')
            assert.ok(verifies(crossCertificate(place), first.certificate), `change ${changes}`);
        }
        assert.equal(phaseOf(place), 'single', `step ${at}, change ${changes}`);
        assert.notEqual(openAuthority(place, NOW_MS).key, first.key);
        assert.deepEqual(
          readdirSync(folder)
            .filter((name) => !name.endsWith('.tmp'))
            .toSorted(),
          ['ca.crt', 'ca.key'],
        );
        if (!killed) break;
        kills++;
      }
    }
    assert.ok(kills >= 9, `${kills} kills`);
  });

  it('never signs with a second one that is not trusted yet', () => {
    openAuthority(place, NOW_MS);
    killedAfter(2, () => trustSecond(place, NOW_MS));
    const next = pem('ca-next.crt');
    signWithSecond(place, NOW_MS);
    assert.equal(phaseOf(place), 'single');
    trustSecond(place, NOW_MS);
    // The half-made one goes on.
    assert.ok(pem('ca.crt').endsWith(next));
  });
});
