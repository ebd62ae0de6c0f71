/** RestClient against a handler that a test scripts: paths, errors, retries, watches. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type {
  ObjectSink,
  ByteSink,
  Handler,
  HttpRequest,
  HttpResponse,
} from '#base/http/message.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { ResourceType, WatchEvent } from './client.ts';
import { RestClient } from './rest.ts';

const Deployment: ResourceType<KubeObject> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

function json(value: unknown, status = 200, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(value)) } };
}

interface World {
  readonly environment: VirtualEnvironment;
  readonly requests: HttpRequest[];
  readonly client: RestClient;
}

function world(answer: (request: HttpRequest, nth: number) => HttpResponse): World {
  const environment = new VirtualEnvironment();
  const requests: HttpRequest[] = [];
  const handler: Handler = (request) => {
    requests.push(request);
    return Promise.resolve(answer(request, requests.length));
  };
  const client = new RestClient({ handler, environment, userAgent: 'test', token: () => 'secret' });
  return { environment, requests, client };
}

describe('RestClient', () => {
  it('addresses objects by group, namespace and name, and says who it is', async () => {
    const { client, requests } = world(() => json({ metadata: { name: 'web' } }));
    await client.get(Deployment, 'web', 'shop');
    assert.equal(requests[0]?.url, '/apis/apps/v1/namespaces/shop/deployments/web');
    assert.equal(requests[0]?.headers['authorization'], 'Bearer secret');
    assert.equal(requests[0]?.headers['user-agent'], 'test');
  });

  it('sends each patch type under its media type', async () => {
    const { client, requests } = world(() => json({}));
    const target = { name: 'web', namespace: 'shop' };
    await client.patch(Deployment, target, 'apply', {}, { fieldManager: 'me', force: true });
    assert.equal(requests[0]?.headers['content-type'], 'application/apply-patch+yaml');
    assert.match(requests[0]?.url ?? '', /deployments\/web\?fieldManager=me&force=true$/);
  });

  it('fills in the kind of the items of a list', async () => {
    const { client } = world(() =>
      json({
        metadata: { resourceVersion: '7', continue: '' },
        items: [{ metadata: { name: 'a' } }],
      }),
    );
    const list = await client.list(Deployment);
    assert.deepEqual(list, {
      items: [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } }],
      resourceVersion: '7',
    });
  });

  it('throws the Status that the server sent', async () => {
    const { client } = world(() =>
      json({ kind: 'Status', code: 409, reason: 'AlreadyExists', message: 'there' }, 409),
    );
    await assert.rejects(client.create(Deployment, {}), (error) => {
      assert.ok(error instanceof StatusError);
      assert.deepEqual([error.code, error.reason, error.message], [409, 'AlreadyExists', 'there']);
      return true;
    });
  });

  it('makes a Status of an answer that has none', async () => {
    const { client } = world(() => json('not a status', 503));
    await assert.rejects(client.get(Deployment, 'a', 'b'), { reason: 'ServiceUnavailable' });
  });

  it('waits as long as Retry-After says, and asks again', async () => {
    const { client, environment, requests } = world((_, nth) =>
      nth < 3 ? json({}, 429, { 'retry-after': '2' }) : json({ metadata: { name: 'web' } }),
    );
    const got = await environment.resolve(client.get(Deployment, 'web', 'shop'));
    assert.equal(got.metadata?.name, 'web');
    assert.equal(requests.length, 3);
    assert.equal(environment.elapsedMs, 4_000);
  });

  it('gives up after a bounded number of retries', async () => {
    const { client, environment, requests } = world(() => json({}, 429, { 'retry-after': '1' }));
    const got = assert.rejects(client.get(Deployment, 'web', 'shop'), {
      reason: 'TooManyRequests',
    });
    await environment.resolve(got);
    assert.equal(requests.length, 11);
  });
});

describe('RestClient.watch', () => {
  function watched(): World & {
    sink: () => ByteSink;
    events: WatchEvent<KubeObject>[];
    done: Promise<void>;
    stop: AbortController;
  } {
    let sink: ByteSink | undefined;
    const made = world(() => ({
      status: 200,
      headers: {},
      body: { kind: 'stream', start: (to) => (sink = to) },
    }));
    const events: WatchEvent<KubeObject>[] = [];
    const stop = new AbortController();
    const options = { allowBookmarks: true, resourceVersion: '5', signal: stop.signal };
    const done = made.client.watch(Deployment, options, (event) => events.push(event));
    return { ...made, sink: () => sink!, events, done, stop };
  }
  const line = (name: string): string =>
    `${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`;

  it('decodes events however the bytes are cut', async () => {
    const { environment, sink, events, done, requests } = watched();
    await environment.runUntilIdle();
    const bytes = Buffer.from(line('zürich') + line('b'));
    for (const byte of bytes) sink().write(Uint8Array.of(byte));
    sink().end();
    await done;
    assert.deepEqual(
      events.map((event) => event.object.metadata?.name),
      ['zürich', 'b'],
    );
    assert.match(requests[0]?.url ?? '', /resourceVersion=5&watch=true&allowWatchBookmarks=true/);
  });

  it('rejects with the Status of an ERROR event', async () => {
    const { environment, sink, done } = watched();
    await environment.runUntilIdle();
    sink().write(
      Buffer.from('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'),
    );
    await assert.rejects(done, { reason: 'Expired', code: 410 });
  });

  it('rejects when the connection breaks', async () => {
    const { environment, sink, done } = watched();
    await environment.runUntilIdle();
    sink().abort(new Error('reset'));
    await assert.rejects(done, /reset/);
  });

  it('resolves when it is told to stop, and tells the server', async () => {
    const { environment, sink, done, stop } = watched();
    await environment.runUntilIdle();
    let closed = false;
    sink().onClose(() => (closed = true));
    stop.abort();
    await done;
    assert.equal(closed, true);
  });

  it('works off a burst in slices, and asks the producer to wait', async () => {
    const { environment, sink, events, done } = watched();
    await environment.runUntilIdle();
    const burst = Buffer.from(Array.from({ length: 40_000 }, (_, i) => line(`pod-${i}`)).join(''));
    let drained = false;
    sink().onDrain(() => (drained = true));
    assert.equal(sink().write(burst), false);
    assert.ok(events.length < 40_000, 'the first slice is not everything');
    assert.equal(drained, false);
    await environment.runUntilIdle();
    assert.equal(events.length, 40_000);
    assert.equal(drained, true);
    sink().end();
    await done;
  });
});

describe('RestClient, shared reads', () => {
  const object = { kind: 'Deployment', metadata: { name: 'a', managedFields: [{ manager: 'm' }] } };

  it('passes the server objects of its own process through, unchanged', async () => {
    const { client, environment, requests } = world(() => ({
      status: 200,
      headers: {},
      body: { kind: 'object', object: { metadata: { resourceVersion: '7' }, items: [object] } },
    }));
    const { items } = await environment.resolve(client.list(Deployment, { shared: true }));
    assert.equal(items[0], object);
    assert.equal(object.metadata.managedFields.length, 1);
    assert.equal(requests[0]?.takesObjects, true);
  });

  it('drops managedFields from what comes as bytes, and asks for bytes unless told otherwise', async () => {
    const { client, environment, requests } = world(() => ({
      status: 200,
      headers: {},
      body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify({ items: [object] })) },
    }));
    const shared = await environment.resolve(client.list(Deployment, { shared: true }));
    assert.equal(shared.items[0]?.metadata?.managedFields, undefined);
    const own = await environment.resolve(client.list(Deployment));
    assert.equal(own.items[0]?.metadata?.managedFields?.length, 1);
    assert.equal(requests[1]?.takesObjects, undefined);
  });

  it('watches objects until it is aborted, and tells the server that it is gone', async () => {
    const closed: string[] = [];
    let sink: ObjectSink | undefined;
    const { client, environment } = world(() => ({
      status: 200,
      headers: {},
      body: {
        kind: 'events',
        start(to) {
          sink = to;
          to.onClose(() => closed.push('closed'));
        },
      },
    }));
    const events: WatchEvent<KubeObject>[] = [];
    const stop = new AbortController();
    const done = client.watch(Deployment, { shared: true, signal: stop.signal }, (event) =>
      events.push(event),
    );
    await environment.runUntilIdle();
    sink?.events([{ type: 'ADDED', object }]);
    assert.equal(events[0]?.object, object);
    stop.abort();
    await done;
    assert.deepEqual(closed, ['closed']);
    sink?.events([{ type: 'MODIFIED', object }]);
    assert.equal(events.length, 1);
  });

  it('rejects with the Status of an ERROR among objects', async () => {
    let sink: ObjectSink | undefined;
    const { client, environment } = world(() => ({
      status: 200,
      headers: {},
      body: { kind: 'events', start: (to) => (sink = to) },
    }));
    const done = client.watch(Deployment, { shared: true }, () => {});
    await environment.runUntilIdle();
    sink?.events([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
    await assert.rejects(done, { reason: 'Expired', code: 410 });
  });
});
