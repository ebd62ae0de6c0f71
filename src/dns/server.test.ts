/** The server on real sockets, asked by c-ares (node:dns), with a resolver of our own behind it. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { Resolver as Cares } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket as NetSocket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '#api/meta/object.ts';
import type { Client } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realNetwork } from '#edge/network.ts';
import { encodeQuery, encodeResponse } from './encode.ts';
import { readForeignAnswer } from './foreign.ts';
import { frame, readFrames } from './frames.ts';
import { resolversOf } from './resolv-conf.ts';
import { DnsServer } from './server.ts';
import { decodeQuery, RCODE, TYPE } from './wire.ts';

const OBJECTS: Record<string, (KubeObject & Record<string, unknown>)[]> = {
  namespaces: [{ metadata: { name: 'default', resourceVersion: '1' } }],
  services: [
    {
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        clusterIP: '10.96.0.7',
        clusterIPs: ['10.96.0.7'],
        ports: [{ name: 'http', port: 80 }],
      },
    },
    {
      metadata: { name: 'ext', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: 'one.example' },
    },
    { metadata: { name: 'big', namespace: 'default' }, spec: { clusterIP: 'None' } },
  ],
  endpointslices: [
    {
      metadata: {
        name: 'big-1',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'big' },
      },
      addressType: 'IPv4',
      ports: [],
      endpoints: Array.from({ length: 100 }, (_, index) => ({ addresses: [`10.244.1.${index}`] })),
    },
  ],
};

const client = {
  list: (type: { plural: string }) =>
    Promise.resolve({ items: structuredClone(OBJECTS[type.plural] ?? []), resourceVersion: '1' }),
  watch: (_type: unknown, options: { signal?: AbortSignal }) =>
    new Promise<void>((resolve) => options.signal?.addEventListener('abort', () => resolve())),
} as unknown as Client;

/** A port that is free for UDP and TCP: others of this machine may have one of the two. */
async function freePort(): Promise<number> {
  for (;;) {
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4').bind(port, '127.0.0.1');
    const isFree = await once(udp, 'listening').then(
      () => true,
      () => false,
    );
    udp.close();
    tcp.close();
    await once(tcp, 'close');
    if (isFree) return port;
  }
}

/** Knows one.example; says nothing to lost.example; counts what it is asked. */
class Upstream {
  readonly asked: string[] = [];
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp = createServer((socket) =>
    readFrames(socket, (message) =>
      socket.write(frame(this.answer(message, 65_535) ?? new Uint8Array(0))),
    ),
  );

  async start(): Promise<number> {
    this.#udp.on('message', (message, from) => {
      const bytes = this.answer(message, 512);
      if (bytes !== undefined) this.#udp.send(bytes, from.port, from.address);
    });
    const port = await freePort();
    this.#udp.bind(port, '127.0.0.1');
    await once(this.#udp, 'listening');
    this.#tcp.listen(port, '127.0.0.1');
    await once(this.#tcp, 'listening');
    return port;
  }

  stop(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  answer(message: Uint8Array, bytesMax: number): Uint8Array | undefined {
    const query = decodeQuery(message);
    if (query === undefined || 'rcode' in query || query.name === 'lost.example') return undefined;
    this.asked.push(query.name);
    const count = query.name === 'many.example' ? 60 : query.name === 'one.example' ? 1 : 0;
    const answers = Array.from({ length: count }, (_, index) => ({
      name: query.name,
      ttlSeconds: 300,
      data: { type: TYPE.A, address: Uint8Array.of(192, 0, 2, index + 1) },
    }));
    const rcode = count === 0 ? RCODE.nxDomain : RCODE.noError;
    return encodeResponse(
      query,
      { rcode, authoritative: false, answers, authority: [], additional: [] },
      bytesMax,
    );
  }
}

describe('DnsServer', () => {
  const upstream = new Upstream();
  const stop = new AbortController();
  const cares = new Cares({ timeout: 3_000, tries: 1 });
  let port = 0;

  before(async () => {
    const environment = realEnvironment({ logLevel: 'error' });
    const resolverPort = await upstream.start();
    port = await freePort();
    const informers = new InformerFactory({ client, environment });
    const server = new DnsServer({
      environment,
      network: realNetwork(),
      informers,
      addresses: ['127.0.0.1'],
      port,
      clusterDomain: 'cluster.local',
      ownRanges: ['10.96.0.0/16', '10.244.0.0/16'],
      resolvers: () => ['127.0.0.1'],
      resolverPort,
    });
    informers.start(stop.signal);
    await server.start(stop.signal);
    await server.synced();
    cares.setServers([`127.0.0.1:${port}`]);
  });
  after(() => {
    stop.abort();
    upstream.stop();
  });

  const S = 'default.svc.cluster.local';

  it('answers for Services, as an independent client reads it', async () => {
    assert.deepEqual(await cares.resolve4(`web.${S}`, { ttl: true }), [
      { address: '10.96.0.7', ttl: 30 },
    ]);
    assert.deepEqual(
      (await cares.resolveSrv(`_http._tcp.web.${S}`)).map(
        ({ name, port: number, priority, weight }) => ({ name, port: number, priority, weight }),
      ),
      [{ name: `web.${S}`, port: 80, priority: 0, weight: 100 }],
    );
    assert.deepEqual(await cares.reverse('10.96.0.7'), [`web.${S}`]);
    assert.equal((await cares.resolveSoa('cluster.local')).nsname, 'ns.dns.cluster.local');
    await assert.rejects(cares.resolve6(`web.${S}`), { code: 'ENODATA' });
    await assert.rejects(cares.resolve4(`missing.${S}`), { code: 'ENOTFOUND' });
  });

  it('gives 100 addresses over TCP when they do not fit a datagram, another one first each time', async () => {
    const first = await cares.resolve4(`big.${S}`);
    const second = await cares.resolve4(`big.${S}`);
    assert.equal(new Set(first).size, 100);
    assert.notEqual(first[0], second[0]);
  });

  it('follows an ExternalName out of the cluster', async () => {
    assert.deepEqual(await cares.resolve4(`ext.${S}`), ['192.0.2.1']);
    assert.deepEqual(await cares.resolveCname(`ext.${S}`), ['one.example']);
  });

  it('forwards other names, and asks only once while the answer lasts', async () => {
    upstream.asked.length = 0;
    for (let index = 0; index < 3; index++)
      assert.deepEqual(await cares.resolve4('ONE.example'), ['192.0.2.1']);
    assert.ok(upstream.asked.length <= 1, upstream.asked.join());
    await assert.rejects(cares.resolve4('nobody.example'), { code: 'ENOTFOUND' });
  });

  it('passes on long answers over TCP', async () => {
    assert.equal((await cares.resolve4('many.example')).length, 60);
  });

  it('asks once for equal questions that come together', async () => {
    upstream.asked.length = 0;
    await Promise.allSettled(Array.from({ length: 20 }, () => cares.resolve4('together.example')));
    assert.deepEqual(upstream.asked, ['together.example']);
  });

  it('goes on answering while a resolver is silent', async () => {
    const lost = cares.resolve4('lost.example').catch((error: unknown) => error);
    assert.deepEqual(await cares.resolve4(`web.${S}`), ['10.96.0.7']);
    await lost;
  });

  it('cuts off a TCP client that asks without end', async () => {
    const socket = connect(port, '127.0.0.1');
    const message = frame(encodeQuery({ id: 1, name: 'lost.example', type: TYPE.A }));
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    socket.on('error', () => {});
    socket.write(Buffer.concat(Array.from({ length: 200 }, () => message)));
    await closed;
  });

  it('keeps fifty TCP connections of one client, and lets another one in', async () => {
    const from = async (localAddress: string): Promise<NetSocket> => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    const other = await from('127.0.0.2');
    const all: NetSocket[] = [];
    for (let index = 0; index < 50; index++) all.push(await from('127.0.0.1'));
    const closed = once(all[0] ?? other, 'close');
    all[0]?.resume();
    all.push(await from('127.0.0.1'));
    await closed;
    assert.deepEqual(
      [other, ...all].flatMap((socket, at) => (socket.closed ? [at] : [])),
      [1],
    );
    for (const socket of [other, ...all]) socket.destroy();
  });

  it('refuses EDNS versions that it does not know', async () => {
    const socket = createSocket('udp4');
    const bytes = Buffer.from(encodeQuery({ id: 3, name: `web.${S}`, type: 1 }));
    bytes[bytes.length - 5] = 1;
    const reply = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    socket.send(bytes, port, '127.0.0.1');
    const parsed = await reply;
    socket.close();
    assert.equal((parsed[3] ?? 0) & 15, 0);
    assert.equal(parsed.at(-6), 1, 'extended code 16 is BADVERS');
    assert.equal(readForeignAnswer(parsed)?.answers, 0);
  });
});

describe('resolversOf', () => {
  it('takes the resolvers of resolv.conf, but never this server itself', () => {
    const text =
      '# c\nnameserver 10.96.0.10\nsearch x\nnameserver 192.0.2.53 \nnameserver fd00::1\nnameserver bad\n';
    assert.deepEqual(resolversOf(text, ['10.96.0.10']), ['192.0.2.53', 'fd00::1']);
  });
});
