import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { realFileSystem } from '#edge/file-system.ts';
import { issuePair } from '#kit/certificates.ts';
import { testAuthority } from '#kit/join-world.ts';
import { CertificateStore, currentPath } from './certificate-store.ts';
import { joinPair } from './key-pair.ts';

const authority = testAuthority();
const pair = () => issuePair(authority, { notBeforeMs: 0, notAfterMs: 1_000 });
const START = Date.UTC(2026, 0, 31, 12);
const HOUR_MS = 3_600_000;

describe('the store of a certificate', () => {
  let folder = '';
  const storeOf = (name: 'kubelet-client' | 'kubelet-server' = 'kubelet-client') =>
    new CertificateStore({ fileSystem: realFileSystem(), folder: join(folder, 'pki'), name });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('gives back what it was given last', async () => {
    const store = storeOf();
    assert.equal(await store.current(), undefined);
    const [first, second] = [pair(), pair()];
    await store.update(first, START);
    assert.deepEqual(await store.current(), first);
    await store.update(second, START + HOUR_MS);
    assert.deepEqual(await store.current(), second);
    assert.equal(await storeOf('kubelet-server').current(), undefined);
  });

  it('names its files as upstream does, for nobody else to read', async () => {
    await storeOf().update(pair(), START);
    const pki = join(folder, 'pki');
    const stamped = 'kubelet-client-2026-01-31-12-00-00.pem';
    assert.deepEqual(readdirSync(pki).toSorted(), [stamped, 'kubelet-client-current.pem']);
    assert.equal(readlinkSync(currentPath(pki, 'kubelet-client')), stamped);
    assert.equal(statSync(join(pki, stamped)).mode & 0o777, 0o600);
    assert.equal(statSync(pki).mode & 0o777, 0o700);
  });

  it('keeps the one before, and none that is older', async () => {
    const store = storeOf();
    await storeOf('kubelet-server').update(pair(), START);
    for (let hour = 0; hour < 4; hour++) await store.update(pair(), START + hour * HOUR_MS);
    assert.deepEqual(readdirSync(join(folder, 'pki')).toSorted(), [
      'kubelet-client-2026-01-31-14-00-00.pem',
      'kubelet-client-2026-01-31-15-00-00.pem',
      'kubelet-client-current.pem',
      'kubelet-server-2026-01-31-12-00-00.pem',
      'kubelet-server-current.pem',
    ]);
  });

  it('takes a file in place of the link, and replaces it', async () => {
    const store = storeOf();
    await store.update(pair(), START);
    const path = currentPath(join(folder, 'pki'), 'kubelet-client');
    rmSync(path);
    const [first, second] = [pair(), pair()];
    writeFileSync(path, joinPair(first));
    assert.deepEqual(await store.current(), first);
    await store.update(second, START + HOUR_MS);
    assert.deepEqual(await store.current(), second);
  });

  it('has none where certificate and key do not fit', async () => {
    const store = storeOf();
    await store.update(pair(), START);
    const path = currentPath(join(folder, 'pki'), 'kubelet-client');
    writeFileSync(path, joinPair({ ...pair(), key: pair().key }));
    assert.equal(await store.current(), undefined);
  });
});
