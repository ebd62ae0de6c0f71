/** A watch of the whole API server, on a socket with TLS, whose client reads nothing of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { readBody } from '#base/http/message.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import type { PemPair } from '../../src/edge/test-kit.ts';
import { type HttpsApiServer, startHttpsApiServer } from '#kit/https-api-server.ts';
import { FLAG, FRAME, frame, getBlock, WireClient } from './http2-wire.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const OBJECT_BYTES = 900_000;
/** 90 MB: more than the 16 MiB that may lie unread, and what the kernel takes of a connection. */
const OBJECTS = 100;

let server: HttpsApiServer;
let identity: PemPair;
let client: HttpClient;

before(async () => {
  server = await startHttpsApiServer();
  identity = server.identity('admin', ['system:masters']);
  client = httpClient({
    host: '127.0.0.1',
    port: server.port,
    tls: { ca: server.ca, ...identity },
  });
});
after(async () => {
  client.close();
  await server.stop();
});

async function call(method: string, url: string, body?: object): Promise<string> {
  const response = await client.handler({
    method,
    url,
    headers: { 'content-type': 'application/json', 'user-agent': 'another' },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
  });
  const text = Buffer.from(await readBody(response.body)).toString();
  assert.ok(response.status < 300, text);
  return text;
}

/** How many watches of ConfigMaps the server holds. */
async function watches(): Promise<number> {
  const line = /^apiserver_longrunning_requests\{.*resource="configmaps".*verb="WATCH".*\} (\d+)$/m;
  return Number(line.exec(await call('GET', '/metrics'))?.[1] ?? 0);
}

/** Opens a watch that is never read; gives what ends the connection. */
const PROTOCOLS: Readonly<Record<string, (path: string) => Promise<() => void>>> = {
  'HTTP/1.1': async (path) => {
    const socket = connect({ port: server.port, host: '127.0.0.1', ca: server.ca, ...identity });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.pause().write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return () => socket.destroy();
  },
  'HTTP/2': async (path) => {
    const wire = await WireClient.open(server.port, { identity, window: 0 });
    const whole = FLAG.endStream + FLAG.endHeaders;
    await wire.send(frame(FRAME.headers, whole, 1, getBlock(path)));
    return () => wire.socket.destroy();
  },
};

describe('a watch that nobody reads', () => {
  for (const [protocol, open] of Object.entries(PROTOCOLS))
    it(`is cut off over ${protocol}, and others are answered`, async () => {
      const list = JSON.parse(await call('GET', `${CONFIG_MAPS}?limit=1`));
      const since = list.metadata.resourceVersion;
      const end = await open(`${CONFIG_MAPS}?watch=1&resourceVersion=${since}`);
      while ((await watches()) === 0) await call('GET', CONFIG_MAPS);
      const data = { large: 'x'.repeat(OBJECT_BYTES) };
      let written = 0;
      while (written < OBJECTS && (await watches()) > 0) {
        written++;
        const metadata = { name: `${protocol.toLowerCase().replaceAll('/', '-')}-${written}` };
        await call('POST', CONFIG_MAPS, { metadata, data });
      }
      assert.equal(await watches(), 0, 'the watch is still held');
      assert.ok(written * OBJECT_BYTES > 16_000_000, 'it was cut off early');
      end();
    });
});
