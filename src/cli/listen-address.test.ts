import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import {
  chooseListen,
  everywhere,
  isPortFree,
  listenHosts,
  listensAt,
  localHost,
  reachableHost,
  urlHost,
} from './listen-address.ts';
import { UserError } from './user-error.ts';

const servers: Server[] = [];

/** A program that listens on any port of `host`. */
async function taken(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('chooseListen', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('refuses a port that was asked for and is taken, on another address that is needed too', async () => {
    const port = await taken('127.0.0.1');
    const asked = { host: '127.0.0.2', port };
    assert.deepEqual(await chooseListen(asked), { ...asked, moved: false });
    await assert.rejects(
      chooseListen(asked, ['127.0.0.1']),
      (error) => error instanceof UserError && /--listen/.test(error.message),
    );
  });

  it('takes any free port when 0 is asked for', async () => {
    const { port } = await chooseListen({ host: '127.0.0.2', port: 0 }, ['127.0.0.1']);
    assert.ok(port > 0);
    assert.equal(await isPortFree('127.0.0.1', port), true);
  });

  it('counts an address that the machine does not have as free', async () => {
    assert.equal(await isPortFree('127.0.0.1', await taken('127.0.0.1')), false);
    assert.equal(await isPortFree('203.0.113.9', 1), true);
  });
});

describe('how an API server that listens somewhere is reached', () => {
  const nodeAddress = '192.0.2.1';
  const rows = [
    ['127.0.0.1', 0, '127.0.0.1', nodeAddress],
    ['127.0.0.1', 1, '127.0.0.1', '127.0.0.1'],
    ['localhost', 0, 'localhost', nodeAddress],
    ['0.0.0.0', 0, '127.0.0.1', nodeAddress],
    ['0.0.0.0', 1, '127.0.0.1', nodeAddress],
    ['::', 0, '::1', nodeAddress],
    ['198.51.100.7', 0, '198.51.100.7', '198.51.100.7'],
  ] as const;
  for (const [listenHost, simulatedNodes, local, others] of rows) {
    it(`${listenHost} with ${simulatedNodes} simulated nodes`, () => {
      assert.equal(localHost(listenHost), local);
      assert.equal(reachableHost({ listenHost, nodeAddress, simulatedNodes }), others);
    });
  }

  it('listens where pods of real nodes find it, too', () => {
    const hosts = (listenHost: string, node: string, simulatedNodes = 0) =>
      listenHosts({ listenHost, nodeAddress: node, simulatedNodes });
    const six = '2001:db8::1';
    assert.deepEqual(hosts('127.0.0.1', nodeAddress), ['127.0.0.1', nodeAddress]);
    assert.deepEqual(hosts(nodeAddress, nodeAddress), [nodeAddress]);
    assert.deepEqual(hosts('0.0.0.0', nodeAddress), ['0.0.0.0']);
    assert.deepEqual(hosts('0.0.0.0', six), ['0.0.0.0', six]);
    for (const node of [nodeAddress, six]) assert.deepEqual(hosts('::', node), ['::']);
    assert.deepEqual(hosts('127.0.0.1', nodeAddress, 1), ['127.0.0.1']);
  });

  it('is all addresses of a machine with IPv6 by ::', () => {
    assert.equal(everywhere(['127.0.0.1', '192.0.2.1']), '0.0.0.0');
    assert.equal(everywhere(['127.0.0.1', '2001:db8::1']), '::');
    assert.equal(everywhere(['2001:db8::1', '192.0.2.1']), '::');
  });

  it('is at an address of either family by ::, of IPv4 by 0.0.0.0', () => {
    const all: [host: string, address: string, listens: boolean][] = [
      ['::', '192.0.2.1', true],
      ['::', '2001:db8::1', true],
      ['0.0.0.0', '192.0.2.1', true],
      ['0.0.0.0', '2001:db8::1', false],
      ['192.0.2.1', '192.0.2.1', true],
      ['127.0.0.1', '192.0.2.1', false],
    ];
    for (const [host, address, listens] of all)
      assert.equal(listensAt(host, address), listens, `${host} ${address}`);
  });

  it('has brackets around IPv6 in a URL', () => {
    assert.equal(urlHost('2001:db8::1'), '[2001:db8::1]');
    assert.equal(urlHost('192.0.2.1'), '192.0.2.1');
  });
});
