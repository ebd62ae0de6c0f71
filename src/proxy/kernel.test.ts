/**
 * The ruleset in a real kernel, for each family of IP: a node and four pods, each a network namespace, and connections
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
import { NAMES } from './ip-family.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { offEven } from '#kit/spread.ts';
import { planHostPorts, planService } from './plan.ts';

const PREFIX = `coxp${process.pid}`;
const NODE = `${PREFIX}n`;
/** pod1 … pod3 serve, pod0 asks; `outside` stands for a machine on the node's network. */
const POD_NAMES = [0, 1, 2, 3].map((index) => `${PREFIX}p${index}`);
const OUTSIDE = `${PREFIX}o`;

/** The same network, by the addresses of one family. */
interface Addresses {
  readonly table: TableOptions;
  readonly any: string;
  readonly loopback: string;
  readonly podPrefix: number;
  readonly bridge: string;
  /** Of the node on the network outside, and of a machine there. */
  readonly node: string;
  readonly outside: string;
  readonly outsidePrefix: number;
  /** Led to the node by the machine outside. */
  readonly externalRange: string;
  /** A pod on another node. */
  readonly elsewhere: string;
  /** Who may come, in a list of sources: the machine outside, its network, and others. */
  readonly sources: {
    readonly outside: string;
    readonly network: string;
    readonly others: string[];
  };
  readonly pod: (index: number) => string;
  readonly service: (index: number) => string;
  readonly external: (index: number) => string;
}

const IPV4: Addresses = {
  table: {
    family: 'ip',
    table: 'coxswain-test',
    local: { kind: 'range', cidr: '10.244.0.0/16' },
    pods: { range: '10.244.0.0/16', interface: 'br0' },
    refusedRanges: ['10.96.0.0/12', '198.51.100.128/25'],
    nodePortAddresses: undefined,
    masqueradeAll: false,
  },
  any: '0.0.0.0',
  loopback: '127.0.0.1',
  podPrefix: 24,
  bridge: '10.244.0.1',
  node: '192.0.2.2',
  outside: '192.0.2.9',
  outsidePrefix: 24,
  externalRange: '198.51.100.0/24',
  elsewhere: '10.244.9.9',
  sources: {
    outside: '192.0.2.9/32',
    network: '192.0.2.0/24',
    others: ['203.0.113.0/24', '203.0.113.64/26'],
  },
  pod: (index) => `10.244.0.${10 + index}`,
  service: (index) => `10.96.${index >> 8}.${index & 255}`,
  external: (index) => `198.51.100.${index}`,
};

const IPV6: Addresses = {
  table: {
    ...IPV4.table,
    family: 'ip6',
    local: { kind: 'range', cidr: 'fd00:244::/48' },
    pods: { range: 'fd00:244::/48', interface: 'br0' },
    refusedRanges: ['fd00:96::/108', 'fd00:51::8000/113'],
  },
  any: '::',
  loopback: '::1',
  podPrefix: 64,
  bridge: 'fd00:244::1',
  node: 'fd00:2::2',
  outside: 'fd00:2::9',
  outsidePrefix: 64,
  externalRange: 'fd00:51::/64',
  elsewhere: 'fd00:244:0:9::9',
  sources: {
    outside: 'fd00:2::9/128',
    network: 'fd00:2::/64',
    others: ['2001:db8::/32', '2001:db8:1::/48'],
  },
  pod: (index) => `fd00:244::${(16 + index).toString(16)}`,
  service: (index) => `fd00:96::${index.toString(16)}`,
  external: (index) => `fd00:51::${index.toString(16)}`,
};

/** Answers each connection (or datagram) with the pod's address and the peer's. */
const SERVER = `
const [me, any] = process.argv.slice(1);
require('node:net').createServer((s) => s.end(me + ' ' + s.remoteAddress)).listen(8080, any, () => {
  const u = require('node:dgram').createSocket(any === '::' ? 'udp6' : 'udp4');
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
const u = protocol === 'udp' ? require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4') : undefined;
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

/** Why the rows of a family cannot run here; false: they can. */
function skipOf(addresses: Addresses): string | false {
  if (skip !== false || addresses === IPV4) return skip;
  const { status } = spawnSync('unshare', [
    '-n',
    'ip',
    '-6',
    'addr',
    'add',
    '::2/128',
    'dev',
    'lo',
  ]);
  return status === 0 ? false : 'the kernel has no IPv6';
}

async function build(to: Addresses): Promise<void> {
  // An address may be spoken of at once, not when nobody has claimed it for a second.
  const noDad = 'sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0';
  const [serviceRange = ''] = to.table.refusedRanges;
  sh(`ip netns add ${NODE}
      ip netns exec ${NODE} ${noDad}
      ip -n ${NODE} link set lo up
      ip -n ${NODE} link add br0 type bridge mcast_snooping 0
      ip -n ${NODE} addr add ${to.bridge}/${to.podPrefix} dev br0
      ip -n ${NODE} link set br0 up
      ip -n ${NODE} route add ${serviceRange} dev br0
      ip netns exec ${NODE} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.br0.route_localnet=1
      ip netns exec ${NODE} sysctl -qw net.ipv6.conf.all.forwarding=1
      ip netns add ${OUTSIDE}
      ip netns exec ${OUTSIDE} ${noDad}
      ip -n ${OUTSIDE} link add eth0 type veth peer name uplink netns ${NODE}
      ip -n ${OUTSIDE} addr add ${to.outside}/${to.outsidePrefix} dev eth0
      ip -n ${OUTSIDE} link set eth0 up
      ip -n ${OUTSIDE} route add ${to.externalRange} via ${to.node}
      ip -n ${NODE} addr add ${to.node}/${to.outsidePrefix} dev uplink
      ip -n ${NODE} link set uplink up
      ip -n ${NODE} route add ${to.externalRange} via ${to.outside}`);
  for (const [index, name] of POD_NAMES.entries()) {
    sh(`ip netns add ${name}
        ip netns exec ${name} ${noDad}
        ip -n ${name} link add eth0 type veth peer name v${index} netns ${NODE}
        ip -n ${NODE} link set v${index} master br0 up
        ip -n ${NODE} link set v${index} type bridge_slave hairpin on
        ip -n ${name} link set lo up
        ip -n ${name} addr add ${to.pod(index)}/${to.podPrefix} dev eth0
        ip -n ${name} link set eth0 up
        ip -n ${name} route add default via ${to.bridge}`);
    const args = [process.execPath, '-e', SERVER, to.pod(index), to.any];
    const server = spawn('ip', ['netns', 'exec', name, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    servers.push(server);
    await new Promise((resolve) => server.stdout.once('data', resolve));
  }
}

function destroy(): void {
  for (const server of servers.splice(0)) server.kill('SIGKILL');
  for (const name of [NODE, OUTSIDE, ...POD_NAMES]) spawnSync('ip', ['netns', 'del', name]);
}

/** What a proxy does, without its watches: plan, write, forget. */
class Node {
  readonly #elements = new Elements();
  readonly #to: Addresses;
  #table: TableOptions;
  #chains: Set<string> | undefined;

  constructor(to: Addresses) {
    this.#to = to;
    this.#table = to.table;
  }

  /** The same elements, and a table that is made otherwise. */
  become(table: Partial<TableOptions>): void {
    this.#table = { ...this.#to.table, ...table };
    this.rewrite();
  }

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
      addressType: NAMES[this.#table.family].slices,
      ports,
      endpoints: endpoints.map((address) => ({
        addresses: [address],
        nodeName: address === this.#to.elsewhere ? 'n2' : 'n1',
      })),
    };
    this.#elements.replace(
      name,
      planService(service, [slice], { ...PLAN, family: this.#table.family }),
    );
    this.write();
  }

  pod(name: string, spec: NonNullable<Pod['spec']>, podIP: string): void {
    const pod: Pod = { spec, status: { podIP, phase: 'Running' } };
    this.#elements.replace(name, planHostPorts(pod, this.#table.family));
    this.write();
  }

  /** As after a failure. */
  rewrite(): void {
    this.#chains = undefined;
    this.write();
  }

  write(): void {
    const changes = this.#elements.takeChanges();
    const { family, table } = this.#table;
    const affinity = `${family} ${table} affinity`;
    const delta = this.#chains && deltaScript(this.#table, changes, this.#chains);
    if (delta === undefined) {
      const kept =
        this.#chains && keptClients(inside(NODE, `nft -j list map ${affinity}`), this.#elements);
      const { script, chains } = fullScript(this.#table, this.#elements, kept);
      inside(NODE, 'nft -f -', script);
      this.#chains = chains;
      return;
    }
    inside(NODE, 'nft -f -', delta);
    const listing = inside(NODE, `nft -j list map ${affinity}`);
    for (const key of forgottenClients(listing, this.#elements))
      inside(NODE, 'nft -f -', `delete element ${affinity} { ${key} }\n`);
    for (const args of conntrackDeletions(changes, family))
      spawnSync('ip', ['netns', 'exec', NODE, 'conntrack', ...args]);
  }
}

const CONNECTIONS = 1_000;

const PLAN = { name: 'n1', zone: '', ownAddresses: [] };

function ask(
  from: string,
  [address, port]: readonly [address: string, port: number],
  options: { count?: number; protocol?: string } = {},
): string[] {
  const { protocol = 'tcp', count = 1 } = options;
  const args = [protocol, address, String(port), String(count)];
  const result = spawnSync('ip', ['netns', 'exec', from, process.execPath, '-e', CLIENT, ...args], {
    encoding: 'utf8',
  });
  return result.stdout.trim().split('\n');
}

const [POD0, POD1, POD2] = POD_NAMES as [string, string, string];

for (const to of [IPV4, IPV6])
  describe(`the ruleset of family ${to.table.family} in the kernel`, { skip: skipOf(to) }, () => {
    const node = new Node(to);
    const { bridge, elsewhere, sources } = to;
    const [asker, one, two, three] = [0, 1, 2, 3].map(to.pod) as [string, string, string, string];
    const hasLoopback = to === IPV4;
    const noAffinity = to === IPV4 ? false : 'no affinity over IPv6';
    const web = to.service(20);
    const empty = to.service(21);
    const behindNodePort = to.service(22);
    const sticking = to.service(24);
    before(async () => {
      await build(to);
      node.write();
    });
    after(destroy);

    it('spreads the connections of a pod over all endpoints, and shows them its address', () => {
      node.set('web', { clusterIP: web }, [one, two, three]);
      const answers = ask(POD0, [web, 80], { count: 90 });
      assert.deepEqual(
        new Set(answers),
        new Set([`${one} ${asker}`, `${two} ${asker}`, `${three} ${asker}`]),
      );
      for (const address of [one, two, three]) {
        const share = answers.filter((answer) => answer.startsWith(address)).length;
        assert.ok(share > 12, `${address} got ${share} of 90`);
      }
    });

    it('spreads 1,000 connections to each Service within 10 % of even', () => {
      const endpoints = [asker, one, two, three];
      node.set('web', { clusterIP: web }, endpoints);
      node.set('empty', { clusterIP: empty }, endpoints);
      for (const service of [web, empty]) {
        const answers = ask(NODE, [service, 80], { count: CONNECTIONS });
        assert.equal(answers.length, CONNECTIONS);
        const shares = endpoints.map(
          (address) => answers.filter((answer) => answer.startsWith(`${address} `)).length,
        );
        assert.ok(offEven(shares) < 0.1, `${service}: ${shares.join()}`);
      }
    });

    it('serves the node itself, and a pod that reaches itself', () => {
      node.set('web', { clusterIP: web }, [one]);
      assert.deepEqual(ask(NODE, [web, 80]), [`${one} ${bridge}`]);
      assert.deepEqual(ask(POD1, [web, 80]), [`${one} ${bridge}`]);
    });

    it('refuses at once what has no endpoint, and what is no Service', () => {
      node.set('empty', { clusterIP: empty }, []);
      for (const from of [POD0, NODE]) {
        assert.deepEqual(ask(from, [empty, 80]), ['ECONNREFUSED'], from);
        assert.deepEqual(ask(from, [to.service(99), 80]), ['ECONNREFUSED'], from);
      }
    });

    it('serves again when an endpoint comes back, and no longer when the Service goes', () => {
      node.set('empty', { clusterIP: empty }, [two]);
      assert.deepEqual(ask(POD0, [empty, 80]), [`${two} ${asker}`]);
      node.set('empty', { type: 'ExternalName' }, []);
      assert.deepEqual(ask(POD0, [empty, 80]), ['ECONNREFUSED']);
    });

    const nodePort = {
      clusterIP: behindNodePort,
      type: 'NodePort' as const,
      ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' as const }],
    };

    it('serves a node port to the outside, to pods and to the node itself', () => {
      node.set('np', nodePort, [one, two]);
      const answers = ask(OUTSIDE, [to.node, 30080], { count: 30 });
      assert.deepEqual(new Set(answers), new Set([`${one} ${bridge}`, `${two} ${bridge}`]));
      const served = new Set([`${one} ${bridge}`, `${two} ${bridge}`]);
      for (const from of [POD0, NODE])
        assert.ok(served.has(ask(from, [to.node, 30080])[0] ?? ''), from);
      const [looped = ''] = ask(NODE, [to.loopback, 30080]);
      if (hasLoopback) assert.ok(served.has(looped), looped);
      else assert.equal(looped, 'ECONNREFUSED');
    });

    it('keeps the source of outside traffic, on this node, with externalTrafficPolicy Local', () => {
      node.set('np', { ...nodePort, externalTrafficPolicy: 'Local' }, [one, elsewhere]);
      assert.deepEqual(
        new Set(ask(OUTSIDE, [to.node, 30080], { count: 10 })),
        new Set([`${one} ${to.outside}`]),
      );
    });

    it('drops outside traffic that must stay here when there is nobody here', () => {
      node.set('np', { ...nodePort, externalTrafficPolicy: 'Local' }, [elsewhere]);
      assert.deepEqual(ask(OUTSIDE, [to.node, 30080]), ['timeout']);
      node.set('np', nodePort, []);
      assert.deepEqual(ask(OUTSIDE, [to.node, 30080]), ['ECONNREFUSED']);
    });

    it('serves external addresses', () => {
      node.set('ext', { clusterIP: to.service(23), externalIPs: [to.external(7)] }, [three]);
      assert.deepEqual(ask(OUTSIDE, [to.external(7), 80]), [`${three} ${bridge}`]);
    });

    it('lets only the sources of the Service reach the address of its load balancer', () => {
      const spec = { clusterIP: to.service(26), type: 'LoadBalancer' as const };
      const allow = (...loadBalancerSourceRanges: string[]): void =>
        node.set('lb', { ...spec, loadBalancerSourceRanges }, [three], [to.external(8)]);
      const served = [`${three} ${bridge}`];
      const [other = '', within = ''] = sources.others;
      allow();
      assert.deepEqual(ask(OUTSIDE, [to.external(8), 80]), served);
      allow(other, within);
      assert.deepEqual(ask(OUTSIDE, [to.external(8), 80]), ['timeout']);
      assert.deepEqual(ask(POD0, [to.external(8), 80]), ['timeout']);
      assert.deepEqual(ask(POD0, [to.service(26), 80]), [`${three} ${asker}`]);
      allow(other, sources.outside);
      assert.deepEqual(ask(OUTSIDE, [to.external(8), 80]), served);
      assert.deepEqual(ask(NODE, [to.external(8), 80]), ['timeout']);
      allow(sources.network);
      assert.deepEqual(ask(NODE, [to.external(8), 80]), served);
      assert.deepEqual(ask(POD0, [to.external(8), 80]), ['timeout']);
      node.rewrite();
      assert.deepEqual(ask(OUTSIDE, [to.external(8), 80]), served);
      assert.deepEqual(ask(POD0, [to.external(8), 80]), ['timeout']);
      node.set('lb', { type: 'ExternalName' }, []);
    });

    it('refuses what has an address of a load balancer that no Service has', () => {
      const address = to.external(to === IPV4 ? 0x81 : 0x8001);
      for (const from of [OUTSIDE, POD0, NODE])
        assert.deepEqual(ask(from, [address, 80]), ['ECONNREFUSED'], from);
      node.set('taken', { clusterIP: to.service(27), type: 'LoadBalancer' }, [three], [address]);
      assert.deepEqual(ask(OUTSIDE, [address, 80]), [`${three} ${bridge}`]);
      node.set('taken', { type: 'ExternalName' }, []);
    });

    it('serves node ports at the addresses named alone', () => {
      node.set('np', nodePort, [one]);
      node.become({ nodePortAddresses: [sources.network] });
      assert.deepEqual(ask(OUTSIDE, [to.node, 30080]), [`${one} ${bridge}`]);
      assert.deepEqual(ask(POD0, [bridge, 30080]), ['ECONNREFUSED']);
      node.become({ nodePortAddresses: [] });
      assert.deepEqual(ask(OUTSIDE, [to.node, 30080]), ['ECONNREFUSED']);
      node.become({});
      assert.deepEqual(ask(POD0, [bridge, 30080]), [`${one} ${bridge}`]);
      node.set('np', { type: 'ExternalName' }, []);
    });

    it('tells pods from others by the interface that they come by', () => {
      node.set('web', { clusterIP: web }, [one]);
      const asked = (): string[] => [POD0, OUTSIDE].map((from) => ask(from, [web, 80]).join());
      sh(`ip -n ${OUTSIDE} route replace ${web} via ${to.node}`);
      const seen = [`${one} ${asker}`, `${one} ${bridge}`];
      node.become({ local: { kind: 'interface', name: 'br0' } });
      assert.deepEqual(asked(), seen);
      node.become({ local: { kind: 'interfacePrefix', prefix: 'br' } });
      assert.deepEqual(asked(), seen);
      node.become({ local: { kind: 'interfacePrefix', prefix: 'up' } });
      assert.deepEqual(asked(), [`${one} ${bridge}`, `${one} ${to.outside}`]);
      node.become({ local: undefined });
      assert.deepEqual(asked(), [`${one} ${asker}`, `${one} ${to.outside}`]);
      node.become({ masqueradeAll: true });
      assert.deepEqual(asked(), [`${one} ${bridge}`, `${one} ${bridge}`]);
      node.become({});
    });

    it('takes the rules of SCTP, with or without endpoints', () => {
      const ports = [{ port: 80, nodePort: 30090, protocol: 'SCTP' as const }];
      const spec = { clusterIP: to.service(28), type: 'NodePort' as const, ports };
      node.set('sctp', spec, [one, two]);
      const { family, table } = to.table;
      const listed = (map: string): string =>
        inside(NODE, `nft list map ${family} ${table} ${map}`);
      assert.ok(listed('services').includes(`${to.service(28)} . sctp . 80`));
      node.set('sctp', spec, []);
      assert.ok(listed('blocked_node_ports').includes('sctp . 30090'));
      node.set('sctp', { type: 'ExternalName' }, []);
    });

    it('serves the host ports of pods to the outside and to the node itself', () => {
      node.pod(
        'hp',
        { containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 9080 }] }] },
        two,
      );
      assert.deepEqual(ask(OUTSIDE, [to.node, 9080]), [`${two} ${to.outside}`]);
      const own = hasLoopback ? to.loopback : to.node;
      assert.deepEqual(ask(NODE, [own, 9080]), [
        hasLoopback ? `${two} ${bridge}` : `${two} ${to.node}`,
      ]);
      assert.deepEqual(ask(POD2, [to.node, 9080]), [`${two} ${bridge}`], 'the pod itself');
    });

    it('lets a client stick to its endpoint until that one goes', { skip: noAffinity }, () => {
      const sticky = { clusterIP: sticking, sessionAffinity: 'ClientIP' as const };
      node.set('sticky', sticky, [one, two, three]);
      const answers = new Set(ask(POD0, [sticking, 80], { count: 20 }));
      assert.equal(answers.size, 1);
      const chosen = [...answers][0]?.split(' ')[0] ?? '';
      const others = [one, two, three].filter((address) => address !== chosen);
      node.set('sticky', sticky, others);
      const [next = ''] = ask(POD0, [sticking, 80]);
      assert.ok(others.includes(next.split(' ')[0] ?? ''), next);
      node.set('sticky', sticky, [one, two, three]);
      assert.deepEqual(new Set(ask(POD0, [sticking, 80], { count: 20 })), new Set([next]));
    });

    it('forgets a client after the seconds of the Service', { skip: noAffinity }, () => {
      const config = { clientIP: { timeoutSeconds: 1 } };
      node.set(
        'sticky',
        { clusterIP: sticking, sessionAffinity: 'ClientIP', sessionAffinityConfig: config },
        [one, two, three],
      );
      const affinity = `${to.table.family} ${to.table.table} affinity`;
      inside(NODE, `nft flush map ${affinity}`);
      ask(POD0, [sticking, 80]);
      const listing = inside(NODE, `nft list map ${affinity}`);
      assert.ok(listing.includes(`${sticking} . tcp . 80 timeout 1s`), listing);
    });

    it('turns a UDP client to the endpoint that is left', () => {
      const udp = { clusterIP: to.service(25), ports: [{ port: 53, protocol: 'UDP' as const }] };
      node.set('udp', udp, [one]);
      assert.deepEqual(ask(POD0, [to.service(25), 53], { protocol: 'udp' }), [`${one} ${asker}`]);
      const { conntrack } = NAMES[to.table.family];
      const flows = (): string => inside(NODE, `conntrack -L -f ${conntrack} -p udp`);
      const flow = `dst=${to.service(25)} `;
      assert.ok(flows().includes(flow), flows());
      node.set('udp', udp, [two]);
      assert.ok(!flows().includes(flow), flows());
      assert.deepEqual(ask(POD0, [to.service(25), 53], { protocol: 'udp' }), [`${two} ${asker}`]);
    });

    it('keeps pods out of what listens on the loopback address of the node', async () => {
      const listener = `require('node:net').createServer((s) => s.end('secret')).listen(9999, '${to.loopback}', () => console.log('up'))`;
      const server = spawn('ip', ['netns', 'exec', NODE, process.execPath, '-e', listener], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      servers.push(server);
      await new Promise((resolve) => server.stdout.once('data', resolve));
      if (hasLoopback)
        sh(`ip -n ${POD0} addr del 127.0.0.1/8 dev lo
        ip netns exec ${POD0} sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.eth0.route_localnet=1
        ip -n ${POD0} route add 127.0.0.1/32 via 10.244.0.1`);
      else
        sh(`ip -n ${POD0} addr del ::1/128 dev lo
          ip -n ${POD0} route add ::1/128 via ${bridge}`);
      assert.deepEqual(ask(NODE, [to.loopback, 9999]), ['secret']);
      assert.deepEqual(ask(POD0, [to.loopback, 9999]), ['timeout']);
    });

    it('loads 10,000 Services in seconds and removes its table alone', () => {
      const elements = new Elements();
      for (let index = 0; index < 10_000; index++) {
        const clusterIP = to.service(65_536 / 2 + index);
        const slice: EndpointSlice = {
          addressType: NAMES[to.table.family].slices,
          ports: [{ name: '', port: 8080, protocol: 'TCP' }],
          endpoints: [one, two, three].map((address) => ({ addresses: [address], nodeName: 'n1' })),
        };
        const service: Service = { spec: { clusterIP, ports: [{ port: 80, protocol: 'TCP' }] } };
        elements.replace(
          String(index),
          planService(service, [slice], { ...PLAN, family: to.table.family }),
        );
      }
      const startedMs = performance.now();
      inside(NODE, 'nft -f -', fullScript(to.table, elements).script);
      const loadMs = performance.now() - startedMs;
      assert.ok(loadMs < 5_000, `took ${loadMs} ms`);
      assert.deepEqual(ask(POD0, [to.service(65_536 / 2 + 9_999), 80])[0]?.split(' ')[1], asker);
      inside(NODE, 'nft add table ip stranger');
      inside(NODE, 'nft -f -', removalScript(to.table.family, to.table.table));
      assert.equal(inside(NODE, 'nft list tables').trim(), 'table ip stranger');
    });
  });
