import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import { WireReader } from '#api/codec/wire.ts';
import { fixedKinds } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { requestInfoOf } from '../request-info.ts';
import { createOpenApi } from './openapi.ts';

/** Timers that fire in the next microtask: a document is made at once. */
const timers = {
  after(_delayMs: number, callback: () => void) {
    let cancelled = false;
    queueMicrotask(() => {
      if (!cancelled) callback();
    });
    return { cancel: () => (cancelled = true) };
  },
};
const CLOCK = { now: () => Date.parse('2026-01-02T03:04:05Z'), monotonicMs: () => 0 };
const openApi = createOpenApi({ kinds: fixedKinds(KINDS), environment: { timers, clock: CLOCK } });

/** The golden documents come from a server with CBOR switched on, which a default server has not. */
const withCbor = createOpenApi({
  kinds: fixedKinds(KINDS),
  environment: { timers, clock: CLOCK },
  cbor: true,
});

async function ask(
  url: string,
  headers: Record<string, string> = {},
  server = openApi,
): Promise<HttpResponse | undefined> {
  const request = { method: 'GET', url, headers };
  return server.handle({
    request,
    info: requestInfoOf('GET', url),
    header: (name) => headers[name] ?? '',
  });
}

async function bytesOf(response: HttpResponse | undefined): Promise<Buffer> {
  assert.equal(response?.status, 200);
  return Buffer.from(await readBody(response?.body));
}

/** The length-delimited fields of a protobuf message by number. */
function fieldsOf(message: Buffer): Map<number, Buffer[]> {
  const found = new Map<number, Buffer[]>();
  const reader = new WireReader(message);
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if ((tag & 7) !== 2) reader.skip(tag & 7);
    else found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), Buffer.from(reader.bytes())]);
  }
  return found;
}

type Value = null | string | number | boolean | Value[] | { [key: string]: Value };
type Tree = { [key: string]: Value };

async function jsonOf(url: string, server = openApi): Promise<Tree> {
  const bytes = await bytesOf(await ask(url, {}, server));
  return JSON.parse(bytes.toString()) as Tree;
}

/** Of an entry of the index. */
function urlOf(entry: Value | undefined): string {
  const url = isTree(entry) ? entry['serverRelativeURL'] : undefined;
  assert.equal(typeof url, 'string');
  return typeof url === 'string' ? url : '';
}

function isTree(value: Value | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every difference as `path: want … got …`; lists of media are compared as sets. */
function differences(path: string, want: Value | undefined, got: Value | undefined): string[] {
  if (isTree(want) && isTree(got)) {
    const keys = new Set([...Object.keys(want), ...Object.keys(got)]);
    return [...keys].flatMap((key) => differences(`${path}#${key}`, want[key], got[key]));
  }
  const isMedia = path.endsWith('#produces') || path.endsWith('#consumes');
  const text = (value: Value | undefined): string =>
    JSON.stringify(
      Array.isArray(value) && (isMedia || typeof value[0] === 'object')
        ? value.map((item) => JSON.stringify(sorted(item))).toSorted()
        : value,
    ) ?? '';
  return text(want) === text(got) ? [] : [`${path}: want ${text(want)} got ${text(got)}`];
}

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]): [string, Value] => [key, sorted(member)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The golden documents have lost their descriptions; answers must have one, others may. */
function withoutDescriptions(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => {
      if (key === 'description' && typeof member === 'string') return [];
      if (key === 'responses' && isTree(member))
        for (const answer of Object.values(member))
          if (isTree(answer)) assert.equal(typeof answer['description'], 'string');
      return [[key, withoutDescriptions(member)]];
    }),
  );
}

const shared = process.env['COXSWAIN_SHARED'];
const golden = shared === undefined ? '' : join(shared, 'golden/openapi');
const skip = existsSync(golden) ? false : 'COXSWAIN_SHARED with golden/openapi is absent';
const readGolden = (file: string): Tree =>
  JSON.parse(readFileSync(join(golden, file), 'utf8')) as Tree;

/** A description that the golden data kept by mistake. */
const KEPT_DESCRIPTION =
  /#io\.k8s\.api\.networking\.v1\.HTTPIngressRuleValue#properties#paths#description:/;

describe('OpenAPI v3 equals upstream for what a default server serves', { skip }, () => {
  test('every document, but for the version and what the golden data do not have', async () => {
    const { paths } = await jsonOf('/openapi/v3', withCbor);
    const found: string[] = [];
    const absent: string[] = [];
    for (const [path, entry] of Object.entries(paths as Tree)) {
      const file = `${path.replaceAll('/', '__')}_openapi.json`;
      if (!existsSync(join(golden, file))) {
        absent.push(path);
        continue;
      }
      const { info: _, ...want } = readGolden(file);
      const { info: __, ...got } = withoutDescriptions(
        await jsonOf(urlOf(entry), withCbor),
      ) as Tree;
      found.push(...differences(path, want, got).filter((line) => !KEPT_DESCRIPTION.test(line)));
    }
    assert.deepEqual(found, []);
    assert.deepEqual(absent, ['.well-known/openid-configuration']);
  });
});

describe('OpenAPI v2 equals upstream for what a default server serves', { skip }, () => {
  test('every path and every definition', async () => {
    const want = readGolden('swagger.json');
    const got = withoutDescriptions(await jsonOf('/openapi/v2', withCbor)) as Tree;
    const parameters = want['parameters'] as Tree;
    const resolve = (value: Value): Value => {
      if (Array.isArray(value)) return value.map(resolve);
      if (!isTree(value)) return value;
      const { $ref } = value;
      if (typeof $ref === 'string' && $ref.startsWith('#/parameters/'))
        return parameters[$ref.slice(13)] ?? null;
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [key, resolve(member)]),
      );
    };
    const served = new Set(Object.keys(got['paths'] as Tree));
    const wantPaths = Object.entries(want['paths'] as Tree).filter(([path]) => served.has(path));
    const found = differences('paths', resolve(Object.fromEntries(wantPaths)), got['paths']);
    const names = new Set(Object.keys(got['definitions'] as Tree));
    const wantNames = Object.entries(want['definitions'] as Tree).filter(([name]) =>
      names.has(name),
    );
    found.push(
      ...differences('definitions', resolve(Object.fromEntries(wantNames)), got['definitions']),
    );
    const rest = ['security', 'securityDefinitions', 'swagger'].flatMap((key) =>
      differences(key, want[key], got[key]),
    );
    assert.deepEqual(
      [...found, ...rest].filter((line) => !KEPT_DESCRIPTION.test(line) && !GVK_LIST.test(line)),
      [],
    );
    const absent = Object.keys(want['paths'] as Tree).filter(
      (path) => !served.has(path) && !OFF.test(path),
    );
    assert.deepEqual(absent, ['/logs/', '/logs/{logpath}']);
  });
});

/** Kinds that every group has are listed with all versions there, those that are off among them. */
const GVK_LIST =
  /^definitions#io\.k8s\.apimachinery\.pkg\.apis\.meta\.v1\.(DeleteOptions|WatchEvent)#x-kubernetes-group-version-kind:/;
/** Paths of versions, and of groups, that a default server does not serve. */
const OFF =
  /^\/apis\/(?:[\w.]+\/v\d+(?:alpha|beta)\d+\/|internal\.apiserver\.k8s\.io\/$|storagemigration\.k8s\.io\/$)/;

describe('how documents are sent', () => {
  test('the index names a hash; with it the document is immutable, with another the client is sent on', async () => {
    const index = await jsonOf('/openapi/v3');
    const url = urlOf((index['paths'] as Tree)['apis/apps/v1']);
    assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const response = await ask(url);
    assert.match(response?.headers['cache-control'] ?? '', /immutable/);
    const moved = await ask('/openapi/v3/apis/apps/v1?hash=OLD');
    assert.equal(moved?.status, 301);
    assert.equal(moved?.headers['location'], url);
  });

  test('a client that has the document is not sent it again', async () => {
    const first = await ask('/openapi/v2');
    const etag = first?.headers['etag'] ?? '';
    assert.equal((await ask('/openapi/v2', { 'if-none-match': etag }))?.status, 304);
    assert.equal((await ask('/openapi/v2', { 'if-none-match': '"x"' }))?.status, 200);
  });

  test('a client that takes protobuf gets it, by its old name or its new one', async () => {
    for (const at of ['@', '.']) {
      const accept = `application/com.github.proto-openapi.spec.v2${at}v1.0+protobuf`;
      const response = await ask('/openapi/v2', { accept });
      assert.equal(
        response?.headers['content-type'],
        'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
      );
      const document = fieldsOf(await bytesOf(response));
      assert.equal(document.get(1)?.[0]?.toString(), '2.0');
      const paths = fieldsOf(document.get(8)?.[0] ?? Buffer.alloc(0)).get(2) ?? [];
      const names = paths.map((item) => fieldsOf(item).get(1)?.[0]?.toString());
      assert.deepEqual(names, Object.keys((await jsonOf('/openapi/v2'))['paths'] as Tree));
      const definitions = fieldsOf(document.get(9)?.[0] ?? Buffer.alloc(0)).get(1) ?? [];
      assert.ok(definitions.length > 400);
    }
    const accept = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
    const third = await ask('/openapi/v3/apis/apps/v1', { accept });
    assert.equal(
      fieldsOf(await bytesOf(third))
        .get(1)?.[0]
        ?.toString(),
      '3.0.0',
    );
  });

  test('v2 goes out in gzip to who takes it', async () => {
    const response = await ask('/openapi/v2', { 'accept-encoding': 'gzip' });
    assert.equal(response?.headers['content-encoding'], 'gzip');
    const plain = await bytesOf(await ask('/openapi/v2'));
    assert.deepEqual(gunzipSync(await readBody(response?.body)), plain);
  });

  test('a client that takes neither is told so', async () => {
    assert.equal((await ask('/openapi/v2', { accept: 'text/html' }))?.status, 406);
    assert.equal((await ask('/openapi/v3/apis/apps/v1', { accept: 'text/html' }))?.status, 406);
  });

  test('fields list the values that they may have while the gate OpenAPIEnums is on', async () => {
    const withEnums = createOpenApi({
      kinds: fixedKinds(KINDS),
      environment: { timers, clock: CLOCK },
      enums: true,
    });
    const url = '/openapi/v3/api/v1';
    const response = await withEnums.handle({
      request: { method: 'GET', url, headers: {} },
      info: requestInfoOf('GET', url),
      header: () => '',
    });
    const text = Buffer.from(await bytesOf(response)).toString();
    assert.match(
      text,
      /"imagePullPolicy":\{"type":"string","enum":\["Always","IfNotPresent","Never"\]/,
    );
    assert.doesNotMatch(Buffer.from(await bytesOf(await ask(url))).toString(), /"enum":\[/);
  });

  test('CBOR is mentioned where its gate is on, and nowhere else', async () => {
    const url = '/openapi/v3/api/v1';
    assert.match(JSON.stringify(await jsonOf(url, withCbor)), /cbor/);
    assert.doesNotMatch(JSON.stringify(await jsonOf(url)), /cbor/);
  });

  test('other paths are left to somebody else', async () => {
    assert.equal(await ask('/openapi/v3/apis/none/v1'), undefined);
    assert.equal(await ask('/openapi'), undefined);
    assert.equal(await ask('/api'), undefined);
  });
});

test('explains the metadata that every object has, in the words that clients look for', async () => {
  const model = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
  const v3 = await jsonOf('/openapi/v3/api/v1');
  const schemas = (v3['components'] as Tree)['schemas'] as Tree;
  const v2 = (await jsonOf('/openapi/v2'))['definitions'] as Tree;
  for (const { description, properties } of [schemas[model] as Tree, v2[model] as Tree]) {
    assert.equal(typeof description, 'string');
    for (const [name, field] of Object.entries(properties as Tree))
      assert.equal(typeof (field as Tree)['description'], 'string', name);
    const { creationTimestamp } = properties as Tree;
    assert.match(
      JSON.stringify((creationTimestamp as Tree)['description']),
      /CreationTimestamp is a timestamp/,
    );
  }
});
