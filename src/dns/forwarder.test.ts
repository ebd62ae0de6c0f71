import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatagramSocket, Network } from '#base/doors.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { AnswerCache } from './cache.ts';
import { Forwarder } from './forwarder.ts';
import { Resolver } from './resolver.ts';
import {
  decodeQuery,
  encodeQuery,
  encodeResponse,
  type Query,
  RCODE,
  readForeignAnswer,
  TYPE,
} from './wire.ts';

const MESSAGE = encodeQuery({ id: 7, name: 'one.example', type: TYPE.A });

function queryOf(message: Uint8Array): Query {
  const query = decodeQuery(message);
  assert.ok(query !== undefined && 'question' in query);
  return query;
}

function answerTo(message: Uint8Array, last: number, ttlSeconds = 20): Buffer {
  const data = { type: TYPE.A, address: Uint8Array.of(192, 0, 2, last) } as const;
  const query = queryOf(message);
  const answers = [{ name: query.name, ttlSeconds, data }];
  return Buffer.from(
    encodeResponse(
      query,
      { rcode: RCODE.noError, authoritative: false, answers, authority: [], additional: [] },
      512,
    ),
  );
}

/** A network where `respond` plays all resolvers. */
function network(
  respond: (
    message: Uint8Array,
    address: string,
    reply: (bytes: Uint8Array, from?: string) => void,
  ) => void,
): Network {
  const unused = (): never => assert.fail('not used here');
  return {
    dial: unused,
    listenTcp: unused,
    bindUdp: (_options, onMessage): Promise<DatagramSocket> =>
      Promise.resolve({
        port: 1,
        close: () => {},
        send: (message, port, address) =>
          respond(message, address, (bytes, from = address) => onMessage(bytes, port, from)),
      }),
  };
}

function forwarder(environment: VirtualEnvironment, door: Network): Forwarder {
  return new Forwarder({ environment, network: door, resolvers: () => ['192.0.2.1', '192.0.2.2'] });
}

const lastByte = (bytes: Uint8Array | undefined): number | undefined => bytes?.at(-12);

describe('Forwarder', () => {
  it('believes only the asked address, with the id and the question that were sent', async () => {
    const environment = new VirtualEnvironment();
    const door = network((message, _address, reply) => {
      const wrongId = answerTo(message, 66);
      wrongId[1] = (wrongId[1] ?? 0) ^ 1;
      reply(wrongId);
      reply(
        answerTo(
          encodeQuery({
            id: Buffer.from(message).readUInt16BE(0),
            name: 'two.example',
            type: TYPE.A,
          }),
          67,
        ),
      );
      reply(answerTo(message, 68), '203.0.113.9');
      reply(answerTo(message, 1));
    });
    const answer = await forwarder(environment, door).forward(queryOf(MESSAGE), MESSAGE, 'udp');
    assert.equal(lastByte(answer), 1);
    assert.equal(
      readForeignAnswer(answer ?? new Uint8Array(0))?.id,
      7,
      'the client gets its own id back',
    );
  });

  it('turns to the next resolver when one is silent, and stays with who answered', async () => {
    const environment = new VirtualEnvironment();
    const asked: string[] = [];
    const door = network((message, address, reply) => {
      asked.push(address);
      if (address === '192.0.2.2') reply(answerTo(message, 2));
    });
    const under = forwarder(environment, door);
    const first = under.forward(queryOf(MESSAGE), MESSAGE, 'udp');
    await environment.advance(3_000);
    assert.equal(lastByte(await first), 2);
    await under.forward(queryOf(MESSAGE), MESSAGE, 'udp');
    assert.deepEqual(asked, ['192.0.2.1', '192.0.2.2', '192.0.2.2']);
  });

  it('gives up before the client does', async () => {
    const environment = new VirtualEnvironment();
    const pending = forwarder(
      environment,
      network(() => {}),
    ).forward(queryOf(MESSAGE), MESSAGE, 'udp');
    await environment.advance(6_001);
    assert.equal(await pending, undefined);
  });
});

describe('AnswerCache', () => {
  const query = queryOf(MESSAGE);
  const ttlOf = (bytes: Uint8Array | undefined): number | undefined =>
    bytes && readForeignAnswer(bytes)?.ttlSeconds;

  it('counts the time to live down, and forgets when it is over', () => {
    const cache = new AnswerCache();
    cache.put(query, answerTo(MESSAGE, 1, 20), 0);
    assert.equal(ttlOf(cache.get(query, 8_500)), 12);
    assert.equal(cache.get(query, 20_000), undefined);
    assert.equal(cache.size, 0);
  });

  it('keeps nothing that may not be kept', () => {
    const cache = new AnswerCache();
    cache.put(query, answerTo(MESSAGE, 1, 0), 0);
    const failed = {
      rcode: RCODE.servFail,
      authoritative: false,
      answers: [],
      authority: [],
      additional: [],
    };
    cache.put(query, encodeResponse(query, failed, 512), 0);
    assert.equal(cache.size, 0);
  });

  it('holds a bounded number of answers', () => {
    const cache = new AnswerCache();
    for (let index = 0; index < 10_050; index++) {
      const message = encodeQuery({ id: 1, name: `n${index}.example`, type: TYPE.A });
      cache.put(queryOf(message), answerTo(message, 1), 0);
    }
    assert.equal(cache.size, 10_000);
  });
});

describe('Resolver', () => {
  it('says that it does not know, rather than "no such name", before it has seen the cluster', () => {
    const nothing = {
      service: () => undefined,
      slices: () => [],
      hasNamespace: () => false,
      servicesAt: () => [],
      slicesAt: () => [],
    };
    const view = { ...nothing, hasSynced: false, revision: 0 };
    const resolver = new Resolver({
      environment: new VirtualEnvironment(),
      view,
      zone: { domain: 'cluster.local', address: '10.96.0.10', ttlSeconds: 5, owns: () => false },
      forwarder: { forward: () => Promise.resolve(undefined) },
    });
    const ask = (): number | undefined => {
      const message = encodeQuery({ id: 1, name: 'web.default.svc.cluster.local', type: TYPE.A });
      const bytes = resolver.resolve(message, 'udp');
      return bytes instanceof Uint8Array ? readForeignAnswer(bytes)?.rcode : undefined;
    };
    assert.equal(ask(), RCODE.servFail);
    view.hasSynced = true;
    assert.equal(ask(), RCODE.nxDomain);
  });
});
