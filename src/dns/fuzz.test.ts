/**
 * Bytes from the network that mean harm: random ones, and good messages with bytes changed, cut and
 * doubled. From seeds, so that a failure can be repeated.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { addressRecord, clusterView, queryOf, said, soaRecord } from '#kit/dns.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { encodeForwarded, encodeQuery } from './encode.ts';
import { delivered, readForeignAnswer, readForeignRecords, withoutEdns } from './foreign.ts';
import { DnsMetrics } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { decodeQuery, RCODE, TYPE } from './wire.ts';

const MESSAGES = 4_000;
const KNOWN_RCODES = Object.values(RCODE).map((rcode) => rcode & 15);

const QUERIES = [
  encodeQuery({ id: 1, name: 'web.default.svc.cluster.local', type: TYPE.A }),
  encodeQuery({ id: 2, name: '_http._tcp.web.default.svc.cluster.local', type: TYPE.SRV }),
  encodeQuery({ id: 3, name: '7.0.96.10.in-addr.arpa', type: TYPE.PTR }),
  encodeQuery({ id: 4, name: 'ext.default.svc.cluster.local', type: TYPE.AAAA }),
  encodeQuery({ id: 5, name: '', type: TYPE.NS }),
];
const ASKED = encodeQuery({ id: 6, name: 'a.example', type: TYPE.A });
const ANSWERS = [
  said(ASKED, { answers: [addressRecord('a.example', 1), addressRecord('b.a.example', 2)] }),
  said(ASKED, { rcode: RCODE.nxDomain, authority: [soaRecord('example', 9)] }),
  said(ASKED, {
    answers: [
      { name: 'a.example', ttlSeconds: 1, data: { type: TYPE.CNAME, target: 'b.example' } },
      addressRecord('b.example', 2),
    ],
  }),
];

function randomBytes(random: SeededRandom): Buffer {
  const bytes = Buffer.from(random.bytes(random.below(80)));
  // Half of them are queries at first sight.
  if (bytes.length > 12 && random.chance(0.5)) {
    bytes.writeUInt16BE(0x0100, 2);
    bytes.writeUInt16BE(1, 4);
    bytes.writeUInt32BE(0, 6);
    bytes.writeUInt16BE(random.below(2), 10);
  }
  return bytes;
}

function mutated(good: Uint8Array, random: SeededRandom): Buffer {
  let bytes = Buffer.from(good);
  for (let edits = 1 + random.below(6); edits > 0; edits--) {
    const at = random.below(bytes.length);
    const kind = random.below(4);
    if (kind < 2 && bytes.length > 0)
      bytes[at] = random.pick([0, 1, 0x3f, 0x40, 0xc0, 0xff, random.below(256)]);
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(at + 1))]);
  }
  return bytes;
}

function resolver(): Resolver {
  const spec = {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ports: [{ name: 'http', port: 80 }],
  };
  const external = { type: 'ExternalName', externalName: 'a.example' } as const;
  const services = [
    { metadata: { name: 'web', namespace: 'default' }, spec },
    { metadata: { name: 'ext', namespace: 'default' }, spec: external },
  ];
  return new Resolver({
    environment: new VirtualEnvironment(),
    view: { ...clusterView(services, []), hasSynced: true, revision: 1 },
    zone: { domain: 'cluster.local', addresses: [], ttlSeconds: 30, owns: () => true },
    upstreams: { isOwn: () => false },
    metrics: new DnsMetrics(new MetricRegistry(), 'dns://:53'),
    settings: () => ({ cacheSeconds: 30, hosts: new Map() }),
    forwarder: { forward: () => Promise.resolve('failed') },
  });
}

describe('a query from the network', () => {
  const makers: [claim: string, make: (random: SeededRandom) => Buffer][] = [
    ['of random bytes', randomBytes],
    ['that was good', (random) => mutated(random.pick(QUERIES), random)],
    ['that is an answer', (random) => mutated(random.pick(ANSWERS), random)],
  ];
  for (const [claim, make] of makers) {
    it(`${claim} is answered with its own id, or dropped`, async () => {
      const random = new SeededRandom(1);
      const under = resolver();
      const seen = new Set<number | 'dropped'>();
      for (let index = 0; index < MESSAGES; index++) {
        const message = make(random);
        const text = `message ${index}: ${message.toString('hex')}`;
        const bytes = await under.resolve(message, { transport: 'udp', family: 4 });
        const isQuery = message.length >= 12 && (message[2] ?? 0) < 0x80;
        assert.equal(bytes !== undefined, isQuery, text);
        seen.add(bytes === undefined ? 'dropped' : (bytes[3] ?? 0) & 15);
        if (bytes === undefined) continue;
        const answer = Buffer.from(bytes);
        assert.equal(answer.readUInt16BE(0), message.readUInt16BE(0), text);
        assert.ok((answer[2] ?? 0) >= 0x80 && answer.length <= 4_096, text);
        assert.ok(KNOWN_RCODES.includes((answer[3] ?? 0) & 15), text);
        const decoded = decodeQuery(message);
        const isGood = decoded !== undefined && 'question' in decoded;
        // What is no query gets a bare header; all else is an answer that can be read.
        if (isGood) assert.ok(readForeignAnswer(answer), text);
        else assert.equal(answer.length, 12, text);
        if (isGood) assert.equal(queryOf(encodeForwarded(decoded, 1)).name, decoded.name, text);
      }
      assert.ok(seen.has(RCODE.formErr) && seen.has('dropped'), [...seen].join());
    });
  }
});

describe('an answer from the network', () => {
  it('is passed on whole, or not at all', () => {
    const random = new SeededRandom(2);
    const asked = queryOf(ASKED);
    let passed = 0;
    for (let index = 0; index < MESSAGES; index++) {
      const bytes = mutated(random.pick(ANSWERS), random);
      const text = `message ${index}: ${bytes.toString('hex')}`;
      const answer = readForeignAnswer(bytes);
      readForeignRecords(bytes);
      if (answer === undefined || answer.name !== asked.name) continue;
      passed++;
      const stripped = withoutEdns(bytes, answer);
      const offsets = answer.ttlOffsets;
      const bytesMax = 40 + random.below(200);
      const given = delivered(stripped, asked, { bytesMax, ttl: { offsets, seconds: 3 } });
      const read = readForeignAnswer(given);
      assert.ok(read && given.length <= Math.max(bytesMax, answer.question.length + 23), text);
      assert.equal(read.id, asked.id, text);
      assert.ok(read.ttlSeconds === undefined || read.ttlSeconds <= 3, text);
    }
    assert.ok(passed > MESSAGES / 20, `${passed} could be read`);
  });
});
