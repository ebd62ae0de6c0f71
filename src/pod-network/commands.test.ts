/** Routes as the kernel takes them: three nodes, each a network namespace on one bridge. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { type CommandOptions, routeCommands, routesOf, tunnelCommands } from './commands.ts';
import { type PodRoute, tunnelEnd } from './routes.ts';

const PREFIX = `coxr${process.pid}`;
const skip = unlessNetworkNamespaces(PREFIX, ['bridge']);
const SWITCH = `${PREFIX}s`;
const NODES = [1, 2, 3].map((nth) => ({
  namespace: `${PREFIX}n${nth}`,
  nodeAddress: `10.9.0.${nth}`,
  cidr: `10.244.${nth}.0/24`,
  pod: `10.244.${nth}.5`,
}));
const DIRECT: CommandOptions = { mode: 'direct', tunnelDevice: 'tunnel' };
const VXLAN: CommandOptions = { mode: 'vxlan', tunnelDevice: 'tunnel' };

function batch(namespace: string, command: 'ip' | 'bridge', input: string): number {
  const args = ['netns', 'exec', namespace, command, '-force', '-batch', '-'];
  return spawnSync('ip', args, { input, encoding: 'utf8' }).status ?? -1;
}

function othersOf(namespace: string): PodRoute[] {
  return NODES.filter((node) => node.namespace !== namespace);
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

/** Whether the pod of the node `from` reaches the one of the node `to`, and is seen by its own address. */
function sees(from: number, to: number): boolean {
  const [source, target] = [NODES[from - 1], NODES[to - 1]];
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
  return routesOf(sh(`ip -n ${namespace} -json -4 route show proto 201`).trim());
}

describe('routes of pods', { skip }, () => {
  before(() => {
    sh(
      `ip netns add ${SWITCH}; ip -n ${SWITCH} link add br0 type bridge; ip -n ${SWITCH} link set br0 up`,
    );
    for (const { namespace, nodeAddress, pod } of NODES) {
      const port = namespace.slice(-2);
      sh(`ip netns add ${namespace}
        ip -n ${SWITCH} link add ${port} type veth peer name eth0 netns ${namespace}
        ip -n ${SWITCH} link set ${port} master br0 up
        ip -n ${namespace} address add ${nodeAddress}/24 dev eth0
        ip -n ${namespace} link set eth0 up
        ip -n ${namespace} link set lo up
        ip -n ${namespace} address add ${pod}/32 dev lo`);
    }
  });
  after(() => {
    for (const name of [SWITCH, ...NODES.map(({ namespace }) => namespace)])
      spawnSync('ip', ['netns', 'del', name]);
  });

  it('are direct between neighbours, follow a node that moves, and go with it', () => {
    for (const { namespace } of NODES) apply(namespace, [[], othersOf(namespace)], DIRECT);
    assert.equal(sees(1, 2), true);
    assert.equal(sees(3, 1), true);
    const [first] = NODES;
    const { namespace } = first ?? { namespace: '' };
    assert.deepEqual(
      routes(namespace),
      othersOf(namespace).map(({ cidr, nodeAddress }) => ({ cidr, nodeAddress })),
    );
    const moved = othersOf(namespace).map(({ cidr }) => ({ cidr, nodeAddress: '10.9.0.77' }));
    apply(namespace, [routes(namespace), moved], DIRECT);
    assert.deepEqual(routes(namespace), moved);
    apply(namespace, [moved, moved.slice(1)], DIRECT);
    assert.deepEqual(routes(namespace), moved.slice(1));
    for (const node of NODES) apply(node.namespace, [routes(node.namespace), []], DIRECT);
    assert.equal(sees(1, 2), false);
  });

  it('leave the others alone where one cannot be made', () => {
    const { namespace = '' } = NODES[0] ?? {};
    const stranger = { cidr: '10.244.0.0/24', nodeAddress: '198.51.100.1' };
    const { ip } = routeCommands([], [stranger, ...othersOf(namespace)], DIRECT);
    assert.notEqual(batch(namespace, 'ip', ip), 0);
    assert.equal(routes(namespace).length, 2);
    apply(namespace, [routes(namespace), []], DIRECT);
  });

  it('go through a tunnel, which is set up once and again', () => {
    for (const { namespace, nodeAddress, cidr } of NODES) {
      for (const isThere of [false, true]) {
        const tunnel = { device: 'tunnel', nodeAddress, mtu: 1450, isThere };
        assert.equal(batch(namespace, 'ip', tunnelCommands(tunnelEnd(cidr), tunnel)), 0);
      }
      apply(namespace, [[], othersOf(namespace)], VXLAN);
      const { address } = tunnelEnd(cidr);
      assert.match(
        sh(`ip -n ${namespace} -4 address show dev tunnel`),
        new RegExp(`${address}/32`),
      );
    }
    assert.equal(sees(1, 2), true);
    assert.equal(sees(2, 3), true);
    const [, , third] = NODES;
    const { namespace = '' } = NODES[0] ?? {};
    assert.match(sh(`ip -n ${namespace} route get ${third?.pod}`), /dev tunnel/);
    apply(namespace, [othersOf(namespace), othersOf(namespace).slice(0, 1)], VXLAN);
    assert.equal(sees(1, 3), false);
    assert.equal(sees(1, 2), true);
    for (const show of ['neigh show dev tunnel', 'route show proto 201'])
      assert.doesNotMatch(sh(`ip -n ${namespace} ${show}`), /10\.244\.3\./);
    assert.doesNotMatch(
      sh(`ip netns exec ${namespace} bridge fdb show dev tunnel`),
      /02:78:0a:f4:03:00/,
    );
  });
});
