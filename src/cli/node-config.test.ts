import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type NodeConfig, type NodeIdentity, readNode, writeNode } from './node-config.ts';
import { nodeDirectoryAt, prepareNodeDirectory } from './node-directory.ts';

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
});
