import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { RequestContext, type User } from '../context.ts';
import { requestInfoOf } from '../request-info.ts';
import { inFlightFilter } from './in-flight.ts';

const DONE: HttpResponse = { status: 200, headers: {} };
const SOMEBODY: User = { name: 'somebody', groups: [] };
const MASTER: User = { name: 'root', groups: ['system:masters'] };

/** A server of one place, whose requests end when the test says so. */
function server() {
  const environment = new VirtualEnvironment();
  const filter = inFlightFilter({ reads: 1, writes: 1 });
  const running: { name: string; end: () => void }[] = [];
  const started: string[] = [];
  const send = (name: string, user: User, how: Partial<HttpRequest> = {}) => {
    const url = '/api/v1/namespaces/default/pods';
    const request: HttpRequest = { method: 'GET', url, headers: {}, ...how };
    const context = new RequestContext(request, requestInfoOf(request.method, url), environment);
    context.user = user;
    return filter.handle(context, () => {
      started.push(name);
      return new Promise((resolve) => running.push({ name, end: () => resolve(DONE) }));
    });
  };
  const end = async (name: string): Promise<void> => {
    running.find((one) => one.name === name)?.end();
    await environment.runUntilIdle();
  };
  return { environment, send, end, started };
}

const COMPONENT = { peer: { component: { name: 'system:node:a', groups: [] } } };

describe('the limit on requests in flight', () => {
  it('refuses who comes over the network, and takes them again when a place is free', async () => {
    const { send, end, started } = server();
    const first = send('first', SOMEBODY);
    await assert.rejects(send('second', SOMEBODY), { code: 429 });
    await end('first');
    await first;
    void send('third', SOMEBODY);
    assert.deepEqual(started, ['first', 'third']);
  });

  it('counts reads and writes apart', () => {
    const { send, started } = server();
    void send('read', SOMEBODY);
    void send('write', SOMEBODY, { method: 'POST' });
    assert.deepEqual(started, ['read', 'write']);
  });

  it('never refuses the masters', () => {
    const { send, started } = server();
    void send('somebody', SOMEBODY);
    void send('master', MASTER);
    assert.deepEqual(started, ['somebody', 'master']);
  });

  it('lets components of this process wait, one after the other', async () => {
    const { send, end, started } = server();
    void send('first', SOMEBODY);
    for (const name of ['a', 'b', 'c']) void send(name, SOMEBODY, COMPONENT);
    assert.deepEqual(started, ['first']);
    await end('first');
    assert.deepEqual(started, ['first', 'a']);
    await end('a');
    await end('b');
    assert.deepEqual(started, ['first', 'a', 'b', 'c']);
    await end('c');
    void send('last', SOMEBODY);
    assert.equal(started.at(-1), 'last');
  });

  it('does not let a master that ends give its place above the limit to one that waits', async () => {
    const { send, end, started } = server();
    void send('first', SOMEBODY);
    void send('master', MASTER);
    void send('waits', SOMEBODY, COMPONENT);
    await end('master');
    assert.deepEqual(started, ['first', 'master']);
    await end('first');
    assert.deepEqual(started, ['first', 'master', 'waits']);
  });
});
