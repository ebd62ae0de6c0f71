/**
 * Patterns and expressions take time linear to the text, whoever wrote the pattern and whoever the
 * text: our own regular expressions, our parsers, and the patterns of users.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasFormat } from '#api/structural/formats.ts';
import { MacroTable } from '#cel/syntax/macros.ts';
import { parse } from '#cel/syntax/parser.ts';
import { regexOf } from '#cel/regex/regex.ts';
import { matchesImage } from '#kubelet/images/keyring.ts';
import { requestInfoOf } from '#apiserver/request-info.ts';
import { builtPatternsIn, patternsIn, slowText, slowTextOf } from './slow-patterns.ts';

/** Those over texts that are ours and short. */
const OWN_TEXTS = [
  // The time of this machine, and nine digits of a fraction.
  ...[
    'src/proxy/health.ts',
    'src/apiserver/audit/event.ts',
    'src/apiserver/flow-control/dumps.ts',
  ].map((file) => `${file} /\\.?0*Z$/`),
  'src/api/codec/duration.ts /0+$/',
  'src/cel/value/time.ts /0+$/',
  // A number that is printed.
  'src/cel/library/format-string.ts /\\B(?=(\\d{3})+$)/',
  // The name of a schema of ours, and our own table of roles.
  'src/apiserver/openapi/paths.ts /\\w+$/',
  'src/apiserver/bootstrap/rbac/rule-text.ts /\\[(.*)\\]/',
  'src/apiserver/bootstrap/rbac/rule-text.ts /\\[.*\\]/',
];

describe('regular expressions', () => {
  const all = patternsIn('src');

  it('are found in the source', () => {
    assert.ok(all.length > 300, String(all.length));
  });

  it('that are known to be slow are found to be', () => {
    const slow = ['^(a+)+$', '\\s+$', '^0*([0-9]*)([0-9]*)$', 'a*b'];
    const quick = ['^a+$', '^[a-z]([-a-z0-9]*[a-z0-9])?', '^\\s+', 'x"[^"]*"'];
    const isSlow = (source: string): boolean => slowTextOf({ source, flags: '' }) !== undefined;
    assert.deepEqual([...slow, ...quick].filter(isSlow), slow);
  });

  it('over texts of users take linear time', () => {
    const slow = all
      .map((pattern) => ({ ...pattern, on: slowTextOf(pattern) }))
      .filter(({ on }) => on !== undefined)
      .map(({ file, source, on }) => ({ name: `${file} /${source}/`, on }));
    assert.deepEqual(
      slow.filter(({ name }) => !OWN_TEXTS.includes(name)),
      [],
    );
  });
});

it('regular expressions that are put together take linear time too', async () => {
  const all = await builtPatternsIn('src');
  assert.ok(all.length > 10, String(all.length));
  const slow = all.map((pattern) => ({ ...pattern, on: slowTextOf(pattern) }));
  assert.deepEqual(
    slow.filter(({ on }) => on !== undefined),
    [],
  );
});

/** Modules each of whose functions takes a text of a user. */
const MODULES = [
  '#api/meta/names.ts',
  '#api/meta/ip.ts',
  '#api/meta/selector-parser.ts',
  '#api/meta/field-selector.ts',
  '#api/meta/json-path-parser.ts',
  '#api/meta/version.ts',
  '#api/structural/text-formats.ts',
  '#api/coordination/semver.ts',
  '#api/codec/quantity.ts',
  '#api/codec/duration.ts',
  '#api/core/images.ts',
  '#api/batch/schedule.ts',
  '#kubelet/images/image-name.ts',
  '#base/pem.ts',
  '#base/ip.ts',
];

/** Whatever `work` says of a text, an error too, is an answer. */
function quietly(work: (text: string) => unknown): (text: string) => void {
  return (text) => {
    try {
      work(text);
    } catch {
      // It is refused.
    }
  };
}

describe('what reads a text of a user takes linear time:', () => {
  for (const module of MODULES)
    it(module, async () => {
      const exports = (await import(module)) as Record<string, unknown>;
      const slow: string[] = [];
      for (const [name, value] of Object.entries(exports)) {
        if (typeof value !== 'function' || /^(class|[A-Z])/.test(String(value))) continue;
        const on = slowText(
          quietly((text) => (value as (...args: unknown[]) => unknown)(text, text)),
        );
        if (on !== undefined) slow.push(`${name}: ${on}`);
      }
      assert.deepEqual(slow, []);
    });

  it('formats of schemas', () => {
    const formats =
      'bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor rgbcolor byte password date duration date-time datetime k8s-short-name k8s-long-name';
    const slow = formats.split(' ').filter((name) => {
      const check = hasFormat(name);
      return check !== undefined && slowText(quietly((text) => check(text))) !== undefined;
    });
    assert.deepEqual(slow, []);
  });

  it('paths and queries', () => {
    assert.equal(
      slowText(quietly((text) => requestInfoOf('GET', `/api/v1/pods/${text}`))),
      undefined,
    );
    assert.equal(
      slowText(quietly((text) => requestInfoOf('GET', `/api/v1/pods?${text}`))),
      undefined,
    );
  });
});

describe('patterns of users', () => {
  const EVIL = [
    '(a+)+$',
    '(a|a)*$',
    '(a|aa)+$',
    '(.*a){12}$',
    '(a*)*b',
    '(x+x+)+y',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(0|[0-9])*!!',
    '\\s+$',
    '(?:a?){20}a{20}',
  ];

  for (const source of EVIL)
    it(`as of a schema, or for CEL's matches: ${source}`, () => {
      const regex = regexOf(source);
      assert.ok('test' in regex, source);
      assert.equal(
        slowText((text) => regex.test(text)),
        undefined,
      );
    });

  it('that would grow without bound are refused', () => {
    for (const source of ['a{1001}', '((a{100}){100}){100}', '(((a{30}){30}){30}){30}'])
      assert.ok(!('test' in regexOf(source)), source);
  });

  it('of registries', () => {
    const stars = `${'a*'.repeat(3)}c*b`;
    assert.equal(
      slowText((text) => matchesImage(stars, `a${text.replaceAll(/[^a-z]/g, 'a')}b/x`)),
      undefined,
    );
    const fits: readonly (readonly [string, string, boolean])[] = [
      ['*.example.com', 'a.example.com/x', true],
      ['*.example.com', 'a.b.example.com/x', false],
      ['a*b*c.io', 'aXbYc.io/x', true],
      ['a*b*c.io', 'abc.io/x', true],
      ['a*bb*b.io', 'abb.io/x', false],
      ['a*a.io', 'a.io/x', false],
      ['a.io', 'b.io/x', false],
    ];
    for (const [pattern, image, wanted] of fits)
      assert.equal(matchesImage(pattern, image), wanted, `${pattern} ${image}`);
  });
});

/** A parse costs a hundred times what a regular expression does. */
const CEL_STEPS = 2;

describe('expressions in CEL', () => {
  it('are read in linear time, or refused', () => {
    const options = { macros: new MacroTable([]), hasOptionalSyntax: true, hasEscapedNames: true };
    assert.equal(
      slowText(
        quietly((text) => parse(text, options)),
        CEL_STEPS,
      ),
      undefined,
    );
  });
});
