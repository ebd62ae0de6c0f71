import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isPair } from '#kubelet/bootstrap/key-pair.ts';
import { clusterAuthorities, dropOld, signWithSecond, trustSecond } from './authority-files.ts';
import { nodeCertificates, openPki, type PkiOptions } from './pki.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let folder = '';

function options(over: Partial<PkiOptions> = {}): PkiOptions {
  return {
    folder,
    nowMs: Date.now(),
    serverAddresses: ['192.0.2.2'],
    serverNames: ['host.example'],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
    ...over,
  };
}

describe('openPki', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pki-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps every key from other users', () => {
    openPki(options());
    const keys = readdirSync(folder).filter((name) => name.endsWith('.key'));
    assert.ok(keys.length >= 10);
    for (const key of keys) assert.equal(statSync(join(folder, key)).mode & 0o777, 0o600, key);
  });

  it('gives the API server all the names that it is reached by', () => {
    const certificate = new X509Certificate(openPki(options()).apiServer.certificate);
    for (const address of ['127.0.0.1', '10.96.0.1', '192.0.2.2'])
      assert.ok(certificate.checkIP(address), address);
    for (const name of [
      'localhost',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'host.example',
    ]) {
      assert.ok(certificate.checkHost(name), name);
    }
  });

  it('makes the admin and the nodes what the authorizers know them by', () => {
    const pki = openPki(options());
    const node = nodeCertificates(pki, { name: 'n1', addresses: ['192.0.2.2'] });
    assert.equal(
      new X509Certificate(pki.admin.certificate).subject,
      'O=system:masters\nCN=kubernetes-admin',
    );
    assert.equal(
      new X509Certificate(node.client.certificate).subject,
      'O=system:nodes\nCN=system:node:n1',
    );
  });

  it('continues with what it made before', () => {
    const first = openPki(options());
    const second = openPki(options());
    assert.equal(second.authority.certificate, first.authority.certificate);
    assert.deepEqual(second.apiServer, first.apiServer);
    assert.equal(second.serviceAccountKey, first.serviceAccountKey);
  });

  it('has in the file of the API server what it shows, with the authority of before or without', () => {
    const { authority } = clusterAuthorities(folder);
    const shown = (): string => {
      const { certificate } = openPki(options()).apiServer;
      assert.equal(readFileSync(join(folder, 'apiserver.crt'), 'utf8'), certificate);
      assert.equal(openPki(options()).apiServer.certificate, certificate);
      return certificate;
    };
    const first = shown();
    trustSecond(authority, Date.now());
    assert.equal(shown(), first);
    signWithSecond(authority, Date.now());
    const both = shown();
    const cross = readFileSync(join(folder, 'ca-cross.crt'), 'utf8');
    assert.ok(both.length > cross.length && both.endsWith(cross));
    dropOld(authority, Date.now());
    assert.equal(shown() + cross, both);
  });

  it('makes a pair anew that a kill left half of', () => {
    const first = openPki(options());
    writeFileSync(join(folder, 'apiserver.key'), first.admin.key);
    const second = openPki(options());
    assert.notEqual(second.apiServer.certificate, first.apiServer.certificate);
    assert.ok(isPair(second.apiServer));
    assert.deepEqual(second.admin, first.admin);
  });

  it('renews what expires soon, and nothing else', () => {
    const first = openPki(options());
    const early = openPki(options({ nowMs: Date.now() + 300 * DAY_MS }));
    assert.deepEqual(early.admin, first.admin);
    const late = openPki(options({ nowMs: Date.now() + 310 * DAY_MS }));
    assert.notDeepEqual(late.admin, first.admin);
    assert.equal(late.authority.certificate, first.authority.certificate);
    assert.ok(new X509Certificate(late.admin.certificate).verify(first.authority.publicKey));
  });

  it('remakes the server certificate when the machine has a new address', () => {
    openPki(options());
    const moved = openPki(options({ serverAddresses: ['198.51.100.7'] }));
    assert.ok(new X509Certificate(moved.apiServer.certificate).checkIP('198.51.100.7'));
  });
});
