/** Nodes of one machine on their bridge, in a network namespace that stands for the machine. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Processes } from '#base/doors.ts';
import { realProcesses } from '#edge/processes.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { NodeNamespace, removeOuterEnds, setUpMachineNetwork } from './machine-network.ts';
import type { NodeDirectory } from './node-directory.ts';
import { interfacesOf, linkAddress } from './node-network.ts';

const MACHINE = `coxmn${process.pid}`;
const HASH = 'abcdef';
const NODE_HASH = '123456';
const NODE_CIDR = '198.51.100.0/24';
const skip = unlessNetworkNamespaces(MACHINE, ['nft', 'nsenter', 'unshare']);

describe('the nodes of one machine', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'machine-network-'));
  const sysfs = join(folder, 'sys-of-machine');
  const processes: Processes = {
    run: (command, args, options) =>
      realProcesses().run(
        'nsenter',
        [`--net=/run/netns/${MACHINE}`, '--', command, ...args],
        options,
      ),
  };
  const node = new NodeNamespace({
    directory: { hash: NODE_HASH, runtimePath: folder } as NodeDirectory,
    clusterHash: HASH,
    nodeCidr: NODE_CIDR,
    nth: 2,
    machineAddresses: [],
    processes,
    machineSysfs: sysfs,
  });

  before(() => {
    mkdirSync(sysfs);
    sh(`ip netns add ${MACHINE}
      nsenter --net=/run/netns/${MACHINE} mount -t sysfs -o ro sysfs ${sysfs}`);
  });
  after(() => {
    for (const path of [sysfs, node.sysfs, join(folder, 'net')]) spawnSync('umount', [path]);
    spawnSync('ip', ['netns', 'delete', MACHINE]);
    rmSync(folder, { recursive: true });
  });

  it('have the hardware addresses of before when they come again', async () => {
    const options = { hash: HASH, nodeCidr: NODE_CIDR, machineAddresses: [], processes, sysfs };
    await setUpMachineNetwork(options);
    const [bridge = ''] = interfacesOf(HASH, sysfs);
    const ofBridge = linkAddress(bridge, sysfs);
    await node.setUp();
    const ofNode = linkAddress('eth0', node.sysfs);
    assert.equal(linkAddress(bridge, sysfs), ofBridge, 'with a node');
    await removeOuterEnds(NODE_HASH, processes, sysfs);
    assert.equal(linkAddress(bridge, sysfs), ofBridge, 'without it');
    await node.setUp();
    assert.equal(linkAddress('eth0', node.sysfs), ofNode);
    assert.notEqual(ofNode, ofBridge);
  });
});
