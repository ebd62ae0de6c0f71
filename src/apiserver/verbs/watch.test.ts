import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEnvelope, decodeProtobuf } from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';
import { readBody } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const ADMIN = { name: 'admin', groups: ['system:masters'] };
const PATH = '/api/v1/namespaces/default/configmaps';

interface Event {
  readonly type: string;
  // Whatever the server sends.
  readonly object: any; // oxlint-disable-line typescript/no-explicit-any
}

interface Watched {
  readonly events: Event[];
  ended: boolean;
  /** What came, as TYPE name. */
  told(): string[];
  stop(): void;
}

async function watch(server: TestApiServer, query: string, objects = false): Promise<Watched> {
  const stop = new AbortController();
  const response = await server.environment.resolve(
    server.server.handler({
      method: 'GET',
      url: `${PATH}?watch=1${query}`,
      headers: { accept: 'application/json' },
      peer: { component: ADMIN },
      signal: stop.signal,
      ...(objects ? { takesObjects: true } : {}),
    }),
  );
  const watched: Watched = {
    events: [],
    ended: false,
    told: () => watched.events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`),
    stop: () => stop.abort(),
  };
  const end = (): void => {
    watched.ended = true;
  };
  const { body } = response;
  if (body?.kind === 'events') {
    body.start({
      events: (batch) => watched.events.push(...(batch as Event[])),
      end,
      abort: end,
      onClose: () => {},
    });
    return watched;
  }
  assert.ok(body?.kind === 'stream');
  body.start({
    write(bytes) {
      for (const line of Buffer.from(bytes).toString().trim().split('\n'))
        watched.events.push(JSON.parse(line));
      return true;
    },
    end,
    abort: end,
    onDrain: () => {},
    onClose: () => {},
  });
  return watched;
}

const configMap = (name: string, labels = {}) => ({ metadata: { name, labels } });

for (const objects of [false, true]) {
  describe(objects ? 'a watch of objects' : 'a watch of bytes', () => {
    it('begins behind its resourceVersion and tells every change in order', async () => {
      const server = await TestApiServer.start();
      const { metadata } = await server.must(`POST ${PATH}`, configMap('a'));
      await server.must(`POST ${PATH}`, configMap('b'));
      const watched = await watch(
        server,
        `&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name!%3Dkube-root-ca.crt`,
        objects,
      );
      await server.must(`PATCH ${PATH}/a`, { data: { x: '1' } });
      await server.must(`DELETE ${PATH}/b`);
      await server.environment.advance(1);
      assert.deepEqual(watched.told(), ['ADDED b', 'MODIFIED a', 'DELETED b']);
      const versions = watched.events.map(({ object }) => Number(object.metadata.resourceVersion));
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => a - b),
      );
    });

    it('tells what enters and leaves a selection as ADDED and DELETED', async () => {
      const server = await TestApiServer.start();
      const watched = await watch(server, '&labelSelector=show&resourceVersion=0', objects);
      await server.must(`POST ${PATH}`, configMap('a'));
      await server.must(`PATCH ${PATH}/a`, { metadata: { labels: { show: 'me' } } });
      const { metadata } = await server.must(`PATCH ${PATH}/a`, {
        metadata: { labels: { show: null } },
      });
      await server.must(`PATCH ${PATH}/a`, { data: { x: '1' } });
      await server.environment.advance(1);
      assert.deepEqual(watched.told(), ['ADDED a', 'DELETED a']);
      const left = watched.events[1]?.object;
      assert.deepEqual(left.metadata.labels, { show: 'me' });
      assert.equal(left.metadata.resourceVersion, metadata.resourceVersion);
    });

    it('of one name tells of that object alone, and of its end', async () => {
      const server = await TestApiServer.start();
      const query = '&resourceVersion=0&fieldSelector=metadata.name%3Da';
      const watched = await watch(server, query, objects);
      const other = await watch(server, query, objects);
      await server.must(`POST ${PATH}`, configMap('b'));
      await server.must(`POST ${PATH}`, configMap('a'));
      other.stop();
      await server.must(`DELETE ${PATH}/b`);
      await server.must(`DELETE ${PATH}/a`);
      await server.environment.advance(1);
      assert.deepEqual(watched.told(), ['ADDED a', 'DELETED a']);
      assert.deepEqual(other.told(), ['ADDED a']);
    });

    it('sends the state first and closes it by a bookmark where that is asked for', async () => {
      const server = await TestApiServer.start();
      await server.must(`POST ${PATH}`, configMap('a'));
      const watched = await watch(
        server,
        '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Da',
        objects,
      );
      await server.environment.advance(1);
      assert.deepEqual(watched.told(), ['ADDED a', 'BOOKMARK ']);
      assert.deepEqual(watched.events[1]?.object.metadata.annotations, {
        'k8s.io/initial-events-end': 'true',
      });
    });

    it('ends after its timeout, and when its reader goes', async () => {
      const server = await TestApiServer.start();
      const timed = await watch(server, '&timeoutSeconds=5', objects);
      const left = await watch(server, '', objects);
      await server.environment.advance(5_001);
      assert.equal(timed.ended, true);
      assert.equal(left.ended, false);
      left.stop();
      await server.environment.advance(1);
      const seen = left.events.length;
      await server.must(`POST ${PATH}`, configMap('late'));
      await server.environment.advance(1);
      assert.equal(left.events.length, seen);
    });

    it('ends when the server stops', async () => {
      const server = await TestApiServer.start();
      const watched = await watch(server, '', objects);
      await server.environment.resolve(server.server.stop());
      assert.equal(watched.ended, true);
    });
  });
}

it('a watch and a list in this process give one and the same object', async () => {
  const server = await TestApiServer.start();
  const one = await watch(server, '&resourceVersion=0', true);
  const other = await watch(server, '&labelSelector=a%3Db', true);
  await server.must(`POST ${PATH}`, configMap('shared', { a: 'b' }));
  await server.environment.advance(1);
  const told = one.events.find(({ object }) => object.metadata.name === 'shared');
  assert.equal(told?.object, other.events[0]?.object);
});

it('a watch from a revision that is no longer known is one error, as upstream has it', async () => {
  const server = await TestApiServer.start();
  const { metadata } = await server.must(`POST ${PATH}`, configMap('a'));
  for (let i = 0; i < 5_200; i++) await server.must(`PATCH ${PATH}/a`, { data: { x: String(i) } });
  const { status, body } = await server.call(
    `GET ${PATH}?watch=1&resourceVersion=${metadata.resourceVersion}`,
  );
  assert.deepEqual([status, body.type, body.object.code], [200, 'ERROR', 410]);
  assert.match(body.object.message, /^too old resource version/);
});

it('a state larger than what may lie unread reaches a slow reader whole', async () => {
  const server = await TestApiServer.start();
  const value = 'x'.repeat(60_000);
  for (let i = 0; i < 400; i++)
    await server.must(`POST ${PATH}`, { metadata: { name: `cm-${i}` }, data: { value } });
  const response = await server.environment.resolve(
    server.server.handler({
      method: 'GET',
      url: `${PATH}?watch=1&fieldSelector=metadata.name!%3Dkube-root-ca.crt`,
      headers: { accept: 'application/json' },
      peer: { component: ADMIN },
    }),
  );
  const { body } = response;
  assert.ok(body?.kind === 'stream');
  let drained = (): void => {};
  let events = 0;
  let aborted: Error | undefined;
  body.start({
    write(bytes) {
      events += Buffer.from(bytes).toString().split('\n').length - 1;
      server.environment.timers.after(10, drained);
      return false;
    },
    end: () => {},
    abort: (reason) => {
      aborted = reason;
    },
    onDrain: (callback) => {
      drained = callback;
    },
    onClose: () => {},
  });
  await server.environment.advance(60_000);
  assert.equal(aborted, undefined);
  assert.equal(events, 400);
});

describe('the form of a watch', () => {
  const ask = (server: TestApiServer, accept: string, query: string, userAgent = 'test') =>
    server.environment.resolve(
      server.server.handler({
        method: 'GET',
        url: `${PATH}?watch=1${query}`,
        headers: { accept, 'user-agent': userAgent },
        peer: { component: ADMIN },
      }),
    );

  it('is never YAML, which has no stream', async () => {
    const server = await TestApiServer.start();
    const { status, body } = await ask(server, 'application/yaml', '');
    assert.equal(status, 406);
    assert.match(
      Buffer.from(await readBody(body)).toString(),
      /accepted:\s+application\/json;stream=watch,\s+application\/vnd\.kubernetes\.protobuf;stream=watch/,
    );
  });

  it('is a line for each event, also for people', async () => {
    const server = await TestApiServer.start();
    await server.must(`POST ${PATH}`, configMap('a'));
    const query = '&timeoutSeconds=1&pretty=true&fieldSelector=metadata.name%3Da';
    const { body } = await ask(server, 'application/json', query, 'curl/8');
    const text = readBody(body);
    await server.environment.advance(2_000);
    const lines = Buffer.from(await text)
      .toString()
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).object.metadata.name),
      ['a'],
    );
  });

  it('is protobuf for errors too', async () => {
    const server = await TestApiServer.start();
    const { body } = await ask(server, 'application/vnd.kubernetes.protobuf', '&resourceVersion=1');
    assert.ok(body?.kind === 'stream');
    // The events behind the beginning are forgotten before there is a reader.
    await server.must(`POST ${PATH}`, configMap('a'));
    for (let i = 0; i < 5_200; i++)
      await server.must(`PATCH ${PATH}/a`, { data: { x: String(i) } });
    const bytes = Buffer.from(await server.environment.resolve(readBody(body)));
    const event = decodeProtobuf(typeByName(`${META}WatchEvent`), bytes.subarray(4));
    assert.equal(event['type'], 'ERROR');
    const { raw } = event['object'] as unknown as { raw: Uint8Array };
    const envelope = decodeEnvelope(raw);
    assert.equal(envelope?.kind, 'Status');
    const status = decodeProtobuf(typeByName(`${META}Status`), envelope?.raw ?? new Uint8Array(0));
    assert.equal(status['code'], 410);
  });
});
