/**
 * Addresses on interfaces: of a kernel that only remembers, and of two real nodes in network
 * namespaces, whose neighbour asks by ARP and by neighbour discovery.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Processes, ProcessOptions, ProcessResult } from '#base/doors.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { clientAs } from '#client/in-process.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { Announcer, removePoolAddresses } from './announcer.ts';
import { parsePools } from './pools.ts';

const POOLS = parsePools(['192.0.2.32/28', 'six=2001:db8::20-2001:db8::2f']);
const ADDRESSES = ['192.0.2.33', '2001:db8::21'];

interface Exchange {
  readonly kernels: readonly Processes[];
  readonly device: string;
}

/** A cluster with a node for each of `kernels`, and a Service that has both addresses. */
async function world({ kernels, device }: Exchange) {
  const { environment, server } = await TestApiServer.start();
  const admin = { name: 'admin', groups: ['system:masters'] };
  const client = clientAs(server.handler, admin, { environment, userAgent: 'test' });
  const ready = (status: 'True' | 'Unknown') => ({
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const setReady = async (name: string, status: 'True' | 'Unknown'): Promise<void> => {
    await environment.resolve(
      client.patch(NODE, { name }, 'merge', ready(status), { subresource: 'status' }),
    );
    await environment.advance(1_000);
  };
  const announcers: { readonly announcer: Announcer; readonly stop: AbortController }[] = [];
  for (const [at, processes] of kernels.entries()) {
    const nodeName = `n${at}`;
    await environment.resolve(client.create(NODE, { metadata: { name: nodeName } }));
    await setReady(nodeName, at === 0 ? 'True' : 'Unknown');
    const informers = new InformerFactory({ client, environment });
    const announcer = new Announcer({
      environment,
      informers,
      processes,
      nodeName,
      device,
      pools: POOLS,
    });
    const stop = new AbortController();
    informers.start(stop.signal);
    await environment.resolve(announcer.start(stop.signal));
    announcers.push({ announcer, stop });
  }
  const target = { name: 'web', namespace: 'default' };
  const give = async (...ips: string[]): Promise<void> => {
    const status = { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) } };
    await environment.resolve(
      client.patch(SERVICE, target, 'merge', { status }, { subresource: 'status' }),
    );
    await environment.advance(1_000);
  };
  await environment.resolve(
    client.create(SERVICE, {
      metadata: target,
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    }),
  );
  return { environment, give, setReady, announcers };
}

class FakeKernel implements Processes {
  readonly calls: string[] = [];
  addresses: object[] = [];
  failure = false;

  run(
    command: string,
    args: readonly string[],
    options: ProcessOptions = {},
  ): Promise<ProcessResult> {
    const none = new Uint8Array();
    const line = [command, ...args].join(' ');
    if (line === 'ip -json address show dev eth0') {
      const shown = [{ address: '02:00:00:00:00:01', addr_info: this.addresses }];
      return Promise.resolve({
        exitCode: 0,
        stdout: Buffer.from(JSON.stringify(shown)),
        stderr: none,
      });
    }
    const input = Buffer.from(options.input ?? '').toString();
    this.calls.push(...(input === '' ? [line] : input.trim().split('\n')));
    return Promise.resolve({ exitCode: this.failure ? 1 : 0, stdout: none, stderr: none });
  }

  take(): string[] {
    return this.calls.splice(0);
  }
}

const ADD4 = 'address replace 192.0.2.33/32 dev eth0 noprefixroute valid_lft 60 preferred_lft 0';
const ADD6 =
  'address replace 2001:db8::21/128 dev eth0 noprefixroute nodad valid_lft 60 preferred_lft 0';
const TELL = 'ip link set dev eth0 address 02:00:00:00:00:01';

describe('Announcer', () => {
  it('removes what is left of before, and nothing else', async () => {
    const kernel = new FakeKernel();
    kernel.addresses = [
      { local: '192.0.2.40', prefixlen: 32 },
      { local: '192.0.2.41', prefixlen: 24 },
      { local: '192.0.2.1', prefixlen: 32 },
      { local: '2001:db8::22', prefixlen: 128 },
      { local: '2001:db8::23', prefixlen: 64 },
    ];
    await world({ kernels: [kernel], device: 'eth0' });
    assert.deepEqual(kernel.take(), [
      'sysctl -qw net/ipv4/conf/eth0/arp_notify=1',
      'sysctl -qw net/ipv6/conf/eth0/ndisc_notify=1',
      'address delete 192.0.2.40/32 dev eth0',
      'address delete 2001:db8::22/128 dev eth0',
    ]);
  });

  it('takes addresses, tells the neighbours once, and renews before they end', async () => {
    const kernel = new FakeKernel();
    const { environment, give } = await world({ kernels: [kernel], device: 'eth0' });
    kernel.take();
    await give(...ADDRESSES, '203.0.113.1');
    assert.deepEqual(kernel.take(), [ADD4, ADD6, TELL]);
    const there = [
      { local: '192.0.2.33', prefixlen: 32 },
      { local: '2001:db8::21', prefixlen: 128 },
    ];
    kernel.addresses = there;
    await environment.advance(15_000);
    assert.deepEqual(kernel.take(), [ADD4, ADD6]);
    // Somebody took one away.
    kernel.addresses = there.slice(1);
    await environment.advance(15_000);
    assert.deepEqual(kernel.take(), [ADD4, ADD6, TELL]);
    kernel.addresses = there;
    await give('2001:db8::21');
    assert.deepEqual(kernel.take(), ['address delete 192.0.2.33/32 dev eth0', ADD6]);
  });

  it('tries again what failed', async () => {
    const kernel = new FakeKernel();
    const { environment, give } = await world({ kernels: [kernel], device: 'eth0' });
    kernel.failure = true;
    await give('192.0.2.33');
    kernel.failure = false;
    kernel.take();
    await environment.advance(2_000);
    assert.deepEqual(kernel.take(), [ADD4, TELL]);
  });

  it('takes all away when it stops, and writes no more', async () => {
    const kernel = new FakeKernel();
    const { environment, give, announcers } = await world({ kernels: [kernel], device: 'eth0' });
    await give('192.0.2.33');
    kernel.take();
    kernel.addresses = [{ local: '192.0.2.33', prefixlen: 32 }];
    announcers[0]?.stop.abort();
    await environment.resolve(announcers[0]?.announcer.stop() ?? Promise.resolve());
    assert.deepEqual(kernel.take(), ['address delete 192.0.2.33/32 dev eth0']);
    await environment.advance(60_000);
    assert.deepEqual(kernel.take(), []);
  });
});

const PREFIX = `coxa${process.pid}`;
const skip = unlessNetworkNamespaces(PREFIX, ['sysctl']);
const SWITCH = `${PREFIX}s`;
const ASKER = `${PREFIX}a`;
const NODES = [`${PREFIX}0`, `${PREFIX}1`];

/** Programs run at once, within the network namespace. */
function within(namespace: string): Processes {
  return {
    run(command, args, { input = '' } = {}) {
      const { status, stdout, stderr } = spawnSync(
        'ip',
        ['netns', 'exec', namespace, command, ...args],
        {
          input,
        },
      );
      return Promise.resolve({ exitCode: status ?? 1, stdout, stderr });
    },
  };
}

function build(): void {
  sh(`ip netns add ${SWITCH}
      ip -n ${SWITCH} link add br0 type bridge mcast_snooping 0
      ip -n ${SWITCH} link set br0 up`);
  for (const [at, name] of [ASKER, ...NODES].entries())
    sh(`ip netns add ${name}
        ip netns exec ${name} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
        ip -n ${name} link set lo up
        ip -n ${name} link add eth0 type veth peer name p${at} netns ${SWITCH}
        ip -n ${SWITCH} link set p${at} master br0 up
        ip -n ${name} addr add 192.0.2.${at + 1}/24 dev eth0
        ip -n ${name} addr add 2001:db8::${at + 1}/64 dev eth0
        ip -n ${name} link set eth0 up`);
}

function macOf(namespace: string): string {
  return sh(`ip netns exec ${namespace} cat /sys/class/net/eth0/address`).trim();
}

/** Whom the asker takes for the neighbour with this address; it does not ask. */
function known(address: string): string {
  return /lladdr (\S+)/.exec(sh(`ip -n ${ASKER} neigh show ${address}`))?.[1] ?? 'nobody';
}

/** Whether somebody answers at the address: a connection that is refused is an answer. */
function answers(address: string): string {
  const client = `const s = require('node:net').connect({ host: process.argv[1], port: 9, timeout: 1000 });
    const end = (text) => { console.log(text); process.exit(0); };
    s.on('error', (e) => end(e.code)).on('timeout', () => end('timeout'));`;
  return sh(`ip netns exec ${ASKER} ${process.execPath} -e "${client}" ${address}`).trim();
}

/** What who asks hears of an address that nobody has. */
const NOBODY = /^(EHOSTUNREACH|timeout)$/;

describe('two nodes and their neighbour', { skip }, () => {
  after(() => {
    for (const name of [SWITCH, ASKER, ...NODES]) spawnSync('ip', ['netns', 'del', name]);
  });

  it('one node answers, and the next when it is gone, which the neighbour hears of without asking', async () => {
    build();
    const { give, setReady } = await world({ kernels: NODES.map(within), device: 'eth0' });
    const [first, second] = NODES.map(macOf);
    assert.match(answers('192.0.2.33'), NOBODY);
    await give(...ADDRESSES);
    for (const address of ADDRESSES) {
      assert.equal(answers(address), 'ECONNREFUSED', address);
      assert.equal(known(address), first);
    }
    const shown = sh(`ip -n ${NODES[0]} addr show dev eth0`);
    assert.match(shown, /192\.0\.2\.33\/32 scope global deprecated[^]*valid_lft (59|60)sec/);
    await setReady('n1', 'True');
    await setReady('n0', 'Unknown');
    for (const address of ADDRESSES) {
      assert.equal(known(address), second, `${address} is still known to be at the first`);
      assert.equal(answers(address), 'ECONNREFUSED');
    }
    assert.doesNotMatch(sh(`ip -n ${NODES[0]} addr show dev eth0`), /192\.0\.2\.33|db8::21/);
    await give();
    spawnSync('ip', ['-n', ASKER, 'neigh', 'flush', 'dev', 'eth0']);
    for (const address of ADDRESSES) assert.match(answers(address), NOBODY, address);
  });
});

describe('removePoolAddresses', () => {
  const shown = (ifname: string, ...all: [local: string, prefixlen: number][]) => ({
    ifname,
    addr_info: all.map(([local, prefixlen]) => ({ local, prefixlen })),
  });
  const world = (exitCode = 0) => {
    const scripts: string[] = [];
    const links = [
      shown('lo', ['127.0.0.1', 8]),
      shown('eth0', ['192.0.2.2', 24], ['192.0.2.33', 32], ['2001:db8::21', 128]),
      shown('eth1', ['192.0.2.34', 32], ['192.0.2.35', 28]),
    ];
    const processes: Processes = {
      run: (command, args, options = {}) => {
        scripts.push([command, ...args, options.input ?? ''].join(' '));
        const stdout = Buffer.from(exitCode === 0 ? JSON.stringify(links) : '');
        return Promise.resolve({ exitCode, stdout, stderr: new Uint8Array() });
      },
    };
    return { scripts, processes };
  };

  it('takes those of pools from all interfaces, and no other', async () => {
    const { scripts, processes } = world();
    await removePoolAddresses(processes, POOLS);
    assert.deepEqual(scripts, [
      'ip -json address show ',
      'ip -force -batch - address delete 192.0.2.33/32 dev eth0\naddress delete 2001:db8::21/128 dev eth0\n',
      'ip -force -batch - address delete 192.0.2.34/32 dev eth1\n',
    ]);
  });

  it('asks nobody without pools, and takes nothing where the kernel does not say', async () => {
    const none = world();
    await removePoolAddresses(none.processes, []);
    assert.deepEqual(none.scripts, []);
    const mute = world(1);
    await removePoolAddresses(mute.processes, POOLS);
    assert.equal(mute.scripts.length, 1);
  });
});
