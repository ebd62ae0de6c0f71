import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_CONFIG, parseConfig, stubServersOf } from './config.ts';
import { parseUpstream, upstreamText } from './upstream-address.ts';

const OPTIONS = { clusterDomain: 'cluster.local', ownAddresses: ['10.96.0.10'] };
const parse = (data: Record<string, string>) => parseConfig(data, OPTIONS);

describe('parseConfig', () => {
  it('reads what people know from kube-dns', () => {
    const config = parse({
      stubDomains: '{"acme.local.": ["1.2.3.4", "fd00::1"], "Corp": ["1.2.3.5:5353"]}\n',
      upstreamNameservers: '["8.8.8.8", "[fd00:0::8]:54"]',
      cacheSeconds: ' 300\n',
      hosts: '# c\n10.0.0.1 One.example two.example # x\n\nfd00:0::1\tone.example\n',
    });
    assert.deepEqual(config, {
      stubDomains: new Map([
        [
          'acme.local',
          [
            { host: '1.2.3.4', port: 53 },
            { host: 'fd00::1', port: 53 },
          ],
        ],
        ['corp', [{ host: '1.2.3.5', port: 5353 }]],
      ]),
      upstreamNameservers: [
        { host: '8.8.8.8', port: 53 },
        { host: 'fd00::8', port: 54 },
      ],
      cacheSeconds: 300,
      hosts: new Map([
        ['one.example', ['10.0.0.1', 'fd00::1']],
        ['two.example', ['10.0.0.1']],
      ]),
    });
  });

  it('has defaults for what is not there, or blank', () => {
    assert.deepEqual(parse({}), DEFAULT_CONFIG);
    const blank = { stubDomains: ' ', upstreamNameservers: '\n', cacheSeconds: '', hosts: '' };
    assert.deepEqual(parse(blank), DEFAULT_CONFIG);
    assert.equal(parse({ cacheSeconds: '0' }).cacheSeconds, 0);
    assert.equal(parse({ cacheSeconds: '3600' }).cacheSeconds, 3_600);
  });

  const many = (count: number, text: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => text(index)).join(',');
  const bad: [data: Record<string, string>, message: RegExp][] = [
    [{ Corefile: '.' }, /^Corefile: not a key; there are stubDomains, upstreamNameservers,/],
    [{ stubDomains: '{' }, /^stubDomains: not JSON: /],
    [{ stubDomains: '["a"]' }, /^stubDomains: must be an object/],
    [{ stubDomains: 'null' }, /^stubDomains: must be an object/],
    [{ stubDomains: '{"a b": ["1.2.3.4"]}' }, /^stubDomains\["a b"\]: not a domain name/],
    [{ stubDomains: `{"${'a'.repeat(64)}": ["1.2.3.4"]}` }, /not a domain name/],
    [{ stubDomains: '{"": ["1.2.3.4"]}' }, /not a domain name/],
    [{ stubDomains: '{"cluster.local": ["1.2.3.4"]}' }, /names of the cluster/],
    [{ stubDomains: '{"svc.cluster.local.": ["1.2.3.4"]}' }, /names of the cluster/],
    [{ stubDomains: '{"a": "1.2.3.4"}' }, /must be a list of at least one server/],
    [{ stubDomains: '{"a": []}' }, /must be a list of at least one server/],
    [{ stubDomains: '{"a": [1]}' }, /1 is not an address/],
    [
      { stubDomains: `{${many(201, (index) => `"d${index}": ["1.2.3.4"]`)}}` },
      /has 201 domains; at most 200/,
    ],
    [{ upstreamNameservers: '["dns.google"]' }, /"dns.google" is not an address/],
    [{ upstreamNameservers: '["10.96.0.10:5353"]' }, /the cluster's own DNS: a loop/],
    [
      { upstreamNameservers: `[${many(16, (index) => `"1.2.3.${index}"`)}]` },
      /has 16 servers; at most 15/,
    ],
    [{ cacheSeconds: '-1' }, /^cacheSeconds: must be a whole number from 0 to 3600/],
    [{ cacheSeconds: '3601' }, /must be a whole number/],
    [{ cacheSeconds: '30s' }, /must be a whole number/],
    [{ hosts: '\nexample 10.0.0.1' }, /^hosts, line 2: must be an address and names/],
    [{ hosts: '10.0.0.1' }, /must be an address and names/],
    [{ hosts: '10.0.0.1 a..b' }, /"a..b" is not a name/],
    [
      { hosts: Array.from({ length: 5_001 }, (_, index) => `10.0.0.1 h${index}`).join('\n') },
      /more than 5000 names/,
    ],
  ];
  for (const [data, message] of bad) {
    it(`says what is wrong with ${JSON.stringify(data).slice(0, 60)}`, () =>
      assert.throws(() => parse(data), { name: 'ConfigError', message }));
  }
});

describe('stubServersOf', () => {
  it('goes by the longest domain', () => {
    const config = parse({ stubDomains: '{"a": ["1.1.1.1"], "b.a": ["2.2.2.2"]}' });
    const host = (name: string) => stubServersOf(config, name)?.[0]?.host;
    const names = ['a', 'x.a', 'b.a', 'x.b.a', 'xa', 'a.x', ''];
    assert.deepEqual(names.map(host), [
      '1.1.1.1',
      '1.1.1.1',
      '2.2.2.2',
      '2.2.2.2',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('parseUpstream', () => {
  const rows: [text: string, written: string | undefined][] = [
    ['10.0.0.1', '10.0.0.1:53'],
    ['10.0.0.1:1', '10.0.0.1:1'],
    ['fd00:0::1', '[fd00::1]:53'],
    ['[fd00::1]', '[fd00::1]:53'],
    ['[fd00::1]:65535', '[fd00::1]:65535'],
    ['10.0.0.1:0', undefined],
    ['10.0.0.1:65536', undefined],
    ['[10.0.0.1]:53', undefined],
    ['10.0.0.1:', undefined],
    ['tls://9.9.9.9', undefined],
    ['fe80::1%eth0', undefined],
    ['', undefined],
  ];
  for (const [text, written] of rows) {
    it(`${text}: ${written}`, () => {
      const address = parseUpstream(text);
      assert.equal(address && upstreamText(address), written);
    });
  }
});
