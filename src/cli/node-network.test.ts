/** What a node asks of its network namespace, and of a real one what it then has. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Processes } from '#base/doors.ts';
import { realProcesses } from '#edge/processes.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { OWN_NODE_ADDRESSES } from './cluster-config.ts';
import { NodeNetwork, type NodeNetworkOptions, tearDownNetwork } from './node-network.ts';

const NAMESPACE = `coxnn${process.pid}`;
const skip = unlessNetworkNamespaces(NAMESPACE, ['sysctl']);
const HASH = 'abcdef';
const PODS = '10.244.0.0/16,fd00:10:244::/48';
const SERVICES = '10.96.0.0/16,fd00:10:96::/112';

describe('the network of a node', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-network-'));
  const real = realProcesses();
  const inside: Processes = {
    run: (command, args, options) =>
      real.run('ip', ['netns', 'exec', NAMESPACE, command, ...args], options),
  };
  const sysctl = (name: string): string =>
    sh(`ip netns exec ${NAMESPACE} sysctl -n ${name}`).trim();
  const network = (over: Partial<NodeNetworkOptions> = {}): NodeNetwork =>
    new NodeNetwork({
      hash: HASH,
      processes: inside,
      clusterPodCidr: PODS,
      serviceCidr: SERVICES,
      dnsAddress: 'fd00:10:96::a',
      nodeAddresses: ['192.0.2.1', OWN_NODE_ADDRESSES[6]],
      sysfs: folder,
      ...over,
    });

  before(() => {
    sh(`ip netns add ${NAMESPACE}
      ip -n ${NAMESPACE} link set lo up
      ip -n ${NAMESPACE} link add name eth0 type bridge
      ip -n ${NAMESPACE} link set eth0 up
      nsenter --net=/run/netns/${NAMESPACE} mount -t sysfs -o ro sysfs ${folder}`);
  });
  after(() => {
    spawnSync('umount', [folder]);
    spawnSync('ip', ['netns', 'del', NAMESPACE]);
    rmSync(folder, { recursive: true });
  });

  it('has both families, and may be set up again', async () => {
    for (const _ of ['once', 'again']) {
      await network().setUp();
      for (const cidr of ['10.244.3.0/24', 'fd00:10:244:3::/64']) await network().setPodCidr(cidr);
    }
    const addresses = sh(`ip -n ${NAMESPACE} address`);
    assert.match(addresses, /inet6 fd00:10:96::a\/128 scope global/);
    assert.match(addresses, /inet6 fd00:10:245::1\/128 scope global/);
    assert.match(addresses, /inet 10\.244\.3\.1\/24 .*cox/);
    assert.match(addresses, /inet6 fd00:10:244:3::1\/64 scope global/);
    // They are the node's at once.
    assert.equal(sh(`ip -n ${NAMESPACE} -6 address show scope global tentative`), '');
    // The machine has that one itself.
    assert.doesNotMatch(addresses, /192\.0\.2\.1/);
    assert.match(sh(`ip -n ${NAMESPACE} route`), /unreachable 10\.244\.0\.0\/16 metric 4000000/);
    assert.match(sh(`ip -n ${NAMESPACE} route`), /10\.96\.0\.0\/16 dev coxabcdefb/);
    const routes = sh(`ip -n ${NAMESPACE} -6 route`);
    assert.match(routes, /unreachable fd00:10:244::\/48 dev lo metric 4000000/);
    assert.match(routes, /fd00:10:96::\/112 dev coxabcdefb/);
  });

  it('forwards both families, and goes on to believe the routers of the machine', () => {
    assert.equal(sysctl('net.ipv4.ip_forward'), '1');
    assert.equal(sysctl('net.ipv6.conf.all.forwarding'), '1');
    assert.equal(sysctl('net.ipv6.conf.eth0.accept_ra'), '2');
    assert.equal(sysctl('net.ipv6.conf.default.accept_ra'), '1');
  });

  it('leaves a machine alone that is a router already', async () => {
    sh(`ip netns exec ${NAMESPACE} sysctl -qw net.ipv6.conf.eth0.accept_ra=1`);
    await network().setUp();
    assert.equal(sysctl('net.ipv6.conf.eth0.accept_ra'), '1');
  });

  it('asks nothing of IPv6 but to believe no pod where the cluster has none', async () => {
    const asked: string[] = [];
    const processes: Processes = {
      run: (command, args, options) => {
        asked.push([command, ...args].join(' '));
        return inside.run(command, args, options);
      },
    };
    await network({
      processes,
      clusterPodCidr: '10.244.0.0/16',
      serviceCidr: '10.96.0.0/16',
      dnsAddress: '10.96.0.10',
      nodeAddresses: ['10.244.255.254'],
    }).setUp();
    const settings = asked.filter((line) => /ipv6|ip6|fd00/.test(line));
    assert.deepEqual(settings, [
      'sysctl -qw net.ipv6.conf.coxabcdefb.accept_ra=0',
      'sysctl -qw net.ipv6.conf.coxabcdefd.accept_ra=0',
    ]);
    assert.ok(asked.includes('ip address replace 10.244.255.254/32 dev coxabcdefd'));
  });

  it('takes everything away', async () => {
    sh(`ip -n ${NAMESPACE} route add fd00:10:244:9::/64 dev eth0 proto 201
      ip -n ${NAMESPACE} route add 10.244.9.0/24 dev eth0 proto 201`);
    await tearDownNetwork({ hash: HASH, clusterPodCidr: PODS, processes: inside, sysfs: folder });
    for (const show of ['address', 'route', '-6 route'])
      assert.doesNotMatch(sh(`ip -n ${NAMESPACE} ${show}`), /cox|10\.2?44|10\.96|fd00/);
  });
});
