import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Handler } from '#base/http/message.ts';
import { after, becomesReady } from './readiness.ts';

/** Refuses for `downMs`, says for as long that it is not ready, and then serves. */
function server(environment: VirtualEnvironment, downMs: number, status = 500) {
  const asked: string[] = [];
  const handler: Handler = ({ url }) => {
    const nowMs = environment.clock.monotonicMs();
    asked.push(url);
    if (nowMs < downMs) return Promise.reject(new Error('connect ECONNREFUSED'));
    return Promise.resolve({ status: nowMs < 2 * downMs ? status : 200, headers: {} });
  };
  return { asked, handler };
}

describe('requests to an API server that is just starting', () => {
  it('wait until it says that it is ready, and go then at once', async () => {
    const environment = new VirtualEnvironment();
    const { asked, handler } = server(environment, 2_000);
    const ready = becomesReady({ handler, environment, waitMs: 30_000 });
    const answer = after(ready, handler)({ method: 'GET', url: '/api', headers: {} });
    await environment.advance(3_900);
    assert.equal(asked.includes('/api'), false);
    await environment.advance(200);
    assert.equal((await answer).status, 200);
    assert.equal(asked.at(-1), '/api');
  });

  it('go after half a minute, whatever it says', async () => {
    const environment = new VirtualEnvironment();
    const { asked, handler } = server(environment, 60_000);
    const ready = becomesReady({ handler, environment, waitMs: 30_000 });
    const answer = after(ready, handler)({ method: 'GET', url: '/api', headers: {} });
    answer.catch(() => {});
    await environment.advance(29_000);
    assert.equal(asked.includes('/api'), false);
    await environment.advance(2_000);
    await assert.rejects(answer, /ECONNREFUSED/);
  });

  it('are not sent when they were given up, and nothing waits when all ends', async () => {
    const environment = new VirtualEnvironment();
    const { asked, handler } = server(environment, 2_000);
    const ending = new AbortController();
    const givingUp = new AbortController();
    const ready = becomesReady({ handler, environment, waitMs: 30_000, signal: ending.signal });
    const { signal } = givingUp;
    const answer = after(ready, handler)({ method: 'GET', url: '/api', headers: {}, signal });
    answer.catch(() => {});
    await environment.advance(1_000);
    givingUp.abort(new Error('given up'));
    ending.abort();
    await assert.rejects(answer, /given up/);
    const count = asked.length;
    await environment.advance(10_000);
    assert.equal(asked.length, count);
    assert.equal(asked.includes('/api'), false);
  });
});
