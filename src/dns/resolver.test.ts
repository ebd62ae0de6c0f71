import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { addressRecord, clusterView, queryOf, type Said, said, soaRecord } from '#kit/dns.ts';
import { countsOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { encodeQuery } from './encode.ts';
import { type ForeignAnswer, readForeignAnswer, readForeignRecords } from './foreign.ts';
import type { Forwarded } from './forwarder.ts';
import { DnsMetrics, type Transport } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { type DnsRecord, type Query, RCODE, TYPE } from './wire.ts';

const S = 'default.svc.cluster.local';

function service(name: string, spec: NonNullable<Service['spec']>): Service {
  return { metadata: { name, namespace: 'default' }, spec };
}

function external(name: string, externalName: string): Service {
  return service(name, { type: 'ExternalName', externalName });
}

const BIG: EndpointSlice = {
  metadata: {
    name: 'big-1',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'big' },
  },
  addressType: 'IPv4',
  ports: [{ name: 'p', port: 1, protocol: 'TCP' }],
  endpoints: Array.from({ length: 200 }, (_, index) => ({ addresses: [`10.244.1.${index}`] })),
};

const TWO: EndpointSlice = {
  ...BIG,
  metadata: { ...BIG.metadata, labels: { 'kubernetes.io/service-name': 'two' } },
  endpoints: [{ addresses: ['10.244.2.1'] }, { addresses: ['10.244.2.2'] }],
};

const SERVICES = [
  service('web', {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ports: [{ name: 'http', port: 80 }],
  }),
  service('big', { clusterIP: 'None', clusterIPs: ['None'] }),
  service('two', { clusterIP: 'None', clusterIPs: ['None'] }),
  external('ext', 'one.example'),
  external('inside', `web.${S}`),
  external('twice', `ext.${S}`),
  external('ghost', `missing.${S}`),
  external('me', `me.${S}`),
  external('ping', `pong.${S}`),
  external('pong', `ping.${S}`),
  ...Array.from({ length: 10 }, (_, index) =>
    external(`chain-${index}`, `chain-${index + 1}.${S}`),
  ),
];

function world(
  options: { upstream?: (query: Query) => Said | Forwarded; cacheSeconds?: number } = {},
) {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const asked: string[] = [];
  const view = { ...clusterView(SERVICES, [BIG, TWO]), hasSynced: true, revision: 7 };
  const settings = {
    cacheSeconds: options.cacheSeconds ?? 30,
    hosts: new Map([['host.example', ['192.0.2.77']]]),
  };
  const probes = new Set<string>();
  const resolver = new Resolver({
    environment,
    view,
    zone: {
      domain: 'cluster.local',
      addresses: ['10.96.0.10'],
      ttlSeconds: 30,
      owns: () => false,
    },
    upstreams: { isOwn: ({ name }) => probes.has(name) },
    metrics: new DnsMetrics(registry, 'dns://:53'),
    settings: () => settings,
    forwarder: {
      forward: (query) => {
        asked.push(query.name);
        return Promise.resolve(replyTo(query, options.upstream?.(query) ?? 'failed'));
      },
    },
  });
  const ask = async (message: Uint8Array, transport: Transport = 'udp'): Promise<Answered> => {
    const bytes = await resolver.resolve(message, { transport, family: 4 });
    assert.ok(bytes, 'no answer');
    const answer = readForeignAnswer(bytes);
    assert.ok(answer, 'not an answer');
    return { ...answer, bytes: Buffer.from(bytes), records: readForeignRecords(bytes) };
  };
  return { environment, registry, resolver, view, asked, ask, probes };
}

interface Answered extends ForeignAnswer {
  readonly bytes: Buffer;
  readonly records: DnsRecord[];
}

function replyTo(query: Query, what: Said | Forwarded): Forwarded {
  if (typeof what === 'string' || 'bytes' in what) return what;
  const bytes = said(encodeQuery({ id: 4_711, name: query.name, type: query.type }), what);
  const answer = readForeignAnswer(bytes);
  assert.ok(answer);
  return { bytes, answer };
}

function message(name: string, type: number = TYPE.A, id = 1): Buffer {
  return Buffer.from(encodeQuery({ id, name, type }));
}

/** As a client without EDNS0 asks. */
function plain(name: string, type: number = TYPE.A): Buffer {
  const bytes = message(name, type);
  bytes.writeUInt16BE(0, 10);
  return bytes.subarray(0, bytes.length - 11);
}

function taking(name: string, udpBytes: number): Buffer {
  const bytes = message(name);
  bytes.writeUInt16BE(udpBytes, bytes.length - 8);
  return bytes;
}

const one = (last: number, ttlSeconds = 20): Said => ({
  answers: [addressRecord('one.example', last, ttlSeconds)],
});

describe('Resolver', () => {
  it('says that it does not know, rather than "no such name", before it has seen the cluster', async () => {
    const { view, ask } = world();
    view.hasSynced = false;
    assert.equal((await ask(message(`nothing.${S}`))).rcode, RCODE.servFail);
    view.hasSynced = true;
    const known = await ask(message(`nothing.${S}`));
    assert.equal(known.rcode, RCODE.nxDomain);
    assert.ok(known.hasSoa);
  });

  it('repeats the letters of the question, and names records so', async () => {
    const { ask } = world();
    const asked = message('wEB.Default.svc.CLUSTER.local');
    const { bytes, question } = await ask(asked);
    assert.deepEqual(Buffer.from(question), asked.subarray(12, 12 + question.length));
    assert.equal(
      bytes.readUInt16BE(12 + question.length),
      0xc00c,
      'the name points to the question',
    );
  });

  const refused: [claim: string, change: (bytes: Buffer) => Buffer, rcode: number][] = [
    ['an EDNS version that it does not know', (b) => ((b[b.length - 5] = 1), b), RCODE.badVersion],
    ['another class', (b) => ((b[b.length - 12] = 3), b), RCODE.refused],
    ['a transfer of the zone', () => message('cluster.local', TYPE.AXFR, 9), RCODE.refused],
    ['an incremental transfer', () => message('cluster.local', TYPE.IXFR, 9), RCODE.refused],
    ['a question for OPT', () => message('cluster.local', TYPE.OPT, 9), RCODE.formErr],
    ['another operation', (b) => ((b[2] = 0x28), b), RCODE.notImp],
  ];
  for (const [claim, change, rcode] of refused) {
    it(`refuses ${claim}`, async () => {
      const { resolver, asked } = world();
      const bytes = await resolver.resolve(change(message(`web.${S}`, TYPE.A, 9)), {
        transport: 'udp',
        family: 4,
      });
      assert.ok(bytes);
      assert.equal(Buffer.from(bytes).readUInt16BE(0), 9);
      assert.equal((bytes[3] ?? 0) & 15, rcode & 15);
      if (rcode > 15) assert.equal(readForeignAnswer(bytes)?.rcode, rcode);
      assert.deepEqual(asked, []);
    });
  }

  describe('sizes', () => {
    const full = 200;
    const rows: [
      claim: string,
      asked: Buffer,
      transport: Transport,
      bytesMax: number,
      whole: boolean,
    ][] = [
      ['512 bytes without EDNS0', plain(`big.${S}`), 'udp', 512, false],
      ['what the client takes', taking(`big.${S}`, 1_400), 'udp', 1_400, false],
      ['never less than 512 bytes', taking(`big.${S}`, 100), 'udp', 512, false],
      ['all of it where that fits', taking(`big.${S}`, 4_000), 'udp', 4_000, true],
      ['all of it over TCP', plain(`big.${S}`), 'tcp', 65_535, true],
    ];
    for (const [claim, asked, transport, bytesMax, whole] of rows) {
      it(claim, async () => {
        const { ask } = world();
        const { bytes, truncated, answers, opt } = await ask(asked, transport);
        assert.ok(bytes.length <= bytesMax, `${bytes.length} bytes`);
        assert.equal(truncated, !whole);
        if (whole) assert.equal(answers, full);
        else assert.ok(bytes.length > bytesMax - 16 && answers < full);
        assert.equal(opt !== undefined, asked.readUInt16BE(10) === 1, 'OPT for who has it');
      });
      it(`${claim}, of another server's answer`, async () => {
        const many = Array.from({ length: full }, (_, index) =>
          addressRecord('many.example', index),
        );
        const { ask } = world({ upstream: () => ({ answers: many, additional: [] }) });
        // The same client, and a name of another server.
        const { edns } = queryOf(asked);
        const other =
          edns === undefined ? plain('many.example') : taking('many.example', edns.udpBytesMax);
        for (let times = 0; times < 2; times++) {
          const { bytes, truncated, answers, records, opt } = await ask(other, transport);
          assert.ok(bytes.length <= bytesMax, `${bytes.length} bytes`);
          assert.equal(truncated, !whole);
          assert.equal(records.length, answers);
          if (whole) assert.equal(answers, full);
          else assert.ok(bytes.length > bytesMax - 16 && answers < full);
          assert.equal(opt !== undefined, edns !== undefined, 'OPT for who has it');
        }
      });
    }

    it('sends no datagram of more than 4096 bytes', async () => {
      const many = Array.from({ length: 400 }, (_, index) =>
        addressRecord('many.example', index % 250),
      );
      const { ask } = world({ upstream: () => ({ answers: many }) });
      const { bytes, truncated } = await ask(taking('many.example', 65_535));
      assert.ok(truncated && bytes.length <= 4_096 && bytes.length > 4_000);
    });
  });

  it('gives addresses in another order each time', async () => {
    const { ask } = world();
    const firsts = new Set<string>();
    const sorted = new Set<string>();
    for (let times = 0; times < 20; times++) {
      const { records } = await ask(taking(`big.${S}`, 4_096));
      const texts = records.map(({ data }) => ('address' in data ? data.address.join('.') : ''));
      firsts.add(texts[0] ?? '');
      sorted.add(texts.toSorted().join());
    }
    assert.ok(firsts.size > 10, `${firsts.size} first addresses`);
    assert.equal(sorted.size, 1, 'and always all of them');
  });

  it('gives each of two addresses first about as often', async () => {
    const { ask } = world();
    let first = 0;
    for (let times = 0; times < 100; times++) {
      const [record] = (await ask(message(`two.${S}`))).records;
      if (record !== undefined && 'address' in record.data && record.data.address[3] === 1) first++;
    }
    assert.ok(first > 30 && first < 70, `${first} of 100`);
  });

  describe('other names', () => {
    it('are asked for once while the answer lasts, with TTLs counted down', async () => {
      const { ask, asked, environment } = world({ upstream: () => one(1, 90) });
      const first = await ask(message('one.example', TYPE.A, 5));
      assert.deepEqual([first.id, first.ttlSeconds], [5, 30], 'no longer than it is kept');
      await environment.advance(8_500);
      const second = await ask(message('ONE.example', TYPE.A, 6));
      assert.deepEqual([second.id, second.ttlSeconds, second.answers], [6, 22, 1]);
      assert.equal(Buffer.from(second.question).toString('latin1').slice(1, 4), 'ONE');
      await environment.advance(21_500);
      assert.equal((await ask(message('one.example'))).ttlSeconds, 30);
      assert.deepEqual(asked, ['one.example', 'one.example']);
    });

    it('keep their TTL where nothing is kept', async () => {
      const { ask, asked } = world({ upstream: () => one(1, 90), cacheSeconds: 0 });
      for (let times = 0; times < 2; times++)
        assert.equal((await ask(message('one.example'))).ttlSeconds, 90);
      assert.equal(asked.length, 2);
    });

    it('are asked for anew when other servers are configured', async () => {
      const { ask, asked, resolver } = world({ upstream: () => one(1) });
      await ask(message('one.example'));
      resolver.forget();
      await ask(message('one.example'));
      assert.equal(asked.length, 2);
    });

    it('fail when nobody answers, and that is not kept; what a server failed to find is', async () => {
      let said: Said | Forwarded = 'failed';
      const { ask, asked, environment } = world({ upstream: () => said });
      assert.equal((await ask(message('one.example'))).rcode, RCODE.servFail);
      said = { rcode: RCODE.servFail };
      for (let times = 0; times < 3; times++)
        assert.equal((await ask(message('one.example'))).rcode, RCODE.servFail);
      assert.equal(asked.length, 2);
      await environment.advance(5_000);
      said = one(1);
      assert.equal((await ask(message('one.example'))).rcode, RCODE.noError);
    });

    it('are refused when too many wait', async () => {
      const { ask } = world({ upstream: () => 'rejected' });
      assert.equal((await ask(message('one.example'))).rcode, RCODE.refused);
    });

    it('lose the mark of validation for who did not ask for it', async () => {
      const authentic = (query: Query): Forwarded => {
        const reply = replyTo(query, one(1));
        assert.ok(typeof reply === 'object');
        const bytes = Buffer.from(reply.bytes);
        bytes[3] = (bytes[3] ?? 0) | 0x20;
        return { ...reply, bytes };
      };
      const { ask } = world({ upstream: authentic });
      const marked = async (flags: number): Promise<boolean> => {
        const asked = message('one.example');
        asked.writeUInt16BE(flags, 2);
        return ((await ask(asked)).bytes.readUInt16BE(2) & 0x20) !== 0;
      };
      assert.equal(await marked(0x0100), false);
      assert.equal(await marked(0x0120), true);
    });

    it('are answered by the configured hosts first', async () => {
      const { ask, asked } = world();
      const { records } = await ask(message('Host.example'));
      const address = Uint8Array.of(192, 0, 2, 77);
      assert.deepEqual(records, [
        { name: 'host.example', ttlSeconds: 3_600, data: { type: TYPE.A, address } },
      ]);
      const none = await ask(message('host.example', TYPE.AAAA));
      assert.deepEqual([none.rcode, none.answers], [RCODE.noError, 0]);
      assert.deepEqual(asked, []);
    });

    it('are not asked for when the question is our own, come back', async () => {
      const { ask, asked, probes } = world();
      probes.add('a.b');
      assert.equal((await ask(message('a.b', TYPE.HINFO))).rcode, RCODE.refused);
      assert.deepEqual(asked, []);
    });
  });

  describe('an ExternalName', () => {
    const rows: [
      name: string,
      type: number,
      said: Said | Forwarded,
      rcode: number,
      lines: string[],
    ][] = [
      ['ext', TYPE.A, one(1), RCODE.noError, [`ext.${S} one.example`, 'one.example 192.0.2.1']],
      ['ext', TYPE.CNAME, 'failed', RCODE.noError, [`ext.${S} one.example`]],
      ['ext', TYPE.TXT, 'failed', RCODE.noError, [`ext.${S} one.example`]],
      [
        'twice',
        TYPE.A,
        one(1),
        RCODE.noError,
        [`twice.${S} ext.${S}`, `ext.${S} one.example`, 'one.example 192.0.2.1'],
      ],
      ['inside', TYPE.A, 'failed', RCODE.noError, [`inside.${S} web.${S}`, `web.${S} 10.96.0.7`]],
      ['inside', TYPE.AAAA, 'failed', RCODE.noError, [`inside.${S} web.${S}`]],
      ['ghost', TYPE.A, 'failed', RCODE.nxDomain, [`ghost.${S} missing.${S}`]],
      ['ext', TYPE.A, { rcode: RCODE.nxDomain }, RCODE.nxDomain, [`ext.${S} one.example`]],
      ['ext', TYPE.A, 'failed', RCODE.servFail, []],
      ['ext', TYPE.A, 'rejected', RCODE.refused, []],
      ['ext', TYPE.A, { rcode: RCODE.refused }, RCODE.servFail, []],
      ['me', TYPE.A, 'failed', RCODE.servFail, []],
      ['ping', TYPE.A, 'failed', RCODE.servFail, []],
      ['chain-0', TYPE.A, 'failed', RCODE.servFail, []],
    ];
    for (const [name, type, what, rcode, lines] of rows) {
      const asked = Object.entries(TYPE).find(([, value]) => value === type)?.[0];
      it(`${asked} ${name}, with ${JSON.stringify(what).slice(0, 30)} elsewhere`, async () => {
        const { ask } = world({ upstream: () => what });
        const answer = await ask(message(`${name}.${S}`, type));
        assert.equal(answer.rcode, rcode);
        const text = ({ name: own, data }: DnsRecord): string =>
          `${own} ${'address' in data ? data.address.join('.') : 'target' in data ? data.target : ''}`;
        assert.deepEqual(answer.records.map(text), lines);
      });
    }

    it('is followed from the cache, with what is left of the TTL', async () => {
      const { ask, asked, environment } = world({ upstream: () => one(1, 25) });
      await ask(message(`ext.${S}`));
      await environment.advance(10_000);
      const { records } = await ask(message(`ext.${S}`));
      assert.deepEqual(
        records.map(({ ttlSeconds }) => ttlSeconds),
        [30, 15],
      );
      assert.equal(asked.length, 1);
    });
  });

  it('answers SERVFAIL when it breaks, at once or later, and counts it', async () => {
    const { ask, registry, environment } = world({
      upstream: () => {
        throw new Error('broken');
      },
    });
    assert.equal((await ask(message('one.example'))).rcode, RCODE.servFail);
    const tooLong = `${'x'.repeat(64)}.${S}`;
    SERVICES.push(external('long', tooLong));
    assert.equal((await ask(message(`long.${S}`, TYPE.CNAME))).rcode, RCODE.servFail);
    SERVICES.pop();
    assert.deepEqual(countsOf(registry, 'coredns_panics_total'), [' 2']);
    assert.equal(environment.lines('warn').length, 2);
    assert.deepEqual(countsOf(registry, 'coredns_dns_responses_total'), [
      '{server="dns://:53",zone=".",view="",rcode="SERVFAIL",plugin=""} 2',
    ]);
  });

  it('counts under the names of CoreDNS', async () => {
    const { ask, registry, environment } = world({
      upstream: ({ name }) =>
        name === 'one.example'
          ? one(1)
          : { rcode: RCODE.nxDomain, authority: [soaRecord('example', 20)] },
    });
    await ask(message(`web.${S}`));
    await ask(message(`nothing.${S}`, TYPE.SRV), 'tcp');
    await ask(message('one.example'));
    await ask(message('one.example'));
    await ask(message('two.example', 99));
    const dnssec = message('two.example', 99);
    dnssec[dnssec.length - 4] = 0x80;
    await ask(dnssec);
    await ask(message('cluster.local', TYPE.AXFR));
    await environment.runUntilIdle();
    const head = 'server="dns://:53",zone';
    assert.deepEqual(countsOf(registry, 'coredns_dns_requests_total{server="dns://:53",'), [
      'zone=".",view="",proto="tcp",family="1",type="SRV"} 1',
      'zone=".",view="",proto="udp",family="1",type="A"} 3',
      'zone=".",view="",proto="udp",family="1",type="other"} 2',
      'zone="dropped",view="",proto="udp",family="1",type="AXFR"} 1',
    ]);
    assert.deepEqual(countsOf(registry, `coredns_dns_responses_total{${head}=`), [
      '".",view="",rcode="NOERROR",plugin="cache"} 1',
      '".",view="",rcode="NOERROR",plugin="forward"} 1',
      '".",view="",rcode="NOERROR",plugin="kubernetes"} 1',
      '".",view="",rcode="NXDOMAIN",plugin="forward"} 2',
      '".",view="",rcode="NXDOMAIN",plugin="kubernetes"} 1',
      '"dropped",view="",rcode="REFUSED",plugin=""} 1',
    ]);
    assert.deepEqual(countsOf(registry, 'coredns_dns_do_requests_total'), [
      '{server="dns://:53",view="",zone="."} 1',
    ]);
    const zones = 'zones=".",view=""}';
    assert.deepEqual(countsOf(registry, 'coredns_cache_'), [
      `entries{server="dns://:53",type="denial",${zones} 2`,
      `entries{server="dns://:53",type="success",${zones} 1`,
      `hits_total{server="dns://:53",type="success",${zones} 1`,
      `misses_total{server="dns://:53",${zones} 3`,
      `requests_total{server="dns://:53",${zones} 4`,
    ]);
    assert.deepEqual(countsOf(registry, 'coredns_dns_request_duration_seconds_count'), [
      '{server="dns://:53",zone=".",view="",type="A"} 3',
      '{server="dns://:53",zone=".",view="",type="SRV"} 1',
      '{server="dns://:53",zone=".",view="",type="other"} 2',
      '{server="dns://:53",zone="dropped",view="",type="AXFR"} 1',
    ]);
    assert.equal(countsOf(registry, 'coredns_dns_request_size_bytes_count').length, 3);
    assert.equal(countsOf(registry, 'coredns_dns_response_size_bytes_count').length, 3);
  });
});
