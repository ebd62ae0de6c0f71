/**
 * An address comes round to a second pod, in a real kernel: a bridge in a network namespace, pods
 * that say nothing by themselves. Needs root, Linux and ip; skipped with the reason where they lack.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { Processes } from '#base/doors.ts';
import { realProcesses } from '#edge/processes.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { neighboursIn, PodNeighbours } from './neighbours.ts';

const PREFIX = `coxa${process.pid}`;
const NODE = `${PREFIX}n`;
const BRIDGE = 'pods';
const FAMILIES = [
  { family: 'IPv4', gateway: '10.244.0.1/24', address: '10.244.0.10', length: 24 },
  { family: 'IPv6', gateway: 'fd00:10:244::1/64', address: 'fd00:10:244::a', length: 64 },
];
const hasIpv6 = spawnSync('test', ['-e', '/proc/net/if_inet6']).status === 0;
const skip = unlessNetworkNamespaces(`${PREFIX}t`, ['bash']);

/** What runs in the node's network namespace. */
const processes: Processes = {
  run: (command, args, options) =>
    realProcesses().run('ip', ['netns', 'exec', NODE, command, ...args], options),
};
const neighbours = new PodNeighbours({
  environment: new VirtualEnvironment(),
  fileSystem: { readText: async (path) => sh(`ip netns exec ${NODE} cat ${path}`) },
  processes,
  bridge: BRIDGE,
});

/** A pod with these addresses; it says nothing, and refuses what it is asked. */
function addPod(name: string): void {
  const pod = `${PREFIX}${name}`;
  sh(`ip netns add ${pod}
    ip -n ${NODE} link add ${name} type veth peer name eth0 netns ${pod}
    ip -n ${NODE} link set ${name} master ${BRIDGE} up
    ip -n ${pod} link set eth0 up`);
  for (const { address, length } of FAMILIES)
    if (hasIpv6 || length === 24)
      sh(`ip -n ${pod} address add ${address}/${length} dev eth0 ${length === 64 ? 'nodad' : ''}`);
}

function removePod(name: string): void {
  sh(`ip -n ${NODE} link delete ${name}; ip netns delete ${PREFIX}${name}`);
}

/** Whether the pod's kernel answers the node: by refusing, for nobody listens. */
function answers(address: string): boolean {
  const connect = `echo > /dev/tcp/${address}/1`;
  const { stderr } = spawnSync(
    'ip',
    ['netns', 'exec', NODE, 'timeout', '2', 'bash', '-c', connect],
    { encoding: 'utf8' },
  );
  return stderr.includes('refused');
}

describe('what the kernel remembers of pods', { skip }, () => {
  before(() => {
    sh(`ip netns add ${NODE}
      ip -n ${NODE} link add ${BRIDGE} address 02:00:00:00:00:01 type bridge
      ip -n ${NODE} link set ${BRIDGE} up
      ip -n ${NODE} link add other type veth peer name rehto
      ip -n ${NODE} link set other master ${BRIDGE} up
      ip -n ${NODE} link set rehto up`);
    for (const { gateway, length } of FAMILIES)
      if (hasIpv6 || length === 24)
        sh(`ip -n ${NODE} address add ${gateway} dev ${BRIDGE} ${length === 64 ? 'nodad' : ''}`);
  });

  after(() => {
    // What a failure left.
    for (const name of ['first', 'second'])
      spawnSync('ip', ['netns', 'delete', `${PREFIX}${name}`], { stdio: 'ignore' });
    sh(`ip netns delete ${NODE}`);
  });

  for (const { family, address } of FAMILIES) {
    const without = family === 'IPv6' && !hasIpv6 ? 'no IPv6 in this kernel' : false;
    it(`is forgotten when an address of ${family} comes to a new pod`, {
      skip: without,
    }, async () => {
      addPod('first');
      assert.ok(answers(address), 'the first pod');
      removePod('first');
      addPod('second');
      assert.ok(!answers(address), 'the kernel still looks for the first pod');
      await neighbours.forget([address, '10.244.0.77']);
      assert.ok(answers(address), 'the second pod');
      removePod('second');
    });
  }
});

describe('the ARP table', () => {
  it('tells the addresses behind one device', () => {
    const table = `IP address       HW type     Flags       HW address            Mask     Device
10.244.0.10      0x1         0x2         fa:98:c3:e7:01:b7     *        coxab
192.0.2.1        0x1         0x2         fa:98:c3:e7:01:b8     *        eth0
`;
    assert.deepEqual([...neighboursIn(table, 'coxab')], ['10.244.0.10']);
    assert.deepEqual([...neighboursIn(table, 'coxac')], []);
  });
});
