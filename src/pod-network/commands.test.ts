/** Routes as the kernel takes them: three nodes, each a network namespace on one bridge. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { type CommandOptions, routeCommands, routesOf, tunnelCommands } from './commands.ts';
import { hardwareAddress, type PodRoute, tunnelAddress } from './routes.ts';

const PREFIX = `coxr${process.pid}`;
const skip = unlessNetworkNamespaces(PREFIX, ['bridge']);
const SWITCH = `${PREFIX}s`;
const NODES = [1, 2, 3].map((nth) => ({
  namespace: `${PREFIX}n${nth}`,
  nodeAddresses: [`10.9.0.${nth}`, `fd00:9::${nth}`] as const,
  cidrs: [`10.244.${nth}.0/24`, `fd00:244:0:${nth}::/64`] as const,
  pods: [`10.244.${nth}.5`, `fd00:244:0:${nth}::5`],
}));
const DIRECT: CommandOptions = { mode: 'direct', tunnelDevice: 'tunnel' };
const VXLAN: CommandOptions = { mode: 'vxlan', tunnelDevice: 'tunnel' };

function batch(namespace: string, command: 'ip' | 'bridge', input: string): number {
  const args = ['netns', 'exec', namespace, command, '-force', '-batch', '-'];
  return spawnSync('ip', args, { input, encoding: 'utf8' }).status ?? -1;
}

function othersOf(namespace: string): PodRoute[] {
  return NODES.filter((node) => node.namespace !== namespace).flatMap(({ nodeAddresses, cidrs }) =>
    cidrs.map((cidr, at) => ({
      cidr,
      nodeAddress: nodeAddresses[at] ?? '',
      hardwareAddress: hardwareAddress(cidrs[0]),
    })),
  );
}

/** Both batches succeed. */
function apply(
  namespace: string,
  [old, wanted]: readonly [old: readonly PodRoute[], wanted: readonly PodRoute[]],
  options: CommandOptions,
): void {
  const { ip, bridge } = routeCommands(old, wanted, options);
  assert.equal(batch(namespace, 'bridge', bridge), 0, bridge);
  assert.equal(batch(namespace, 'ip', ip), 0, ip);
}

/** By which families the pod of the node `from` reaches the one of the node `to`, and is seen by its own address. */
function sees(from: number, to: number): string {
  return [0, 1].map((at) => (reaches(from, to, at) ? ['IPv4', 'IPv6'][at] : 'none')).join();
}

function reaches(from: number, to: number, at: number): boolean {
  const [source, target] = [from, to].map((nth) => {
    const { namespace, pods } = NODES[nth - 1] ?? { namespace: '', pods: [] };
    return { namespace, pod: pods[at] };
  });
  const listen = `require('node:net').createServer((s) => { console.log(s.remoteAddress); process.exit(); })
    .listen(8080, '${target?.pod}', () => console.log('up')); setTimeout(() => process.exit(1), 3000)`;
  const connect = `require('node:net').connect({ host: '${target?.pod}', port: 8080, localAddress: '${source?.pod}', timeout: 800 })
    .on('timeout', () => process.exit(1)).on('error', () => process.exit(1)).on('close', () => process.exit())`;
  const script = `
    ip netns exec ${target?.namespace} ${process.execPath} -e "${listen}" > "$0" & server=$!
    until grep -q up "$0"; do sleep 0.02; done
    ip netns exec ${source?.namespace} ${process.execPath} -e "${connect}" || true
    kill $server 2> /dev/null || true; wait $server || true; cat "$0"; rm "$0"`;
  const file = sh('mktemp').trim();
  const { stdout } = spawnSync('sh', ['-c', script, file], { encoding: 'utf8' });
  return stdout.split('\n')[1] === source?.pod;
}

function routes(namespace: string): PodRoute[] {
  return ['-4', '-6'].flatMap((family) =>
    routesOf(sh(`ip -n ${namespace} -json ${family} route show proto 201`).trim()),
  );
}

/** In the order of ranges, as the kernel shows them. */
function shown(wanted: readonly PodRoute[]): PodRoute[] {
  const of = (isIpv6: boolean): PodRoute[] =>
    wanted
      .filter(({ cidr }) => cidr.includes(':') === isIpv6)
      .map(({ cidr, nodeAddress }) => ({ cidr, nodeAddress }));
  return [...of(false), ...of(true)];
}

const BOTH = 'IPv4,IPv6';
const NEITHER = 'none,none';

describe('routes of pods', { skip }, () => {
  before(() => {
    // A node speaks at once, not when nobody has claimed its link-local address for a second.
    const noDad = 'sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0';
    sh(
      `ip netns add ${SWITCH}; ip -n ${SWITCH} link add br0 type bridge; ip -n ${SWITCH} link set br0 up`,
    );
    for (const { namespace, nodeAddresses, pods } of NODES) {
      const port = namespace.slice(-2);
      sh(`ip netns add ${namespace}
        ip netns exec ${namespace} ${noDad}
        ip -n ${SWITCH} link add ${port} type veth peer name eth0 netns ${namespace}
        ip -n ${SWITCH} link set ${port} master br0 up
        ip -n ${namespace} address add ${nodeAddresses[0]}/24 dev eth0
        ip -n ${namespace} address add ${nodeAddresses[1]}/64 dev eth0 nodad
        ip -n ${namespace} link set eth0 up
        ip -n ${namespace} link set lo up
        ip -n ${namespace} address add ${pods[0]}/32 dev lo
        ip -n ${namespace} address add ${pods[1]}/128 dev lo nodad`);
    }
  });
  after(() => {
    for (const name of [SWITCH, ...NODES.map(({ namespace }) => namespace)])
      spawnSync('ip', ['netns', 'del', name]);
  });

  it('are direct between neighbours, follow a node that moves, and go with it', () => {
    for (const { namespace } of NODES) apply(namespace, [[], othersOf(namespace)], DIRECT);
    assert.equal(sees(1, 2), BOTH);
    assert.equal(sees(3, 1), BOTH);
    const [first] = NODES;
    const { namespace } = first ?? { namespace: '' };
    assert.deepEqual(routes(namespace), shown(othersOf(namespace)));
    const moved = othersOf(namespace).map(({ cidr }) => ({
      cidr,
      nodeAddress: cidr.includes(':') ? 'fd00:9::77' : '10.9.0.77',
    }));
    apply(namespace, [routes(namespace), moved], DIRECT);
    assert.deepEqual(routes(namespace), shown(moved));
    apply(namespace, [moved, moved.slice(2)], DIRECT);
    assert.deepEqual(routes(namespace), shown(moved.slice(2)));
    for (const node of NODES) apply(node.namespace, [routes(node.namespace), []], DIRECT);
    assert.equal(sees(1, 2), NEITHER);
  });

  it('leave the others alone where one cannot be made', () => {
    const { namespace = '' } = NODES[0] ?? {};
    const stranger = { cidr: '10.244.0.0/24', nodeAddress: '198.51.100.1' };
    const { ip } = routeCommands([], [stranger, ...othersOf(namespace)], DIRECT);
    assert.notEqual(batch(namespace, 'ip', ip), 0);
    assert.equal(routes(namespace).length, 4);
    apply(namespace, [routes(namespace), []], DIRECT);
  });

  it('go through a tunnel, which is set up once and again, in place of direct ones', () => {
    for (const { namespace } of NODES) apply(namespace, [[], othersOf(namespace)], DIRECT);
    for (const { namespace, nodeAddresses, cidrs } of NODES) {
      for (const isThere of [false, true]) {
        const tunnel = { device: 'tunnel', nodeAddress: nodeAddresses[0], mtu: 1450, isThere };
        assert.equal(batch(namespace, 'ip', tunnelCommands([...cidrs], tunnel)), 0);
      }
      apply(namespace, [routes(namespace), othersOf(namespace)], VXLAN);
      apply(namespace, [routes(namespace), othersOf(namespace)], VXLAN);
      apply(namespace, [othersOf(namespace), othersOf(namespace)], VXLAN);
      const has = sh(`ip -n ${namespace} address show dev tunnel`);
      assert.match(has, new RegExp(`${tunnelAddress(cidrs[0])}/32`));
      assert.match(has, new RegExp(`${tunnelAddress(cidrs[1])}/128`));
    }
    assert.equal(sees(1, 2), BOTH);
    assert.equal(sees(2, 3), BOTH);
    const [, , third] = NODES;
    const { namespace = '' } = NODES[0] ?? {};
    for (const pod of third?.pods ?? [])
      assert.match(sh(`ip -n ${namespace} route get ${pod}`), /dev tunnel/);
    apply(namespace, [othersOf(namespace), othersOf(namespace).slice(0, 2)], VXLAN);
    assert.equal(sees(1, 3), NEITHER);
    assert.equal(sees(1, 2), BOTH);
    for (const show of [
      'neigh show dev tunnel',
      '-4 route show proto 201',
      '-6 route show proto 201',
    ])
      assert.doesNotMatch(sh(`ip -n ${namespace} ${show}`), /10\.244\.3\.|fd00:244:0:3:/);
    assert.doesNotMatch(
      sh(`ip netns exec ${namespace} bridge fdb show dev tunnel`),
      /02:78:0a:f4:03:00/,
    );
  });
});
