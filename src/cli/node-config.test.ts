import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { issuePair } from '#kit/certificates.ts';
import { testAuthority } from '#kit/join-world.ts';
import { currentPath } from '#kubelet/bootstrap/certificate-store.ts';
import { type CertificatePair, joinPair } from '#kubelet/bootstrap/key-pair.ts';
import {
  certificateFolder,
  type NodeConfig,
  type NodeIdentity,
  readNode,
  writeNode,
} from './node-config.ts';
import { type NodeDirectory, nodeDirectoryAt, prepareNodeDirectory } from './node-directory.ts';

const CONFIG: NodeConfig = {
  name: 'n2',
  hostname: 'n2',
  address: '10.245.0.2',
  kubeletPort: 10_250,
  apiServer: { host: '192.0.2.1', port: 6443 },
  podCidr: '10.244.0.0/16',
  serviceClusterIpRange: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  clusterDomain: 'cluster.local',
  podNetwork: 'direct',
  sysfs: '/sys',
};
const pair = (name: string) => ({ certificate: `certificate of ${name}`, key: `key of ${name}` });
const IDENTITY: NodeIdentity = {
  authority: 'authority',
  kubeletClient: pair('client'),
  kubeletServer: pair('server'),
  proxy: pair('proxy'),
  dns: pair('dns'),
};

describe('what a node is told', () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-'));
  after(() => rmSync(folder, { recursive: true }));

  it('is read as it was written, and by nobody else', () => {
    const directory = nodeDirectoryAt(join(folder, 'n2'));
    assert.equal(readNode(directory), undefined);
    prepareNodeDirectory(directory);
    writeNode(directory, { config: CONFIG, identity: IDENTITY });
    assert.deepEqual(readNode(directory), { config: CONFIG, identity: IDENTITY });
    for (const name of ['kubelet-client.key', 'config.json'])
      assert.equal(statSync(join(directory.node, name)).mode & 0o077, 0);
  });

  describe('of one that joined', () => {
    const config: NodeConfig = { ...CONFIG, rotatesCertificates: true };
    const life = { notBeforeMs: 0, notAfterMs: 1_000 };
    const authority = testAuthority();
    const [client, next, server] = [1, 2, 3].map(() => issuePair(authority, life));
    assert.ok(client !== undefined && next !== undefined && server !== undefined);
    const identityOf = (pair: CertificatePair): NodeIdentity => ({
      ...IDENTITY,
      kubeletClient: pair,
    });
    const read = (directory: NodeDirectory) => readNode(directory)?.identity;
    const joined = (name: string): NodeDirectory => {
      const directory = nodeDirectoryAt(join(folder, name));
      prepareNodeDirectory(directory);
      writeNode(directory, { config, identity: identityOf(client) });
      return directory;
    };

    it('is one certificate for all parts of its process', () => {
      const directory = joined('one');
      const all = { kubeletClient: client, kubeletServer: client, proxy: client, dns: client };
      assert.deepEqual(read(directory), { authority: 'authority', ...all });
      const path = currentPath(certificateFolder(directory), 'kubelet-client');
      assert.equal(statSync(path).mode & 0o077, 0);
    });

    it('is the one that was rotated last, also when it is set up again', () => {
      const directory = joined('rotated');
      const pki = certificateFolder(directory);
      writeFileSync(currentPath(pki, 'kubelet-client'), joinPair(next));
      writeFileSync(currentPath(pki, 'kubelet-server'), joinPair(server));
      writeNode(directory, { config, identity: identityOf(client) });
      const found = read(directory);
      assert.deepEqual([found?.proxy, found?.kubeletServer], [next, server]);
    });

    it('is nothing where the certificate was lost, until it is set up again', () => {
      const directory = joined('lost');
      rmSync(certificateFolder(directory), { recursive: true });
      assert.equal(readNode(directory), undefined);
      writeNode(directory, { config, identity: identityOf(client) });
      assert.deepEqual(read(directory)?.dns, client);
    });
  });
});
