import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import type { Network } from '#base/doors.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { addressRecord, dnsNetwork, queryOf, type Respond, said } from '#kit/dns.ts';
import { countsOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { encodeQuery } from './encode.ts';
import { readForeignAnswer } from './foreign.ts';
import { CONCURRENT_MAX, type Forwarded, Forwarder } from './forwarder.ts';
import { frame, readFrames } from './frames.ts';
import { DnsMetrics } from './metrics.ts';
import { ownQuery, Upstreams } from './upstreams.ts';
import { decodeQuery, RCODE, TYPE } from './wire.ts';

const ONE = ownQuery('one.example', TYPE.A);
const A = '192.0.2.1';
const B = '192.0.2.2';

function isProbe(message: Uint8Array): boolean {
  return queryOf(message).type === TYPE.HINFO;
}

/** A forwarder and the servers that `respond` plays; loop probes get no answer. */
function world(options: {
  respond: Respond;
  servers?: readonly string[];
  dial?: Network['dial'];
  probes?: Respond;
}) {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const metrics = new DnsMetrics(registry, 'dns://:53');
  const stop = new AbortController();
  const respond: Respond = (message, address, reply) =>
    isProbe(message)
      ? options.probes?.(message, address, reply)
      : options.respond(message, address, reply);
  const network = dnsNetwork(respond, options.dial);
  const doors = { environment, network, metrics };
  const upstreams = new Upstreams({ ...doors, signal: stop.signal });
  const servers = (options.servers ?? [A, B]).map((host) => ({ host, port: 53 }));
  const forwarder = new Forwarder({ ...doors, upstreams, servers: () => servers });
  return { environment, registry, forwarder, upstreams, servers, stop };
}

function last(forwarded: Forwarded): number | undefined {
  assert.ok(typeof forwarded === 'object');
  // The last byte of the address, before OPT.
  return forwarded.bytes.at(-12);
}

const answering: Respond = (message, address, reply) =>
  reply(said(message, { answers: [addressRecord('one.example', Number(address.at(-1)))] }));

describe('Forwarder', () => {
  it('believes only the asked address, with the id and the question that were sent', async () => {
    const { forwarder } = world({
      servers: [A],
      respond: (message, _address, reply) => {
        const say = (asked: Uint8Array, number: number): Buffer =>
          said(asked, { answers: [addressRecord('one.example', number)] });
        const wrongId = say(message, 66);
        wrongId[1] = (wrongId[1] ?? 0) ^ 1;
        reply(wrongId);
        const id = Buffer.from(message).readUInt16BE(0);
        reply(say(encodeQuery({ id, name: 'two.example', type: TYPE.A }), 67));
        reply(say(encodeQuery({ id, name: 'one.example', type: TYPE.TXT }), 68));
        reply(say(message, 69), '203.0.113.9');
        reply(say(message, 70), A, 5_353);
        reply(message);
        reply(say(encodeQuery({ id, name: 'ONE.example', type: TYPE.A }), 1));
      },
    });
    assert.equal(last(await forwarder.forward(ONE)), 1);
  });

  it('sends the question and the flags, and no option of the client', async () => {
    const seen: Buffer[] = [];
    const { forwarder } = world({
      servers: [A],
      respond: (message, _address, reply) => {
        seen.push(Buffer.from(message));
        reply(said(message, {}));
      },
    });
    const asked = Buffer.from(encodeQuery({ id: 1, name: 'oNe.example', type: TYPE.A }));
    asked.writeUInt16BE(0x0130, 2);
    asked.writeUInt16BE(8, asked.length - 2);
    // A cookie.
    const query = queryOf(Buffer.concat([asked, Buffer.from('000a000401020304', 'hex')]));
    await forwarder.forward(query);
    const [message = Buffer.alloc(0)] = seen;
    assert.equal(message.readUInt16BE(2), 0x0130);
    assert.deepEqual(message.subarray(12, 12 + 17), asked.subarray(12, 12 + 17));
    assert.equal(message.length, asked.length, 'OPT without the option');
    assert.equal(decodeQuery(message) !== undefined && queryOf(message).edns?.udpBytesMax, 1232);
  });

  it('turns to the next server when one is silent', async () => {
    const asked: string[] = [];
    const { forwarder, environment } = world({
      respond: (message, address, reply) => {
        if (queryOf(message).name === '') return;
        asked.push(address);
        if (asked.length === 2) answering(message, address, reply);
      },
    });
    const first = forwarder.forward(ONE);
    await environment.advance(1_999);
    assert.equal(asked.length, 1);
    await environment.advance(1);
    assert.equal(last(await first), Number(asked[1]?.at(-1)));
    assert.deepEqual([...asked].sort(), [A, B]);
  });

  it('gives up after five seconds', async () => {
    const { forwarder, environment, registry } = world({ respond: () => {} });
    const pending = forwarder.forward(ONE);
    let result: Forwarded | undefined;
    pending.then(
      (value) => (result = value),
      () => {},
    );
    await environment.advance(4_999);
    assert.equal(result, undefined);
    await environment.advance(1);
    assert.equal(result, 'failed');
    assert.deepEqual(countsOf(registry, 'coredns_forward_requests_total'), []);
  });

  it('fails at once when there is no server, or no socket', async () => {
    const none = world({ respond: () => {}, servers: [] });
    assert.equal(await none.forwarder.forward(ONE), 'failed');
    const broken = world({
      respond: () => {
        throw new Error('EMFILE');
      },
    });
    assert.equal(await broken.forwarder.forward(ONE), 'failed');
    broken.stop.abort();
  });

  it('passes on what a server says, without asking another one', async () => {
    for (const rcode of [RCODE.nxDomain, RCODE.servFail, RCODE.refused, RCODE.notImp]) {
      let asked = 0;
      const { forwarder, registry } = world({
        respond: (message, _address, reply) => {
          asked++;
          reply(said(message, { rcode }));
        },
      });
      const forwarded = await forwarder.forward(ONE);
      assert.equal(typeof forwarded === 'object' && forwarded.answer.rcode, rcode);
      assert.equal(asked, 1);
      assert.equal(countsOf(registry, 'coredns_forward_responses_total').length, 1);
    }
  });

  it('spreads questions over all servers', async () => {
    const counts = new Map<string, number>();
    const { forwarder } = world({
      respond: (message, address, reply) => {
        counts.set(address, (counts.get(address) ?? 0) + 1);
        answering(message, address, reply);
      },
    });
    for (let index = 0; index < 100; index++) await forwarder.forward(ONE);
    assert.ok((counts.get(A) ?? 0) > 25 && (counts.get(B) ?? 0) > 25, [...counts.values()].join());
  });

  it('asks once for equal questions that wait at the same time', async () => {
    let reply: (() => void) | undefined;
    let asked = 0;
    const { forwarder, environment } = world({
      respond: (message, address, answer) => {
        asked++;
        reply = () => answering(message, address, answer);
      },
    });
    const both = [forwarder.forward(ONE), forwarder.forward(ownQuery('ONE.example', TYPE.A))];
    await environment.runUntilIdle();
    reply?.();
    for (const each of await Promise.all(both)) assert.equal(typeof each, 'object');
    assert.equal(asked, 1);
  });

  it('asks with EDNS0 for who has it, and without for who has not', async () => {
    const seen: boolean[] = [];
    const { forwarder, environment } = world({
      servers: [A],
      respond: (message) => {
        if (queryOf(message).name !== '') seen.push(queryOf(message).edns !== undefined);
      },
    });
    const both = [forwarder.forward(ONE), forwarder.forward({ ...ONE, edns: undefined })];
    await environment.runUntilIdle();
    assert.deepEqual(seen, [true, false]);
    await environment.advance(5_000);
    await Promise.all(both);
  });

  it('refuses a query when too many wait, and takes the next ones when they are gone', async () => {
    const { forwarder, environment, registry } = world({ respond: () => {} });
    const waiting = Array.from({ length: CONCURRENT_MAX }, () => forwarder.forward(ONE));
    assert.equal(await forwarder.forward(ONE), 'rejected');
    await environment.advance(5_000);
    assert.ok((await Promise.all(waiting)).every((each) => each === 'failed'));
    const next = forwarder.forward(ONE);
    await environment.advance(5_000);
    assert.equal(await next, 'failed');
    assert.deepEqual(countsOf(registry, 'coredns_forward_max_concurrent'), ['_rejects_total 1']);
  });

  describe('when the answer does not fit a datagram', () => {
    const many = Array.from({ length: 100 }, (_, index) => addressRecord('one.example', index));
    const short: Respond = (message, _address, reply) =>
      reply(said(message, { answers: many, bytesMax: 512 }));

    /** The other end of a connection; `isSilent`: takes questions, and says nothing. */
    const dial =
      (isSilent: boolean): Network['dial'] =>
      () => {
        const [here, there] = pair();
        readFrames(there, (message) => {
          if (!isSilent) there.write(frame(said(message, { answers: many })));
        });
        return Promise.resolve(here);
      };

    it('asks again over TCP', async () => {
      const { forwarder } = world({ respond: short, dial: dial(false) });
      const forwarded = await forwarder.forward(ONE);
      assert.ok(typeof forwarded === 'object');
      assert.deepEqual([forwarded.answer.answers, forwarded.answer.truncated], [100, false]);
    });

    it('takes what it has when TCP is refused or silent', async () => {
      for (const refusal of [undefined, dial(true)]) {
        const { forwarder, environment } = world({
          respond: short,
          ...(refusal === undefined ? {} : { dial: refusal }),
        });
        const pending = forwarder.forward(ONE);
        await environment.advance(2_000);
        const forwarded = await pending;
        assert.ok(typeof forwarded === 'object');
        assert.equal(forwarded.answer.truncated, true);
        assert.ok(forwarded.answer.answers > 0);
      }
    });
  });
});

/** Two ends of one connection. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    (own) =>
      new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          ends[1 - own]?.push(chunk);
          done();
        },
      }),
  );
  return ends as [Duplex, Duplex];
}

describe('Upstreams', () => {
  it('takes a server as down after two checks without an answer, until it answers one', async () => {
    let isUp = false;
    const asked: string[] = [];
    const { forwarder, environment, upstreams, servers, registry } = world({
      respond: (message, address, reply) => {
        if (queryOf(message).name !== '') asked.push(address);
        if (address === B || isUp) answering(message, address, reply);
      },
    });
    const [down] = servers;
    assert.ok(down);
    upstreams.failed(down);
    upstreams.failed(down);
    await environment.advance(1_000);
    assert.equal(upstreams.isDown(down), false, 'once is no proof');
    await environment.advance(1_500);
    assert.equal(upstreams.isDown(down), true);
    assert.deepEqual(countsOf(registry, 'coredns_forward_healthcheck'), [
      '_failures_total{to="192.0.2.1:53"} 2',
    ]);
    for (let index = 0; index < 20; index++) await forwarder.forward(ONE);
    assert.ok(!asked.includes(A));
    isUp = true;
    await environment.advance(2_000);
    assert.equal(upstreams.isDown(down), false);
    assert.equal(environment.nextTimerMs, undefined, 'and checks no more');
  });

  it('asks all the same when all are down, and counts it', async () => {
    let isUp = false;
    const { forwarder, environment, registry, stop } = world({
      respond: (message, address, reply) => {
        if (isUp && queryOf(message).name !== '') answering(message, address, reply);
      },
    });
    const lost = forwarder.forward(ONE);
    await environment.advance(10_000);
    assert.equal(await lost, 'failed');
    isUp = true;
    assert.equal(typeof (await forwarder.forward(ONE)), 'object');
    assert.deepEqual(countsOf(registry, 'coredns_forward_healthcheck_broken'), ['_total 1']);
    stop.abort();
    await environment.advance(2_000);
    assert.equal(environment.nextTimerMs, undefined, 'checks end with the server');
  });

  it('leaves a server out for a minute that sends our own question back', async () => {
    let probes = 0;
    const { forwarder, environment, upstreams, servers } = world({
      respond: answering,
      probes: (message, address) => {
        if (address !== A) return;
        probes++;
        assert.equal(upstreams.isOwn(queryOf(message)), true);
        assert.equal(upstreams.isOwn(queryOf(message)), false, 'told once');
      },
    });
    await forwarder.forward(ONE);
    await environment.runUntilIdle();
    for (let index = 0; index < 20; index++) assert.equal(last(await forwarder.forward(ONE)), 2);
    assert.deepEqual(
      environment.lines('error').map(({ values }) => values['resolver']),
      ['192.0.2.1:53'],
    );
    await environment.advance(59_000);
    assert.deepEqual(upstreams.candidates(servers), [servers[1]]);
    assert.equal(probes, 1);
    await environment.advance(1_001);
    assert.equal(upstreams.candidates(servers).length, 2);
    await environment.runUntilIdle();
    assert.equal(probes, 2, 'and asked once more');
    assert.equal(upstreams.candidates(servers).length, 1);
    await environment.advance(5_000);
  });

  it('forgets servers that are configured no more, and ends their checks', async () => {
    const { environment, upstreams, servers, registry } = world({ respond: () => {} });
    const [server] = servers;
    assert.ok(server);
    upstreams.failed(server);
    await environment.advance(3_000);
    assert.equal(upstreams.isDown(server), true);
    upstreams.forget();
    assert.equal(upstreams.isDown(server), false);
    await environment.advance(3_000);
    assert.equal(environment.nextTimerMs, undefined);
    // The third was under way.
    assert.deepEqual(countsOf(registry, 'coredns_forward_healthcheck_failures'), [
      '_total{to="192.0.2.1:53"} 3',
    ]);
  });

  it('takes no question for its own that it has not sent', () => {
    const { upstreams } = world({ respond: () => {} });
    assert.equal(upstreams.isOwn(ownQuery('a.b', TYPE.HINFO)), false);
    assert.equal(upstreams.isOwn(ownQuery('a.b', TYPE.A)), false);
  });
});

describe('readForeignAnswer', () => {
  it('says what stands in an answer', () => {
    const message = encodeQuery({ id: 7, name: 'One.example', type: TYPE.A });
    const answer = readForeignAnswer(said(message, { answers: [addressRecord('one.example', 1)] }));
    const { id, rcode, name, type, ttlSeconds, answers, hasSoa, truncated } = answer ?? {};
    assert.deepEqual(
      { id, rcode, name, type, ttlSeconds, answers, hasSoa, truncated },
      {
        id: 7,
        rcode: 0,
        name: 'one.example',
        type: TYPE.A,
        ttlSeconds: 20,
        answers: 1,
        hasSoa: false,
        truncated: false,
      },
    );
  });
});
