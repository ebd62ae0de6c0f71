/**
 * The ruleset in a real kernel: a node and four pods, each a network namespace, and connections
 * between them. Needs root, Linux, ip, nft and conntrack; skipped with the reason where they lack.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { Pod, Service, ServicePort } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { Elements } from '#base/nftables/elements.ts';
import { forgottenClients, keptClients } from './affinity.ts';
import { conntrackDeletions } from './conntrack.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { planHostPorts, planService } from './plan.ts';

const PREFIX = `coxp${process.pid}`;
const NODE = `${PREFIX}n`;
/** pod1 … pod3 serve, pod0 asks; `outside` stands for a machine on the node's network. */
const PODS = [0, 1, 2, 3].map((index) => ({
  name: `${PREFIX}p${index}`,
  address: `10.244.0.${10 + index}`,
}));
const OUTSIDE = `${PREFIX}o`;
const TABLE: TableOptions = {
  table: 'coxswain-test',
  podRange: '10.244.0.0/16',
  serviceRange: '10.96.0.0/12',
  podInterface: 'br0',
  masqueradeAll: false,
};

/** Answers each connection (or datagram) with the pod's address and the peer's. */
const SERVER = `
const me = process.argv[1];
require('node:net').createServer((s) => s.end(me + ' ' + s.remoteAddress)).listen(8080, '0.0.0.0', () => {
  const u = require('node:dgram').createSocket('udp4');
  u.on('message', (m, r) => u.send(me + ' ' + r.address, r.port, r.address));
  u.bind(8080, () => console.log('up'));
});`;
/** argv: protocol, address, port, count. Prints one answer, or error code, a line. */
const CLIENT = `
const [protocol, host, port, count] = process.argv.slice(1);
const tcp = () => new Promise((done) => {
  const s = require('node:net').connect({ host, port: Number(port), timeout: 1000 });
  let text = '';
  s.on('data', (d) => text += d).on('end', () => done(text)).on('error', (e) => done(e.code));
  s.on('timeout', () => { s.destroy(); done('timeout'); });
});
const u = protocol === 'udp' ? require('node:dgram').createSocket('udp4') : undefined;
const udp = () => new Promise((done) => {
  const timer = setTimeout(() => done('timeout'), 500);
  u.once('message', (m) => { clearTimeout(timer); done(String(m)); });
  u.send('x', Number(port), host);
});
(async () => { for (let i = 0; i < Number(count); i++) console.log(await (u ? udp() : tcp())); process.exit(0); })();`;

function inside(namespace: string, command: string, input?: string): string {
  const result = spawnSync('ip', ['netns', 'exec', namespace, ...command.split(' ')], {
    encoding: 'utf8',
    input,
  });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}

const skip = unlessNetworkNamespaces(PREFIX, ['nft', 'conntrack']);

const servers: ChildProcess[] = [];

async function build(): Promise<void> {
  sh(`ip netns add ${NODE}
      ip -n ${NODE} link set lo up
      ip -n ${NODE} link add br0 type bridge
      ip -n ${NODE} addr add 10.244.0.1/24 dev br0
      ip -n ${NODE} link set br0 up
      ip -n ${NODE} route add 10.96.0.0/12 dev br0
      ip netns exec ${NODE} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.br0.route_localnet=1
      ip netns add ${OUTSIDE}
      ip -n ${OUTSIDE} link add eth0 type veth peer name uplink netns ${NODE}
      ip -n ${OUTSIDE} addr add 192.0.2.9/24 dev eth0
      ip -n ${OUTSIDE} link set eth0 up
      ip -n ${OUTSIDE} route add 198.51.100.0/24 via 192.0.2.2
      ip -n ${NODE} addr add 192.0.2.2/24 dev uplink
      ip -n ${NODE} link set uplink up
      ip -n ${NODE} route add 198.51.100.0/24 via 192.0.2.9`);
  for (const [index, pod] of PODS.entries()) {
    sh(`ip netns add ${pod.name}
        ip -n ${pod.name} link add eth0 type veth peer name v${index} netns ${NODE}
        ip -n ${NODE} link set v${index} master br0 up
        ip -n ${NODE} link set v${index} type bridge_slave hairpin on
        ip -n ${pod.name} link set lo up
        ip -n ${pod.name} addr add ${pod.address}/24 dev eth0
        ip -n ${pod.name} link set eth0 up
        ip -n ${pod.name} route add default via 10.244.0.1`);
    const server = spawn(
      'ip',
      ['netns', 'exec', pod.name, process.execPath, '-e', SERVER, pod.address],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    servers.push(server);
    await new Promise((resolve) => server.stdout.once('data', resolve));
  }
}

function destroy(): void {
  for (const server of servers) server.kill('SIGKILL');
  for (const name of [NODE, OUTSIDE, ...PODS.map((pod) => pod.name)])
    spawnSync('ip', ['netns', 'del', name]);
}

/** What a proxy does, without its watches: plan, write, forget. */
class Node {
  readonly #elements = new Elements();
  #chains: Set<string> | undefined;

  set(
    name: string,
    spec: Partial<NonNullable<Service['spec']>>,
    endpoints: string[],
    ingress: string[] = [],
  ): void {
    const port: ServicePort = { port: 80, protocol: 'TCP' };
    const service: Service = {
      spec: { type: 'ClusterIP', ports: [port], ...spec },
      status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
    };
    const ports = (spec.ports ?? [port]).map(({ name: portName = '', protocol = 'TCP' }) => ({
      name: portName,
      protocol,
      port: 8080,
    }));
    const slice: EndpointSlice = {
      addressType: 'IPv4',
      ports,
      endpoints: endpoints.map((address) => ({
        addresses: [address],
        nodeName: address.startsWith('10.244.0.') ? 'n1' : 'n2',
      })),
    };
    this.#elements.replace(
      name,
      planService(service, [slice], { name: 'n1', zone: '', ownAddresses: [] }),
    );
    this.write();
  }

  pod(name: string, spec: NonNullable<Pod['spec']>, podIP: string): void {
    this.#elements.replace(name, planHostPorts({ spec, status: { podIP, phase: 'Running' } }));
    this.write();
  }

  /** As after a failure. */
  rewrite(): void {
    this.#chains = undefined;
    this.write();
  }

  write(): void {
    const changes = this.#elements.takeChanges();
    const delta = this.#chains && deltaScript(TABLE, changes, this.#chains);
    if (delta === undefined) {
      const kept =
        this.#chains &&
        keptClients(inside(NODE, `nft -j list map ip ${TABLE.table} affinity`), this.#elements);
      const { script, chains } = fullScript(TABLE, this.#elements, kept);
      inside(NODE, 'nft -f -', script);
      this.#chains = chains;
      return;
    }
    inside(NODE, 'nft -f -', delta);
    const listing = inside(NODE, `nft -j list map ip ${TABLE.table} affinity`);
    for (const key of forgottenClients(listing, this.#elements)) {
      inside(NODE, 'nft -f -', `delete element ip ${TABLE.table} affinity { ${key} }\n`);
    }
    for (const args of conntrackDeletions(changes))
      spawnSync('ip', ['netns', 'exec', NODE, 'conntrack', ...args]);
  }
}

function ask(
  from: string,
  place: string,
  options: { count?: number; protocol?: string } = {},
): string[] {
  const [address = '', port = ''] = place.split(':');
  const args = [options.protocol ?? 'tcp', address, port, String(options.count ?? 1)];
  const result = spawnSync('ip', ['netns', 'exec', from, process.execPath, '-e', CLIENT, ...args], {
    encoding: 'utf8',
  });
  return result.stdout.trim().split('\n');
}

const [asker, one, two, three] = PODS.map((pod) => pod.address) as [string, string, string, string];
const POD0 = PODS[0]?.name ?? '';
const POD1 = PODS[1]?.name ?? '';

describe('the ruleset in the kernel', { skip }, () => {
  const node = new Node();
  before(async () => {
    await build();
    node.write();
  });
  after(destroy);

  it('spreads the connections of a pod over all endpoints, and shows them its address', () => {
    node.set('web', { clusterIP: '10.96.0.20' }, [one, two, three]);
    const answers = ask(POD0, '10.96.0.20:80', { count: 90 });
    assert.deepEqual(
      new Set(answers),
      new Set([`${one} ${asker}`, `${two} ${asker}`, `${three} ${asker}`]),
    );
    for (const address of [one, two, three]) {
      const share = answers.filter((answer) => answer.startsWith(address)).length;
      assert.ok(share > 12, `${address} got ${share} of 90`);
    }
  });

  it('serves the node itself, and a pod that reaches itself', () => {
    node.set('web', { clusterIP: '10.96.0.20' }, [one]);
    assert.deepEqual(ask(NODE, '10.96.0.20:80'), [`${one} 10.244.0.1`]);
    assert.deepEqual(ask(POD1, '10.96.0.20:80'), [`${one} 10.244.0.1`]);
  });

  it('refuses at once what has no endpoint, and what is no Service', () => {
    node.set('empty', { clusterIP: '10.96.0.21' }, []);
    for (const from of [POD0, NODE]) {
      assert.deepEqual(ask(from, '10.96.0.21:80'), ['ECONNREFUSED'], from);
      assert.deepEqual(ask(from, '10.96.0.99:80'), ['ECONNREFUSED'], from);
    }
  });

  it('serves again when an endpoint comes back, and no longer when the Service goes', () => {
    node.set('empty', { clusterIP: '10.96.0.21' }, [two]);
    assert.deepEqual(ask(POD0, '10.96.0.21:80'), [`${two} ${asker}`]);
    node.set('empty', { type: 'ExternalName' }, []);
    assert.deepEqual(ask(POD0, '10.96.0.21:80'), ['ECONNREFUSED']);
  });

  const nodePort = {
    clusterIP: '10.96.0.22',
    type: 'NodePort' as const,
    ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' as const }],
  };

  it('serves a node port to the outside, to pods and to 127.0.0.1', () => {
    node.set('np', nodePort, [one, two]);
    const answers = ask(OUTSIDE, '192.0.2.2:30080', { count: 30 });
    assert.deepEqual(new Set(answers), new Set([`${one} 10.244.0.1`, `${two} 10.244.0.1`]));
    for (const [from, place] of [
      [POD0, '192.0.2.2:30080'],
      [NODE, '192.0.2.2:30080'],
      [NODE, '127.0.0.1:30080'],
    ] as const) {
      assert.match(
        ask(from, place)[0] ?? '',
        /^10\.244\.0\.1[12] 10\.244\.0\.1$/,
        `${from} ${place}`,
      );
    }
  });

  it('keeps the source of outside traffic, on this node, with externalTrafficPolicy Local', () => {
    node.set('np', { ...nodePort, externalTrafficPolicy: 'Local' }, [one, '10.244.9.9']);
    assert.deepEqual(
      new Set(ask(OUTSIDE, '192.0.2.2:30080', { count: 10 })),
      new Set([`${one} 192.0.2.9`]),
    );
  });

  it('drops outside traffic that must stay here when there is nobody here', () => {
    node.set('np', { ...nodePort, externalTrafficPolicy: 'Local' }, ['10.244.9.9']);
    assert.deepEqual(ask(OUTSIDE, '192.0.2.2:30080'), ['timeout']);
    node.set('np', nodePort, []);
    assert.deepEqual(ask(OUTSIDE, '192.0.2.2:30080'), ['ECONNREFUSED']);
  });

  it('serves external addresses', () => {
    node.set('ext', { clusterIP: '10.96.0.23', externalIPs: ['198.51.100.7'] }, [three]);
    assert.deepEqual(ask(OUTSIDE, '198.51.100.7:80'), [`${three} 10.244.0.1`]);
  });

  it('lets only the sources of the Service reach the address of its load balancer', () => {
    const spec = { clusterIP: '10.96.0.26', type: 'LoadBalancer' as const };
    const allow = (...loadBalancerSourceRanges: string[]): void =>
      node.set('lb', { ...spec, loadBalancerSourceRanges }, [three], ['198.51.100.8']);
    const served = [`${three} 10.244.0.1`];
    allow();
    assert.deepEqual(ask(OUTSIDE, '198.51.100.8:80'), served);
    allow('203.0.113.0/24', '203.0.113.64/26');
    assert.deepEqual(ask(OUTSIDE, '198.51.100.8:80'), ['timeout']);
    assert.deepEqual(ask(POD0, '198.51.100.8:80'), ['timeout']);
    assert.deepEqual(ask(POD0, '10.96.0.26:80'), [`${three} ${asker}`]);
    allow('203.0.113.0/24', '192.0.2.9/32');
    assert.deepEqual(ask(OUTSIDE, '198.51.100.8:80'), served);
    assert.deepEqual(ask(NODE, '198.51.100.8:80'), ['timeout']);
    allow('192.0.2.0/24');
    assert.deepEqual(ask(NODE, '198.51.100.8:80'), served);
    assert.deepEqual(ask(POD0, '198.51.100.8:80'), ['timeout']);
    node.rewrite();
    assert.deepEqual(ask(OUTSIDE, '198.51.100.8:80'), served);
    assert.deepEqual(ask(POD0, '198.51.100.8:80'), ['timeout']);
    node.set('lb', { type: 'ExternalName' }, []);
  });

  it('serves the host ports of pods to the outside and to 127.0.0.1', () => {
    node.pod(
      'hp',
      { containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 9080 }] }] },
      two,
    );
    assert.deepEqual(ask(OUTSIDE, '192.0.2.2:9080'), [`${two} 192.0.2.9`]);
    assert.deepEqual(ask(NODE, '127.0.0.1:9080'), [`${two} 10.244.0.1`]);
    assert.deepEqual(
      ask(PODS[2]?.name ?? '', '192.0.2.2:9080'),
      [`${two} 10.244.0.1`],
      'the pod itself',
    );
  });

  it('lets a client stick to its endpoint until that one goes', () => {
    const sticky = { clusterIP: '10.96.0.24', sessionAffinity: 'ClientIP' as const };
    node.set('sticky', sticky, [one, two, three]);
    const answers = new Set(ask(POD0, '10.96.0.24:80', { count: 20 }));
    assert.equal(answers.size, 1);
    const chosen = [...answers][0]?.split(' ')[0] ?? '';
    const others = [one, two, three].filter((address) => address !== chosen);
    node.set('sticky', sticky, others);
    const [next = ''] = ask(POD0, '10.96.0.24:80');
    assert.ok(others.includes(next.split(' ')[0] ?? ''), next);
    node.set('sticky', sticky, [one, two, three]);
    assert.deepEqual(new Set(ask(POD0, '10.96.0.24:80', { count: 20 })), new Set([next]));
  });

  it('forgets a client after the seconds of the Service', () => {
    const config = { clientIP: { timeoutSeconds: 1 } };
    node.set(
      'sticky',
      { clusterIP: '10.96.0.24', sessionAffinity: 'ClientIP', sessionAffinityConfig: config },
      [one, two, three],
    );
    spawnSync('ip', ['netns', 'exec', NODE, 'nft', 'flush', 'map', 'ip', TABLE.table, 'affinity']);
    ask(POD0, '10.96.0.24:80');
    const listing = inside(NODE, `nft list map ip ${TABLE.table} affinity`);
    assert.match(listing, /10\.96\.0\.24 \. tcp \. 80 timeout 1s/);
  });

  it('turns a UDP client to the endpoint that is left', () => {
    const udp = { clusterIP: '10.96.0.25', ports: [{ port: 53, protocol: 'UDP' as const }] };
    node.set('udp', udp, [one]);
    assert.deepEqual(ask(POD0, '10.96.0.25:53', { protocol: 'udp' }), [`${one} ${asker}`]);
    const flows = (): string => inside(NODE, 'conntrack -L -p udp');
    assert.match(flows(), /dst=10\.96\.0\.25/);
    node.set('udp', udp, [two]);
    assert.doesNotMatch(flows(), /dst=10\.96\.0\.25/);
    assert.deepEqual(ask(POD0, '10.96.0.25:53', { protocol: 'udp' }), [`${two} ${asker}`]);
  });

  it('keeps pods out of what listens on the 127.0.0.1 of the node', async () => {
    const listener = `require('node:net').createServer((s) => s.end('secret')).listen(9999, '127.0.0.1', () => console.log('up'))`;
    const server = spawn('ip', ['netns', 'exec', NODE, process.execPath, '-e', listener], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    servers.push(server);
    await new Promise((resolve) => server.stdout.once('data', resolve));
    sh(`ip -n ${POD0} addr del 127.0.0.1/8 dev lo
        ip netns exec ${POD0} sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.eth0.route_localnet=1
        ip -n ${POD0} route add 127.0.0.1/32 via 10.244.0.1`);
    assert.deepEqual(ask(NODE, '127.0.0.1:9999'), ['secret']);
    assert.deepEqual(ask(POD0, '127.0.0.1:9999'), ['timeout']);
  });

  it('loads 10,000 Services in seconds and removes its table alone', () => {
    const elements = new Elements();
    for (let index = 0; index < 10_000; index++) {
      const clusterIP = `10.97.${index >> 8}.${index & 255}`;
      const slice: EndpointSlice = {
        addressType: 'IPv4',
        ports: [{ name: '', port: 8080, protocol: 'TCP' }],
        endpoints: [one, two, three].map((address) => ({ addresses: [address], nodeName: 'n1' })),
      };
      const service: Service = { spec: { clusterIP, ports: [{ port: 80, protocol: 'TCP' }] } };
      elements.replace(
        String(index),
        planService(service, [slice], { name: 'n1', zone: '', ownAddresses: [] }),
      );
    }
    const startedMs = performance.now();
    inside(NODE, 'nft -f -', fullScript(TABLE, elements).script);
    const loadMs = performance.now() - startedMs;
    assert.ok(loadMs < 5_000, `took ${loadMs} ms`);
    assert.deepEqual(ask(POD0, '10.97.39.15:80', { count: 1 })[0]?.split(' ')[1], asker);
    inside(NODE, 'nft add table ip stranger');
    inside(NODE, 'nft -f -', removalScript('ip', TABLE.table));
    assert.equal(inside(NODE, 'nft list tables').trim(), 'table ip stranger');
  });
});
