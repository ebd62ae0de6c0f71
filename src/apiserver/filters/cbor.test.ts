import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { cborToJson, jsonToCbor } from '#api/codec/cbor.ts';
import type { Json } from '#api/meta/object.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import { TestApiServer } from '../../../test/kit/api-server.ts';

const CBOR = 'application/cbor';
const MAPS = '/api/v1/namespaces/default/configmaps';
const ADMIN = { name: 'admin', groups: ['system:masters'] };

const started = (gates = 'CBORServingAndStorage=true'): Promise<TestApiServer> =>
  TestApiServer.start({ featureGates: new FeatureGates(parseFeatureGates(gates)) });

interface Sent {
  readonly accept?: string;
  readonly type?: string;
  readonly body?: Uint8Array;
}

function send(server: TestApiServer, request: string, sent: Sent = {}): Promise<HttpResponse> {
  const [method = '', url = ''] = request.split(' ');
  const { accept = CBOR, type = CBOR, body } = sent;
  return server.environment.resolve(
    server.server.handler({
      method,
      url,
      headers: { accept, 'content-type': type },
      peer: { component: ADMIN },
      ...(body === undefined ? {} : { body }),
    }),
  );
}

/** The value of an answer in CBOR. */
async function valueOf(response: HttpResponse) {
  assert.equal(response.headers['content-type'], CBOR);
  const bytes = await readBody(response.body);
  assert.equal(response.headers['content-length'] ?? String(bytes.length), String(bytes.length));
  return JSON.parse(cborToJson(bytes));
}

const map = (name: string, data: { [key: string]: string }): Uint8Array =>
  jsonToCbor({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name }, data });

describe('CBOR, where its gate is on', () => {
  it('goes in and comes out, for objects, lists, Tables and errors', async () => {
    const server = await started();
    const made = await send(server, `POST ${MAPS}`, { body: map('a', { b: 'c' }) });
    assert.equal(made.status, 201);
    assert.deepEqual((await valueOf(made)).data, { b: 'c' });
    const list = await valueOf(await send(server, `GET ${MAPS}`));
    assert.deepEqual(list, await server.must(`GET ${MAPS}`));
    const accept = `${CBOR};as=Table;g=meta.k8s.io;v=v1`;
    const table = await valueOf(await send(server, `GET ${MAPS}`, { accept }));
    assert.equal(table.kind, 'Table');
    assert.equal((await valueOf(await send(server, `GET ${MAPS}/none`))).reason, 'NotFound');
    assert.equal((await valueOf(await send(server, 'GET /api/v1'))).kind, 'APIResourceList');
  });

  it('is one form among others: the first that a client can have is taken', async () => {
    const server = await started();
    const typeFor = async (accept: string): Promise<string | undefined> =>
      (await send(server, `GET ${MAPS}`, { accept })).headers['content-type'];
    assert.equal(await typeFor(`application/json,${CBOR}`), 'application/json');
    assert.equal(await typeFor(`application/json;q=0.5,${CBOR}`), CBOR);
  });

  it('applies', async () => {
    const server = await started();
    const type = 'application/apply-patch+cbor';
    const url = `PATCH ${MAPS}/a?fieldManager=me`;
    const applied = await valueOf(await send(server, url, { type, body: map('a', { b: 'c' }) }));
    assert.equal(applied.metadata.managedFields[0].operation, 'Apply');
    const bad = await send(server, url, { type, body: Buffer.from('a') });
    assert.equal(bad.status, 400);
    assert.match((await valueOf(bad)).message, /^cbor: /);
  });

  it('streams', async () => {
    const server = await started();
    await server.must(`POST ${MAPS}`, { metadata: { name: 'a' } });
    const accept = 'application/cbor-seq';
    const field = 'fieldSelector=metadata.name%3Da';
    const watch = await send(server, `GET ${MAPS}?watch=1&timeoutSeconds=5&${field}`, { accept });
    assert.equal(watch.headers['content-type'], 'application/cbor-seq');
    const read = readBody(watch.body);
    await server.must(`PATCH ${MAPS}/a`, { data: { b: 'c' } });
    await server.environment.advance(6_000);
    assert.deepEqual(
      sequenceOf(await read).map(({ type, object }) => [type, object.data]),
      [
        ['ADDED', undefined],
        ['MODIFIED', { b: 'c' }],
      ],
    );
  });

  it('says what fields are unknown', async () => {
    const server = await started();
    const body = jsonToCbor({ metadata: { name: 'a' }, odd: 1 } satisfies Json);
    const refused = await send(server, `POST ${MAPS}?fieldValidation=Strict`, { body });
    assert.match((await valueOf(refused)).message, /unknown field "odd"/);
  });
});

it('CBOR is no form of anything while its gate is off, which it is by default', async () => {
  const server = await started('');
  assert.equal((await send(server, `GET ${MAPS}`)).status, 406);
  const made = await send(server, `POST ${MAPS}`, {
    accept: 'application/json',
    body: map('a', {}),
  });
  assert.equal(made.status, 415);
});

/** The events of a sequence: each item begins with the tag that says it is CBOR. */
function sequenceOf(bytes: Uint8Array) {
  const mark = jsonToCbor(null).subarray(0, 3);
  const buffer = Buffer.from(bytes);
  const starts: number[] = [];
  for (let at = buffer.indexOf(mark); at >= 0; at = buffer.indexOf(mark, at + 1)) starts.push(at);
  return starts.map((start, i) => JSON.parse(cborToJson(buffer.subarray(start, starts[i + 1]))));
}
