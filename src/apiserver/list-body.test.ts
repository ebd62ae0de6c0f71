import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { decodeEnvelope, decodeProtobuf, encodeProtobuf } from '#api/codec/protobuf.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { typeByName } from '#api/schema/schema.ts';
import { readBody } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
const LIST = typeByName('io.k8s.api.core.v1.ConfigMapList');

describe('a list in each form', () => {
  let server: TestApiServer;
  let list: { items: { metadata: { name: string; resourceVersion: string } }[] };
  before(async () => {
    server = await TestApiServer.start();
    for (const name of ['a', 'b', 'c']) {
      await server.must(`POST ${PATH}`, { metadata: { name }, data: { key: 'ü'.repeat(200) } });
    }
    list = await server.must(`GET ${PATH}`);
  });

  async function get(accept: string, query = ''): Promise<Uint8Array> {
    const response = await server.environment.resolve(
      server.server.handler({
        method: 'GET',
        url: `${PATH}${query}`,
        headers: { accept },
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
    const bytes = await readBody(response.body);
    if (response.body?.kind === 'pieces') assert.equal(bytes.length, response.body.length);
    return bytes;
  }
  const text = async (accept: string, query = ''): Promise<string> =>
    Buffer.from(await get(accept, query)).toString();

  it('JSON: kind, apiVersion and metadata first, then the items', async () => {
    assert.match(
      await text('application/json'),
      /^\{"kind":"ConfigMapList","apiVersion":"v1","metadata":\{"resourceVersion":"\d+"\},"items":\[/,
    );
    assert.deepEqual(
      list.items.map(({ metadata }) => metadata.name),
      ['a', 'b', 'c'],
    );
  });

  it('JSON of nothing is an empty list, not null', async () => {
    const empty = await text('application/json', '?labelSelector=none');
    assert.deepEqual(JSON.parse(empty).items, []);
  });

  it('protobuf: the bytes of the whole message', async () => {
    const envelope = decodeEnvelope(await get('application/vnd.kubernetes.protobuf'));
    assert.ok(envelope !== undefined);
    assert.equal(envelope.kind, 'ConfigMapList');
    const decoded = decodeProtobuf(LIST, envelope.raw);
    assert.deepEqual(Buffer.from(encodeProtobuf(LIST, decoded)), Buffer.from(envelope.raw));
    const whole = { ...list, items: list.items.map((item) => ({ ...item, kind: undefined })) };
    assert.deepEqual(Buffer.from(encodeProtobuf(LIST, whole)), Buffer.from(envelope.raw));
  });

  it('YAML and indented JSON hold the same', async () => {
    assert.deepEqual(fromYaml(await text('application/yaml')), list);
    const indented = await text('application/json', '?pretty=true');
    assert.match(indented, /^\{\n {2}"kind"/);
    assert.deepEqual(JSON.parse(indented), list);
  });

  it('metadata alone, in JSON and protobuf', async () => {
    const as = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const partial = JSON.parse(await text(`application/json;${as}`));
    assert.deepEqual(
      partial.items.map((item: object) => Object.keys(item)),
      Array.from({ length: 3 }, () => ['kind', 'apiVersion', 'metadata']),
    );
    const envelope = decodeEnvelope(await get(`application/vnd.kubernetes.protobuf;${as}`));
    const type = typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList');
    const decoded = decodeProtobuf(type, envelope?.raw ?? new Uint8Array(0));
    assert.equal((decoded['items'] as unknown[]).length, 3);
  });

  it('a Table: columns once, one row for each object', async () => {
    const table = JSON.parse(await text('application/json;as=Table;g=meta.k8s.io;v=v1'));
    assert.equal(table.columnDefinitions[0].name, 'Name');
    assert.deepEqual(
      table.rows.map((row: { cells: unknown[] }) => row.cells[0]),
      ['a', 'b', 'c'],
    );
  });

  it('a Table has no protobuf form: the next acceptable one is taken', async () => {
    const table = 'as=Table;g=meta.k8s.io;v=v1';
    const both = `application/vnd.kubernetes.protobuf;${table},application/json;${table}`;
    assert.equal(JSON.parse(await text(both)).kind, 'Table');
  });
});

it('a list of objects small and large is whole, and as long as it says, in JSON and protobuf', async () => {
  const server = await TestApiServer.start();
  // Smaller than a piece, about as large as what is left of one, larger than one (in JSON a quote
  // takes two bytes), and many that fill one to its last bytes.
  const letter = (size: number): string => (size === 900_000 ? '"' : 'x');
  const many = Array.from({ length: 1_000 }, (_, index) => 900 + index);
  const sizes = [10, 500_000, 520_000, 1_000_000, 200_000, 900_000, ...many];
  for (const [index, size] of sizes.entries()) {
    const name = `cm-${String(index).padStart(4, '0')}`;
    await server.must(`POST ${PATH}`, {
      metadata: { name },
      data: { key: letter(size).repeat(size) },
    });
  }
  const read = async (accept: string): Promise<Uint8Array> => {
    const response = await server.environment.resolve(
      server.server.handler({
        method: 'GET',
        url: PATH,
        headers: { accept },
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
    assert.ok(response.body?.kind === 'pieces');
    const bytes = await readBody(response.body);
    assert.equal(bytes.length, response.body.length);
    return bytes;
  };
  const lengths = (items: readonly { data?: { key: string } }[]): number[] =>
    items.flatMap(({ data }) => (data === undefined ? [] : [data.key.length]));
  const json = JSON.parse(Buffer.from(await read('application/json')).toString());
  assert.deepEqual(lengths(json.items), sizes);
  // Once made, once from what was kept.
  for (let times = 0; times < 2; times++) {
    const envelope = decodeEnvelope(await read('application/vnd.kubernetes.protobuf'));
    const decoded = decodeProtobuf(LIST, envelope?.raw ?? new Uint8Array(0));
    assert.deepEqual(lengths(decoded['items'] as { data?: { key: string } }[]), sizes);
  }
  await server.must(`PATCH ${PATH}/cm-0000`, { data: { key: 'changed' } });
  const envelope = decodeEnvelope(await read('application/vnd.kubernetes.protobuf'));
  const [first] = decodeProtobuf(LIST, envelope?.raw ?? new Uint8Array(0))['items'] as {
    data?: object;
  }[];
  assert.deepEqual(first?.data, { key: 'changed' });
});

it('a list goes out in the memory that its reader has given back', async () => {
  const server = await TestApiServer.start();
  // No text repeats itself: looking for one in the whole takes no longer than reading that.
  const texts = Array.from({ length: 60 }, (_, index) =>
    Array.from({ length: 30_000 }, (_unused, word) => `${index}.${word}`).join(' '),
  );
  for (const [index, key] of texts.entries())
    await server.must(`POST ${PATH}`, { metadata: { name: `cm-${index}` }, data: { key } });
  for (const accept of ['application/json', 'application/vnd.kubernetes.protobuf']) {
    const { body } = await server.environment.resolve(
      server.server.handler({
        method: 'GET',
        url: PATH,
        headers: { accept },
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
    assert.ok(body?.kind === 'pieces' && body.release !== undefined);
    const memories = new Set<ArrayBufferLike>();
    let [text, held] = ['', undefined as Uint8Array | undefined];
    for (const piece of body.pieces) {
      memories.add(piece.buffer);
      if (held !== undefined) {
        text += Buffer.from(held).toString('latin1');
        body.release(held);
      }
      held = piece;
    }
    text += Buffer.from(held ?? []).toString('latin1');
    assert.equal(text.length, body.length);
    for (const each of texts) assert.ok(text.includes(each));
    // Two are in the reader's hands, one is being written.
    assert.ok(memories.size <= 3, `${memories.size} pieces of memory`);
  }
});
