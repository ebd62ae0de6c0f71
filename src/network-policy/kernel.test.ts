/**
 * The tables in a real kernel: a node whose pods hang on one bridge, each a network namespace, and
 * connections between them, with br_netfilter off: nothing but our tables polices the bridge.
 * Needs root, Linux, ip and nft; skipped with the reason where they lack.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { NetworkPolicySpec } from '#api/gen/networking-v1.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { bridgeScript } from './bridge.ts';
import type { Chain } from './chains.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';
import { policyPodOf } from './pods.ts';
import { policyOf } from './policy.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { PolicyState } from './state.ts';

const PREFIX = `coxn${process.pid}`;
const NODE = `${PREFIX}n`;
const OUTSIDE = `${PREFIX}o`;
const NAMESPACES = { shop: { team: 'a' }, stage: { team: 'b' }, other: {} };
const PODS = {
  web: { namespace: 'shop', address: '10.244.0.10', labels: { app: 'web' } },
  db: { namespace: 'shop', address: '10.244.0.11', labels: { app: 'db' } },
  api: { namespace: 'stage', address: '10.244.0.12', labels: { app: 'api' } },
  job: { namespace: 'other', address: '10.244.0.13', labels: { app: 'web' } },
};
type Name = keyof typeof PODS;
const NAMES = Object.keys(PODS) as Name[];
const SERVICE = '10.96.0.1';
/** Where db alone listens, to UDP. */
const DB_PORT = 8082;
const PORTS = [{ name: 'main', containerPort: 8080 }, { containerPort: 8081 }];

/** Answers each connection and datagram with the peer's address; an open connection gets echoes. */
const SERVER = `
const net = require('node:net');
const serve = (port) => new Promise((up) => net.createServer((s) => {
  s.on('error', () => {}).on('data', (d) => s.write(d)).write(s.remoteAddress.replace('::ffff:', ''));
}).listen(port, '::', up));
const udp = (port) => new Promise((up) => {
  const u = require('node:dgram').createSocket('udp4');
  u.on('message', (m, r) => u.send(r.address, r.port, r.address)).bind(port, up);
});
Promise.all([serve(8080), serve(8081), serve(9000), udp(8080), udp(Number(process.argv[1]))]).then(() => console.log('up'));`;
/** argv: targets as protocol/address/port. Prints an answer or an error code for each, in order. */
const CLIENT = `
const tcp = (host, port) => new Promise((done) => {
  const s = require('node:net').connect({ host, port });
  const timer = setTimeout(() => { s.destroy(); done('timeout'); }, 500);
  const end = (text) => { clearTimeout(timer); s.destroy(); done(text); };
  s.on('data', (d) => end(String(d))).on('error', (e) => end(e.code));
});
const udp = (host, port) => new Promise((done) => {
  const u = require('node:dgram').createSocket('udp4');
  const timer = setTimeout(() => done('timeout'), 500);
  u.once('message', (m) => { clearTimeout(timer); done(String(m)); });
  u.bind(() => { u.setBroadcast(true); u.send('x', port, host); });
});
Promise.all(process.argv.slice(1).map((text) => {
  const [protocol, host, port] = text.split('/');
  return (protocol === 'udp' ? udp : tcp)(host, Number(port));
})).then((answers) => { console.log(answers.join('\\n')); process.exit(0); });`;

function nft(script: string): void {
  const args = ['netns', 'exec', NODE, 'nft', '-f', '-'];
  const result = spawnSync('ip', args, { encoding: 'utf8', input: script });
  if (result.status !== 0) throw new Error(`${script}: ${result.stderr}`);
}

const skip = unlessNetworkNamespaces(PREFIX, ['nft']);

const processes: ChildProcess[] = [];

async function serveIn(namespace: string, udpPort: number): Promise<void> {
  const args = ['netns', 'exec', namespace, process.execPath, '-e', SERVER, String(udpPort)];
  const server = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(server);
  await new Promise((resolve) => server.stdout.once('data', resolve));
}

/** As the node and the CNI plug-in `bridge` do it (src/cli/node-network.ts). */
async function build(): Promise<TableOptions> {
  sh(`ip netns add ${NODE}
      ip -n ${NODE} link set lo up
      ip -n ${NODE} link add br0 type bridge
      ip -n ${NODE} addr add 10.244.0.1/24 dev br0
      ip -n ${NODE} link set br0 up
      ip netns exec ${NODE} sysctl -qw net.ipv4.ip_forward=1
      ip netns add ${OUTSIDE}
      ip -n ${OUTSIDE} link set lo up
      ip -n ${OUTSIDE} link add eth0 type veth peer name uplink netns ${NODE}
      ip -n ${OUTSIDE} addr add 192.0.2.9/24 dev eth0
      ip -n ${OUTSIDE} link set eth0 up
      ip -n ${OUTSIDE} route add 10.244.0.0/24 via 192.0.2.2
      ip -n ${NODE} addr add 192.0.2.2/24 dev uplink
      ip -n ${NODE} link set uplink up`);
  const address = sh(`ip netns exec ${NODE} cat /sys/class/net/br0/address`).trim();
  sh(`ip -n ${NODE} link set br0 address ${address}`);
  for (const name of NAMES) {
    const pod = namespaceOf(name);
    sh(`ip netns add ${pod}
        ip netns exec ${pod} sysctl -qw net.ipv6.conf.default.accept_dad=0
        ip -n ${pod} link add eth0 type veth peer name ${name} netns ${NODE}
        ip -n ${NODE} link set ${name} master br0 up
        ip -n ${NODE} link set ${name} type bridge_slave hairpin on
        ip -n ${pod} link set lo up
        ip -n ${pod} addr add ${PODS[name].address}/24 dev eth0
        ip -n ${pod} link set eth0 up
        ip -n ${pod} route add default via 10.244.0.1`);
  }
  nft(`table ip services {
    chain to {
      type nat hook prerouting priority dstnat; policy accept;
      ip daddr ${SERVICE} tcp dport 80 dnat to ${PODS.db.address}:8080
    }
    chain from {
      type nat hook postrouting priority srcnat; policy accept;
      ct status dnat ip saddr ${PODS.db.address} ip daddr ${PODS.db.address} masquerade
    }
  }
`);
  await Promise.all([
    ...[NODE, OUTSIDE].map((name) => serveIn(name, 0)),
    ...NAMES.map((name) => serveIn(namespaceOf(name), name === 'db' ? DB_PORT : 0)),
  ]);
  return { table: 'coxswain-test', podRanges: ['10.244.0.0/16'], bridge: { name: 'br0', address } };
}

function namespaceOf(name: Name): string {
  return `${PREFIX}${name}`;
}

function destroy(): void {
  for (const child of processes) child.kill('SIGKILL');
  for (const name of [NODE, OUTSIDE, ...NAMES.map(namespaceOf)])
    spawnSync('ip', ['netns', 'del', name]);
}

function showFrames(isOn: boolean): void {
  spawnSync('ip', ['netns', 'exec', NODE, 'sysctl', '-qw', `${BRIDGE_NETFILTER}=${isOn ? 1 : 0}`]);
}
const BRIDGE_NETFILTER = 'net.bridge.bridge-nf-call-iptables';

/** What the enforcer does, without its watches. */
class Node {
  readonly #options: TableOptions;
  readonly #state = new PolicyState('n1', [4]);
  readonly #policies = new Set<string>();
  #chains: ReadonlyMap<string, Chain> | undefined;

  constructor(options: TableOptions) {
    this.#options = options;
    for (const [name, labels] of Object.entries(NAMESPACES)) this.#state.setNamespace(name, labels);
    for (const name of NAMES) this.label(name, PODS[name].labels);
  }

  forget(name: Name): void {
    this.#state.setPod(`${PODS[name].namespace}/${name}`, undefined);
  }

  label(name: Name, labels: Record<string, string>, address: string = PODS[name].address): void {
    const { namespace } = PODS[name];
    const pod = policyPodOf({
      metadata: { namespace, labels },
      spec: { nodeName: 'n1', containers: [{ name: 'c', ports: PORTS }] },
      status: { phase: 'Running', podIP: address },
    });
    this.#state.setPod(`${namespace}/${name}`, pod);
  }

  /** In namespace shop there are these policies and no others. */
  policies(...specs: NetworkPolicySpec[]): void {
    for (const key of this.#policies) this.#state.setPolicy(key, undefined);
    for (const [index, spec] of specs.entries()) {
      const metadata = { namespace: 'shop', name: `p${index}` };
      this.#policies.add(`shop/p${index}`);
      this.#state.setPolicy(`shop/p${index}`, policyOf({ metadata, spec }));
    }
    this.write();
  }

  /** As a new process, which writes all. */
  restart(): void {
    this.#chains = undefined;
    this.write();
  }

  /** Whole at first, and then only what changed: every test but the first runs on deltas. */
  write(): void {
    this.#state.settle();
    const chains = this.#state.chains();
    const changes = this.#state.elements.takeChanges();
    if (this.#chains === undefined) {
      nft(fullScript(this.#options, chains, this.#state.elements));
      nft(bridgeScript(this.#options, NAMES));
    } else nft(deltaScript(this.#options, this.#chains, chains, changes));
    this.#chains = chains;
  }
}

/** `db`, `db:8081`, `udp/db:8080` or an address. */
function target(text: string): string {
  const [, protocol = 'tcp', host = '', port = '8080'] =
    /^(?:(udp)\/)?([^:]+)(?::(\d+))?$/.exec(text) ?? [];
  return `${protocol}/${host in PODS ? PODS[host as Name].address : host}/${port}`;
}

function ask(from: string, ...targets: string[]): Promise<string[]> {
  const namespace = from in PODS ? namespaceOf(from as Name) : from;
  const args = ['netns', 'exec', namespace, process.execPath, '-e', CLIENT, ...targets];
  return new Promise((resolve, reject) => {
    execFile('ip', args, (error, stdout) => {
      if (error === null) resolve(stdout.trim().split('\n'));
      else reject(new Error(`Cannot ask from ${from}`, { cause: error }));
    });
  });
}

/** Which of `targets` answer to `from`. */
async function reached(from: string, ...targets: string[]): Promise<string[]> {
  const answers = await ask(from, ...targets.map(target));
  assert.equal(answers.length, targets.length, answers.join());
  return targets.filter((_, index) => answers[index] !== 'timeout');
}

/** Who reaches `to`. */
async function reaching(to: string, from = ['web', 'api', 'job']): Promise<string[]> {
  const answers = await Promise.all(from.map((name) => reached(name, to)));
  return from.filter((_, index) => answers[index]?.length === 1);
}

const DB = { matchLabels: { app: 'db' } };
const WEB = { matchLabels: { app: 'web' } };
const DENY_DB: NetworkPolicySpec = { podSelector: DB, policyTypes: ['Ingress'] };
const DENY_WEB: NetworkPolicySpec = { podSelector: WEB, policyTypes: ['Egress'] };
type Ingress = NonNullable<NetworkPolicySpec['ingress']>;
type Egress = NonNullable<NetworkPolicySpec['egress']>;
const toDb = (...ingress: Ingress): NetworkPolicySpec => ({ ...DENY_DB, ingress });
const fromWeb = (...egress: Egress): NetworkPolicySpec => ({ ...DENY_WEB, egress });

describe('network policies in the kernel', { skip }, () => {
  let node: Node;
  let options: TableOptions;
  before(async () => {
    options = await build();
    node = new Node(options);
    node.write();
  });
  beforeEach(() => {
    showFrames(false);
    node.policies();
  });
  after(destroy);

  it('lets everybody speak to everybody without a policy, and shows whose address it is', async () => {
    const everybody = ['db', 'udp/db', 'api', 'job', '192.0.2.9', '10.244.0.1'];
    assert.deepEqual(await reached('web', ...everybody), everybody);
    assert.deepEqual(await ask('web', target('db')), [PODS.web.address]);
    assert.deepEqual(await reaching('db', [OUTSIDE, NODE]), [OUTSIDE, NODE]);
  });

  for (const isOn of [false, true]) {
    it(`isolates pods on one bridge with br_netfilter ${isOn ? 'on' : 'off'}`, async () => {
      showFrames(isOn);
      const places = ['db', 'udp/db', `${SERVICE}:80`];
      assert.deepEqual(await reached('web', ...places), places);
      node.policies(DENY_DB);
      assert.deepEqual(await reached('web', ...places), []);
      node.policies(toDb({ from: [{ podSelector: WEB }] }));
      assert.deepEqual(await reached('web', ...places), places);
      assert.deepEqual(await reached('api', ...places), []);
      assert.deepEqual(await reached('db', `${SERVICE}:80`), [`${SERVICE}:80`]);
    });
  }

  it('denies the outside too, and never the node, the pod itself and answers', async () => {
    node.policies(DENY_DB, { podSelector: DB, policyTypes: ['Egress'], egress: [{}] });
    assert.deepEqual(await reaching('db', [OUTSIDE, NODE]), [NODE]);
    const others = ['web', 'udp/web', '192.0.2.9'];
    assert.deepEqual(await reached('db', ...others), others);
    node.policies(DENY_DB, { podSelector: DB, policyTypes: ['Egress'] });
    assert.deepEqual(await reached('db', 'db', `${SERVICE}:80`, '10.244.0.1', '192.0.2.2', 'web'), [
      'db',
      `${SERVICE}:80`,
      '10.244.0.1',
      '192.0.2.2',
    ]);
  });

  it('takes an empty rule for all, and an empty list for none', async () => {
    node.policies(toDb({}));
    assert.deepEqual(await reaching('db', ['web', 'api', OUTSIDE]), ['web', 'api', OUTSIDE]);
    node.policies(toDb());
    assert.deepEqual(await reaching('db', ['web', 'api', OUTSIDE]), []);
  });

  const peers: [title: string, from: NonNullable<Ingress[0]['from']>, who: string[]][] = [
    ['pods of its own namespace', [{ podSelector: WEB }], ['web']],
    ['all pods of its own namespace', [{ podSelector: {} }], ['web']],
    ['namespaces by label', [{ namespaceSelector: { matchLabels: { team: 'b' } } }], ['api']],
    ['pods of all namespaces', [{ namespaceSelector: {}, podSelector: WEB }], ['web', 'job']],
    ['all namespaces', [{ namespaceSelector: {} }], ['web', 'api', 'job']],
    [
      'pods and namespaces in one peer',
      [{ namespaceSelector: { matchLabels: { team: 'b' } }, podSelector: WEB }],
      [],
    ],
    [
      'pods and namespaces in two peers',
      [{ namespaceSelector: { matchLabels: { team: 'b' } } }, { podSelector: WEB }],
      ['web', 'api'],
    ],
  ];
  for (const [title, from, who] of peers) {
    it(`lets in ${title}`, async () => {
      node.policies(toDb({ from }));
      assert.deepEqual(await reaching('db', ['web', 'api', 'job', OUTSIDE]), who);
    });
  }

  it('lets in a block of addresses without its exceptions, at the address before any masquerade', async () => {
    const ipBlock = { cidr: '192.0.2.0/24', except: ['192.0.2.8/31'] };
    node.policies(toDb({ from: [{ ipBlock }] }));
    assert.deepEqual(await reaching('db', ['web', OUTSIDE]), []);
    sh(`ip -n ${OUTSIDE} addr del 192.0.2.9/24 dev eth0
        ip -n ${OUTSIDE} addr add 192.0.2.10/24 dev eth0
        ip -n ${OUTSIDE} addr add 192.0.2.9/24 dev eth0
        ip -n ${OUTSIDE} route replace 10.244.0.0/24 via 192.0.2.2`);
    assert.deepEqual(await reaching('db', ['web', OUTSIDE]), [OUTSIDE]);
    node.policies(toDb({ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }));
    assert.deepEqual(await reaching('db', ['web', OUTSIDE]), ['web', OUTSIDE]);
  });

  const all = ['db', 'db:8081', 'db:9000', 'udp/db'];
  const ports: [title: string, ports: NonNullable<Ingress[0]['ports']>, which: string[]][] = [
    ['a number of UDP', [{ protocol: 'UDP', port: 8080 }], ['udp/db']],
    [
      'overlapping ranges',
      [
        { port: 8000, endPort: 8080 },
        { port: 8080, endPort: 9000 },
      ],
      ['db', 'db:8081', 'db:9000'],
    ],
    ['a protocol', [{ protocol: 'TCP' }], ['db', 'db:8081', 'db:9000']],
    ['a name and a number', [{ port: 'main' }, { port: 9000 }], ['db', 'db:9000']],
    ['a name of another protocol', [{ protocol: 'UDP', port: 'main' }], []],
    ['a name that is not there', [{ port: 'gone' }], []],
  ];
  for (const [title, list, which] of ports) {
    it(`lets ports pass by ${title}, in and out`, async () => {
      node.policies(toDb({ ports: list }));
      assert.deepEqual(await reached('web', ...all), which);
      node.policies(toDb({ from: [{ namespaceSelector: {} }], ports: list }));
      assert.deepEqual(await reached('api', ...all), which);
      node.policies(fromWeb({ ports: list }));
      assert.deepEqual(await reached('web', ...all), which);
      node.policies(fromWeb({ to: [{ podSelector: DB }], ports: list }));
      assert.deepEqual(await reached('web', ...all), which);
    });
  }

  it('lets out to peers and blocks alone', async () => {
    node.policies(DENY_WEB);
    assert.deepEqual(await reached('web', 'db', 'api', 'udp/api', '192.0.2.9'), []);
    assert.deepEqual(await reached('db', 'web'), ['web']);
    node.policies(fromWeb({ to: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] }));
    assert.deepEqual(await reached('web', 'db', 'api', 'udp/api', '192.0.2.9'), ['api', 'udp/api']);
    node.policies(
      fromWeb({ to: [{ ipBlock: { cidr: '192.0.2.9/32' } }], ports: [{ port: 9000 }] }),
    );
    assert.deepEqual(await reached('web', 'db', '192.0.2.9', '192.0.2.9:9000', '192.0.2.10:9000'), [
      '192.0.2.9:9000',
    ]);
  });

  it('needs egress and ingress both', async () => {
    node.policies(DENY_DB, fromWeb({ to: [{ podSelector: DB }] }));
    assert.deepEqual(await reached('web', 'db', 'api'), []);
    node.policies(toDb({ from: [{ podSelector: WEB }] }), fromWeb({ to: [{ podSelector: DB }] }));
    assert.deepEqual(await reached('web', 'db', 'api'), ['db']);
    node.policies(toDb({ from: [{ podSelector: WEB }] }), DENY_WEB);
    assert.deepEqual(await reached('web', 'db', 'api'), []);
  });

  it('lets pass what any of several policies does', async () => {
    node.policies(
      DENY_DB,
      toDb({ from: [{ podSelector: WEB }], ports: [{ port: 8080 }] }),
      toDb(
        { from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] },
        { ports: [{ port: 9000 }] },
      ),
    );
    assert.deepEqual(await reached('web', ...all), ['db', 'db:9000']);
    assert.deepEqual(await reached('api', ...all), all);
    assert.deepEqual(await reached('job', ...all), ['db:9000']);
  });

  it('looks at a Service behind its address: the pod and its port count', async () => {
    node.policies(toDb({ from: [{ podSelector: WEB }], ports: [{ port: 8080 }] }));
    assert.deepEqual(await reaching(`${SERVICE}:80`), ['web']);
    node.policies(fromWeb({ to: [{ podSelector: DB }], ports: [{ port: 8080 }] }));
    assert.deepEqual(await reaching(`${SERVICE}:80`), ['web', 'api', 'job']);
    node.policies(fromWeb({ to: [{ ipBlock: { cidr: `${SERVICE}/32` } }] }));
    assert.deepEqual(await reaching(`${SERVICE}:80`), ['api', 'job']);
  });

  it('follows the labels of pods', async () => {
    node.policies(toDb({ from: [{ podSelector: { matchLabels: { role: 'reader' } } }] }));
    assert.deepEqual(await reaching('db'), []);
    node.label('web', { app: 'web', role: 'reader' });
    node.write();
    assert.deepEqual(await reaching('db'), ['web']);
    node.label('web', PODS.web.labels);
    node.label('db', { app: 'cache' });
    node.write();
    assert.deepEqual(await reaching('db'), ['web', 'api', 'job']);
    node.label('db', PODS.db.labels);
    node.write();
    assert.deepEqual(await reaching('db'), []);
  });

  it('lets no unknown pod speak or be spoken to while an isolated one has no address yet', async () => {
    const spec: NetworkPolicySpec = {
      podSelector: { matchLabels: { app: 'new' } },
      policyTypes: ['Ingress', 'Egress'],
    };
    node.policies(spec);
    node.forget('web');
    node.write();
    assert.deepEqual(await reached('web', 'db', '192.0.2.9'), ['db', '192.0.2.9']);
    node.label('web', { app: 'new' }, '');
    node.write();
    assert.deepEqual(await reached('web', 'db', '192.0.2.9', '10.244.0.1'), ['10.244.0.1']);
    assert.deepEqual(await reaching('web', ['db', OUTSIDE, NODE]), [NODE]);
    assert.deepEqual(await reached('db', 'api', '192.0.2.9'), ['api', '192.0.2.9']);
    node.label('web', PODS.web.labels);
    node.write();
    assert.deepEqual(await reached('web', 'db', '192.0.2.9'), ['db', '192.0.2.9']);
  });

  it('leaves a connection that was let in, and asks anew for the next', async () => {
    const hold = `const s = require('node:net').connect(8080, '${PODS.db.address}');
      s.on('data', (d) => console.log(String(d)));
      process.stdin.on('data', () => s.write('again'));`;
    const args = ['netns', 'exec', namespaceOf('web'), process.execPath, '-e', hold];
    const client = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    processes.push(client);
    const line = (): Promise<string> =>
      new Promise((resolve) => client.stdout.once('data', (data) => resolve(String(data).trim())));
    assert.equal(await line(), PODS.web.address);
    node.policies(DENY_DB);
    assert.deepEqual(await reaching('db'), []);
    client.stdin.write('x');
    assert.equal(await line(), 'again');
    client.kill('SIGKILL');
  });

  it('carries no IPv6 and no broadcast from pod to pod', async () => {
    const link = sh(`ip -n ${namespaceOf('db')} -6 -br address show dev eth0`);
    const ipv6 = `tcp/${/fe80[^/]*/.exec(link)?.[0] ?? ''}%eth0/8080`;
    const broadcast = `udp/255.255.255.255/${DB_PORT}`;
    nft(removalScript('bridge', options.table));
    const [overIpv6 = '', overBroadcast = ''] = await ask('web', ipv6, broadcast);
    assert.match(overIpv6, /^fe80/);
    assert.equal(overBroadcast, PODS.web.address);
    nft(bridgeScript(options, NAMES));
    assert.deepEqual(await ask('web', ipv6, broadcast), ['timeout', 'timeout']);
    // Without being told it learns the ports by what they say.
    nft(bridgeScript(options, []));
    sh(`ip -n ${namespaceOf('web')} neighbour flush dev eth0`);
    await reached('web', 'db');
    assert.deepEqual(await ask('web', ipv6), ['timeout']);
  });

  it('tells pods of no shorter way', async () => {
    await reached('web', 'db', 'api', 'udp/db');
    const counters = NAMES.map((name) =>
      sh(`ip netns exec ${namespaceOf(name)} cat /proc/net/snmp`),
    ).join('');
    assert.doesNotMatch(counters, /InType5/);
  });

  it('puts an end to the table that an older version has left, and to no other', async () => {
    node.policies();
    nft(`table ip ${options.table} {
      map ingress { type ipv4_addr : verdict; elements = { ${PODS.db.address} : drop } }
      chain police {
        type filter hook forward priority filter; policy accept;
        ip daddr vmap @ingress
      }
    }
`);
    assert.deepEqual(await reaching('db'), []);
    node.restart();
    assert.deepEqual(await reaching('db'), ['web', 'api', 'job']);
    const tables = sh(`ip netns exec ${NODE} nft list tables ip`).trim();
    assert.equal(tables, 'table ip services');
  });

  it('needs its table of the bridge, and removes its own tables alone', async () => {
    node.policies(DENY_DB);
    assert.deepEqual(await reaching('db'), []);
    nft(removalScript('bridge', options.table));
    assert.deepEqual(await reaching('db'), ['web', 'api', 'job']);
    nft(removalScript('bridge', options.table));
    nft(removalScript('inet', options.table));
    const tables = sh(`ip netns exec ${NODE} nft list tables`).trim();
    assert.equal(tables, 'table ip services');
  });
});
