/**
 * Bodies that mean harm: bombs, depth, names that mean something to JavaScript, numbers without end,
 * bytes that are no text. Each says which codes upstream's v1.36 answers it with.
 */
import type { Dice } from './dice.ts';
import type { FuzzRequest } from './request.ts';

/** The server's limit of a body; larger ones never reach a handler. */
const BODY_MAX_BYTES = 3 * 1024 * 1024;
const COLLECTION = '/api/v1/namespaces/fuzz/configmaps';
const OBJECT = `${COLLECTION}/target`;
const PODS = '/api/v1/namespaces/fuzz/pods';

interface Hostile {
  readonly method: string;
  readonly url: string;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly expected: readonly number[];
}

type Maker = (dice: Dice) => Hostile;

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const APPLY_TYPE = 'application/apply-patch+yaml';
const JSON_PATCH_TYPE = 'application/json-patch+json';
const MERGE_TYPE = 'application/merge-patch+json';
const STRATEGIC_TYPE = 'application/strategic-merge-patch+json';

const post = (
  type: string,
  body: string | Uint8Array,
  expected: readonly number[],
  url = COLLECTION,
): Hostile => ({
  method: 'POST',
  url,
  type,
  body,
  expected,
});
const patch = (
  type: string,
  body: string | Uint8Array,
  expected: readonly number[],
  url = OBJECT,
): Hostile => ({
  method: 'PATCH',
  url,
  type,
  body,
  expected,
});

/** Text of about `bytes`, never beyond what a server lets in. */
function repeated(text: string, bytes: number): string {
  return text.repeat(Math.max(1, Math.floor(Math.min(bytes, BODY_MAX_BYTES - 4096) / text.length)));
}

const size = (dice: Dice): number => dice.pick([100, 10_000, 100_000, 1_000_000, BODY_MAX_BYTES]);
const named = (rest: string): string => `{"metadata":{"name":"hostile"}${rest}}`;
/** What is let in is there the next time. */
const CREATED = [201, 409];

const JSON_BOMBS: readonly Maker[] = [
  (dice) => post(JSON_TYPE, repeated('[', size(dice)), [400]),
  (dice) => post(JSON_TYPE, repeated('{"a":', size(dice)), [400]),
  (dice) => {
    const depth = dice.pick([9_990, 10_001, 100_000]);
    return post(JSON_TYPE, `{"data":${'['.repeat(depth)}${']'.repeat(depth)}}`, [400]);
  },
  (dice) => {
    // Upstream takes ten thousand levels, we one thousand.
    const depth = dice.pick([50, 900, 10_001]);
    const nested = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    return post(JSON_TYPE, named(`,"x":${nested}`), depth < 1_000 ? CREATED : [400]);
  },
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile"},"data":{${repeated('"a":"b",', size(dice))}"c":"d"}}`,
      CREATED,
    ),
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile"},"x":[${repeated('{},', size(dice))}{}]}`,
      CREATED,
    ),
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile"},"data":{"a":"${repeated('\\u0000', size(dice))}"}}`,
      [...CREATED, 422],
    ),
  (dice) => post(JSON_TYPE, `${repeated(' ', size(dice))}${named('')}`, CREATED),
  (dice) => post(JSON_TYPE, repeated('"', size(dice)), [400]),
  (dice) => post(JSON_TYPE, dice.bytes(dice.pick([1, 10, 1000])), [400]),
  () => post(JSON_TYPE, '', [400]),
];

const STRANGE_NAMES: readonly Maker[] = [
  (dice) =>
    post(
      JSON_TYPE,
      named(
        `,"${dice.pick(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])}":{"polluted":true}`,
      ),
      CREATED,
    ),
  (dice) =>
    post(
      JSON_TYPE,
      named(',"data":{"__proto__":"a","constructor":"b","toString":"c"}'),
      dice.chance(2) ? CREATED : [],
    ),
  () =>
    post(
      JSON_TYPE,
      '{"metadata":{"name":"hostile","labels":{"__proto__":"a","constructor":"b"}}}',
      [...CREATED, 422],
    ),
  (dice) =>
    patch(
      JSON_PATCH_TYPE,
      JSON.stringify([
        {
          op: 'add',
          path: dice.pick([
            '/__proto__/polluted',
            '/constructor/prototype/polluted',
            '/data/__proto__/polluted',
          ]),
          value: 'x',
        },
      ]),
      [422],
    ),
  () =>
    patch(
      MERGE_TYPE,
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
      [200],
    ),
  () => patch(STRATEGIC_TYPE, '{"__proto__":{"polluted":true}}', [200]),
  () => patch(`${MERGE_TYPE}`, '{"metadata":{"__proto__":{"name":"x"}}}', [200]),
  () => post(JSON_TYPE, '{"metadata":{"name":"hostile"},"metadata":{"name":"other"}}', CREATED),
  (dice) =>
    post(
      JSON_TYPE,
      `{${repeated('"metadata":{"name":"hostile"},', size(dice) / 10)}"data":{}}`,
      CREATED,
    ),
];

const NUMBERS: readonly Maker[] = [
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile","generation":${dice.pick(['1e400', '1e999999999', '9'.repeat(400), '1.5', '-0', '9223372036854775808'])}}}`,
      [...CREATED, 400],
    ),
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile"},"spec":{"containers":[{"name":"a","image":"a","resources":{"requests":{"cpu":"${dice.pick(['1e999999999', '9'.repeat(10_000), '0.'.padEnd(10_000, '0'), '1E999', `1${'0'.repeat(2_000)}Ei`])}"}}}]}}`,
      [...CREATED, 400, 403, 422],
      PODS,
    ),
  (dice) =>
    post(
      JSON_TYPE,
      `{"metadata":{"name":"hostile"},"x":${dice.pick(['01', '+1', '.5', '1.', '0x10', 'NaN', 'Infinity', '1e', '--1'])}}`,
      [400],
    ),
];

const BAD_TEXT: readonly Maker[] = [
  () => post(JSON_TYPE, Buffer.from([0xef, 0xbb, 0xbf, ...Buffer.from(named(''))]), [400]),
  () =>
    post(
      JSON_TYPE,
      Buffer.from([
        ...Buffer.from('{"metadata":{"name":"hostile"},"data":{"a":"'),
        0xff,
        0xfe,
        0xc0,
        ...Buffer.from('"}}'),
      ]),
      CREATED,
    ),
  () => post(JSON_TYPE, '{"metadata":{"name":"hostile"},"data":{"a":"\\ud800"}}', CREATED),
  () => post(JSON_TYPE, '{"metadata":{"name":"\\ud800"}}', [422]),
  () => post(JSON_TYPE, Buffer.from(named(''), 'utf16le'), [400]),
  (dice) => post(JSON_TYPE, `${named('')}${dice.pick(['x', '{}', ']', ','])}`, [400]),
];

const YAML_BOMBS: readonly Maker[] = [
  (dice) => {
    const levels = dice.pick([5, 9, 20]);
    const lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x"]'];
    for (let level = 1; level <= levels; level++)
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(',')}]`,
      );
    return post(YAML_TYPE, `metadata: {name: hostile}\n${lines.join('\n')}\n`, [400]);
  },
  (dice) => post(YAML_TYPE, repeated('- ', size(dice) / 30), [400]),
  (dice) => post(YAML_TYPE, repeated('[', size(dice) / 30), [400]),
  (dice) => post(YAML_TYPE, repeated('{a: ', size(dice) / 30), [400]),
  (dice) =>
    post(
      YAML_TYPE,
      `metadata: {name: hostile}\ndata:\n${repeated('  ? a\n  : b\n', size(dice) / 100)}`,
      [...CREATED, 400],
    ),
  () => post(YAML_TYPE, 'a: &a [*a]\n', [400]),
  () => post(YAML_TYPE, '!!js/function "x"\n', [400]),
  () => post(YAML_TYPE, 'metadata: {name: hostile}\n<<: {data: {a: b}}\n', [...CREATED, 400]),
  (dice) => post(YAML_TYPE, dice.bytes(50), [400]),
  (dice) =>
    patch(
      APPLY_TYPE,
      dice.pick([
        '',
        'a',
        '- a',
        'null',
        '{',
        'apiVersion: v1',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: target, managedFields: [{}]}',
        'apiVersion: v1\nkind: Pod\nmetadata: {name: target}',
      ]),
      [400],
      `${OBJECT}?fieldManager=x`,
    ),
  (dice) =>
    patch(
      APPLY_TYPE,
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: target}\ndata: ${repeated('[', dice.pick([100, 20_000]))}`,
      [400],
      `${OBJECT}?fieldManager=x`,
    ),
];

const MAGIC = [0x6b, 0x38, 0x73, 0x00];

const PROTOBUF: readonly Maker[] = [
  (dice) => post(PROTOBUF_TYPE, dice.bytes(dice.pick([0, 3, 100])), [400]),
  (dice) =>
    post(
      PROTOBUF_TYPE,
      Buffer.concat([Buffer.from(MAGIC), dice.bytes(dice.pick([1, 10, 1000]))]),
      [400, 201, 409, 422],
    ),
  // A length of four gigabytes, and one that is negative.
  () => post(PROTOBUF_TYPE, Buffer.from([...MAGIC, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), [400]),
  () =>
    post(
      PROTOBUF_TYPE,
      Buffer.from([...MAGIC, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
      [400],
    ),
  // Groups within groups.
  (dice) =>
    post(
      PROTOBUF_TYPE,
      Buffer.concat([Buffer.from(MAGIC), Buffer.alloc(dice.pick([10, 100_000]), 0x0b)]),
      [400],
    ),
];

const PATCH_BOMBS: readonly Maker[] = [
  (dice) => {
    const copies = dice.pick([10, 30, 100]);
    const operations = [
      { op: 'add', path: '/data', value: { a: 'x'.repeat(1_000) } },
      ...Array.from({ length: copies }, (_, at) => ({
        op: 'copy',
        from: '/data',
        path: `/data/c${at}`,
      })),
    ];
    return patch(JSON_PATCH_TYPE, JSON.stringify(operations), [400, 413, 422]);
  },
  () =>
    patch(
      JSON_PATCH_TYPE,
      JSON.stringify(Array(10_001).fill({ op: 'test', path: '/kind', value: 'ConfigMap' })),
      [413],
    ),
  (dice) =>
    patch(
      JSON_PATCH_TYPE,
      dice.pick([
        '',
        '{}',
        '"x"',
        '[1]',
        '[{}]',
        '[{"op":"x"}]',
        '[{"op":"add"}]',
        '[{"op":"add","path":1}]',
        'null',
      ]),
      [200, 400, 422],
    ),
  (dice) =>
    patch(
      dice.pick([MERGE_TYPE, STRATEGIC_TYPE]),
      dice.pick(['', '[]', '"x"', '1', '{', 'null']),
      [200, 400],
    ),
  (dice) => patch(MERGE_TYPE, repeated('{"a":', size(dice)), [400]),
  (dice) => patch(MERGE_TYPE, `{"data":${repeated('{"a":', dice.pick([100, 60_000]))}`, [400]),
  (dice) =>
    patch(
      STRATEGIC_TYPE,
      dice.pick([
        '{"$patch":"x"}',
        '{"$patch":1}',
        '{"metadata":{"$patch":"replace"}}',
        '{"data":{"$patch":"delete"}}',
        '{"metadata":{"$setElementOrder/finalizers":1}}',
        '{"metadata":{"$deleteFromPrimitiveList/finalizers":1}}',
        '{"metadata":{"$retainKeys":1}}',
        '{"metadata":{"ownerReferences":[1]}}',
        '{"metadata":{"ownerReferences":[{}]}}',
      ]),
      [200, 400, 422, 500],
    ),
  (dice) =>
    patch(dice.pick(['text/plain', 'application/xml', '', 'application/json']), '{}', [415]),
];

const ALL: readonly Maker[] = [
  ...JSON_BOMBS,
  ...STRANGE_NAMES,
  ...NUMBERS,
  ...BAD_TEXT,
  ...YAML_BOMBS,
  ...PROTOBUF,
  ...PATCH_BOMBS,
];

/** One hostile request; now and then the object that the patches are for. */
export function hostileRequest(dice: Dice): FuzzRequest {
  if (dice.chance(0.03)) return asRequest(target());
  return asRequest(dice.pick(ALL)(dice));
}

/** One of each kind, for a comparison with another server: the object to patch comes first. */
export function hostileSamples(dice: Dice): FuzzRequest[] {
  return [target(), ...ALL.map((make) => make(dice))].map(asRequest);
}

function target(): Hostile {
  const body = JSON.stringify({ metadata: { name: 'target' }, data: { a: 'b' } });
  return post(JSON_TYPE, body, CREATED);
}

function asRequest({ method, url, type, body, expected }: Hostile): FuzzRequest {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    method,
    url,
    headers: { accept: 'application/json', 'user-agent': 'fuzz', 'content-type': type },
    ...(bytes.length === 0 ? {} : { body: bytes }),
    // Until somebody has made the object, all patches of it are answered so.
    expected: method === 'PATCH' ? [...expected, 404] : expected,
  };
}
