import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { readBody } from '#base/http/message.ts';
import { TestApiServer } from '../../../test/kit/api-server.ts';
import { VirtualEnvironment } from '../../../test/kit/virtual-environment.ts';
import { gzipPieces } from '../gzip.ts';
import { Turns } from '../turns.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

async function withMaps(count: number, gates = ''): Promise<TestApiServer> {
  const server = await TestApiServer.start({
    featureGates: new FeatureGates(parseFeatureGates(gates)),
  });
  for (let i = 0; i < count; i++) {
    const data = { text: `${i}`.padStart(40_000, 'abc') };
    const reply = await server.call(`POST ${MAPS}`, { metadata: { name: `m${i}` }, data });
    assert.equal(reply.status, 201);
  }
  return server;
}

async function get(server: TestApiServer, headers: Record<string, string>, url = MAPS) {
  const peer = { component: { name: 'admin', groups: ['system:masters'] } };
  const response = await server.environment.resolve(
    server.server.handler({ method: 'GET', url, headers, peer }),
  );
  return { response, bytes: Buffer.from(await readBody(response.body)) };
}

describe('compression', () => {
  test('a long list goes out in gzip to who takes it, and says the same', async () => {
    const server = await withMaps(5);
    const plain = await get(server, { accept: 'application/json' });
    assert.equal(plain.response.headers['content-encoding'], undefined);
    const small = await get(server, { accept: 'application/json', 'accept-encoding': 'br, gzip' });
    assert.equal(small.response.headers['content-encoding'], 'gzip');
    assert.equal(small.response.headers['vary'], 'Accept-Encoding');
    assert.ok(small.bytes.length < plain.bytes.length / 5);
    assert.equal(gunzipSync(small.bytes).toString(), plain.bytes.toString());
    await server.server.stop();
  });

  test('short answers, and clients that want something else, get what there is', async () => {
    const server = await withMaps(5);
    const one = await get(server, { 'accept-encoding': 'gzip' }, `${MAPS}/m1`);
    assert.equal(one.response.headers['content-encoding'], undefined);
    const other = await get(server, { 'accept-encoding': 'gzip;q=1' });
    assert.equal(other.response.headers['content-encoding'], undefined);
    await server.server.stop();
  });

  test('the gate turns it off', async () => {
    const server = await withMaps(5, 'APIResponseCompression=false');
    const { response } = await get(server, { 'accept-encoding': 'gzip' });
    assert.equal(response.headers['content-encoding'], undefined);
    await server.server.stop();
  });

  test('pieces of any size make one stream', async () => {
    const environment = new VirtualEnvironment();
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 400_000 }).map((size) => new Uint8Array(size).fill(size)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const turns = new Turns(environment);
        const made = await environment.resolve(gzipPieces(pieces, { level: 1, turns }));
        assert.deepEqual(gunzipSync(Buffer.concat(made)), Buffer.concat(pieces));
      }),
      { numRuns: 60 },
    );
  });
});
