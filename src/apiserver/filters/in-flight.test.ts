import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { RequestContext, type User } from '../context.ts';
import { requestInfoOf } from '../request-info.ts';
import { type InFlightLimits, inFlightFilter } from './in-flight.ts';

const DONE: HttpResponse = { status: 200, headers: {} };
const SOMEBODY: User = { name: 'somebody', groups: [] };
const MASTER: User = { name: 'root', groups: ['system:masters'] };

/** A server of one place, whose requests end when the test says so. */
function server(limits: InFlightLimits = { reads: 1, writes: 1 }) {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const filter = inFlightFilter(limits, { registry, clock: environment.clock });
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
  return { environment, registry, send, end, started };
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

  it('is none where it is 0', () => {
    const { send, started } = server({ reads: 1, writes: 0 });
    for (const name of ['a', 'b']) void send(name, SOMEBODY, { method: 'POST' });
    assert.deepEqual(started, ['a', 'b']);
  });

  it('shows for how long which part of it was used, masters above it aside', async () => {
    const { environment, registry, send, end } = server({ reads: 2, writes: 0 });
    const name = 'apiserver_flowcontrol_read_vs_write_current_requests';
    const lines = (): string[] =>
      registry
        .text()
        .split('\n')
        .filter((line) => /_sum|_count|le="(?:0|0.5|1)"/.test(line))
        .map((line) => line.slice(name.length));
    await environment.advance(1);
    void send('first', SOMEBODY);
    void send('write', SOMEBODY, { method: 'POST' });
    await environment.advance(20);
    void send('second', SOMEBODY);
    void send('master', MASTER);
    await environment.advance(300);
    await end('master');
    await end('second');
    await environment.advance(4000);
    const labels = 'phase="executing",request_kind';
    assert.deepEqual(lines(), [
      `_bucket{${labels}="readOnly",le="0"} 1000000`,
      `_bucket{${labels}="readOnly",le="0.5"} 4021000000`,
      `_bucket{${labels}="readOnly",le="1"} 4321000000`,
      `_sum{${labels}="readOnly"} 2.31e+09`,
      `_count{${labels}="readOnly"} 4321000000`,
      `_bucket{${labels}="mutating",le="0"} 4321000000`,
      `_bucket{${labels}="mutating",le="0.5"} 4321000000`,
      `_bucket{${labels}="mutating",le="1"} 4321000000`,
      `_sum{${labels}="mutating"} 0`,
      `_count{${labels}="mutating"} 4321000000`,
    ]);
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
