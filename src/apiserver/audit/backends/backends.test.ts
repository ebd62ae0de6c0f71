/** Where events go: nothing is lost without being counted, and nobody waits for more than he must. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { Level } from '#api/audit/policy.ts';
import { MemoryOutput } from '#kit/audit.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { AuditEvent } from '../event.ts';
import { AuditMetrics } from '../metrics.ts';
import type { AuditBackend } from './backend.ts';
import { BatchBackend } from './batch.ts';
import { LogBackend } from './log.ts';
import { TruncateBackend } from './truncate.ts';
import { WebhookBackend } from './webhook.ts';

const TIME = '2026-01-02T03:04:05.120000Z';

function event(
  id: string,
  { level = 'Metadata', body = '' }: { level?: Level; body?: string } = {},
) {
  return new AuditEvent(
    {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: id,
      stage: 'ResponseComplete',
      requestURI: '/api',
      verb: 'get',
      user: {},
    },
    body === '' ? {} : { request: JSON.stringify(body) },
    { requestReceivedTimestamp: TIME, stageTimestamp: TIME },
  );
}

function world() {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const metrics = new AuditMetrics(registry, environment.log);
  const lost = (plugin: string): number =>
    Number(
      new RegExp(`apiserver_audit_error_total\\{plugin="${plugin}"\\} (\\d+)`).exec(
        registry.text(),
      )?.[1] ?? 0,
    );
  return { environment, metrics, lost };
}

/** Keeps the ids of what it gets; each batch is under way until it is let go. */
class Gate implements AuditBackend {
  readonly batches: string[][] = [];
  readonly #open: (() => void)[] = [];
  holds = false;
  isStopped = false;
  isHastened = false;

  process(events: readonly AuditEvent[]): boolean | Promise<boolean> {
    this.batches.push(events.map(({ head }) => head.auditID));
    if (!this.holds) return true;
    return new Promise((resolve) => this.#open.push(() => resolve(true)));
  }

  open(count = this.#open.length): void {
    for (const resolve of this.#open.splice(0, count)) resolve();
  }

  hasten(): void {
    this.isHastened = true;
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}

describe('the log', () => {
  const ids = (output: MemoryOutput): string[] =>
    output.text
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { auditID: string }).auditID);

  it('has a line for each event, in order; what comes during a write goes in together', async () => {
    const { environment, metrics } = world();
    const output = new MemoryOutput();
    const open = Promise.withResolvers<void>();
    output.gate = open.promise;
    const log = new LogBackend(output, 'json', metrics);
    const first = log.process([event('1')]);
    await environment.runUntilIdle();
    const others = ['2', '3', '4'].map((id) => log.process([event(id)]));
    open.resolve();
    assert.deepEqual(await Promise.all([first, ...others]), [true, true, true, true]);
    assert.deepEqual(ids(output), ['1', '2', '3', '4']);
    assert.equal(output.writes.length, 2);
  });

  it('counts what could not be written, and goes on', async () => {
    const { metrics, lost } = world();
    const output = new MemoryOutput();
    output.failure = new Error('disk full');
    const log = new LogBackend(output, 'json', metrics);
    assert.equal(await log.process([event('1'), event('2')]), false);
    assert.equal(lost('log'), 2);
    output.failure = undefined;
    assert.equal(await log.process([event('3')]), true);
    assert.deepEqual(ids(output), ['3']);
  });

  it('is closed when all is written', async () => {
    const { metrics } = world();
    const output = new MemoryOutput();
    const log = new LogBackend(output, 'json', metrics);
    void log.process([event('1')]);
    await log.stop();
    assert.deepEqual(ids(output), ['1']);
    assert.ok(output.isClosed);
  });

  it('has the old format too', () => {
    assert.equal(
      event('1').legacyText(),
      '2026-01-02T03:04:05.12Z AUDIT: id="1" stage="ResponseComplete" ip="<unknown>" method="get" user="<none>" groups="<none>" as="<self>" asgroups="<lookup>" user-agent="" namespace="<none>" uri="/api" response="<deferred>"',
    );
    const whole = new AuditEvent(
      {
        ...event('2').head,
        user: { username: 'bob', groups: ['a', 'b'] },
        impersonatedUser: { username: 'eve' },
        sourceIPs: ['1.1.1.1', '2.2.2.2'],
        userAgent: 'kubectl',
        objectRef: { namespace: 'default' },
        responseStatus: { metadata: {}, code: 200 },
      },
      {},
      { requestReceivedTimestamp: '2026-01-02T03:04:50.000000Z', stageTimestamp: TIME },
    );
    assert.equal(
      whole.legacyText(),
      String.raw`2026-01-02T03:04:50Z AUDIT: id="2" stage="ResponseComplete" ip="1.1.1.1" method="get" user="bob" groups="\"a\",\"b\"" as="eve" asgroups="<lookup>" user-agent="kubectl" namespace="default" uri="/api" response="200"`,
    );
  });
});

describe('batches', () => {
  const options = { bufferSize: 10, maxSize: 3, maxWaitMs: 1000 };
  const put = (batch: BatchBackend, ...ids: string[]): void => {
    for (const id of ids) assert.equal(batch.process([event(id)]), true);
  };

  it('go out when they are full', () => {
    const inner = new Gate();
    const batch = new BatchBackend(inner, options, world());
    put(batch, '1', '2');
    assert.deepEqual(inner.batches, []);
    put(batch, '3', '4');
    assert.deepEqual(inner.batches, [['1', '2', '3']]);
  });

  it('go out when their first event has waited long enough', async () => {
    const { environment, metrics } = world();
    const inner = new Gate();
    const batch = new BatchBackend(inner, options, { environment, metrics });
    put(batch, '1');
    await environment.advance(600);
    put(batch, '2');
    await environment.advance(399);
    assert.deepEqual(inner.batches, []);
    await environment.advance(1);
    assert.deepEqual(inner.batches, [['1', '2']]);
    put(batch, '3');
    await environment.advance(999);
    assert.equal(inner.batches.length, 1);
    await environment.advance(1);
    assert.deepEqual(inner.batches[1], ['3']);
  });

  it('that are full leave the next ones their time', async () => {
    const { environment, metrics } = world();
    const inner = new Gate();
    const batch = new BatchBackend(inner, options, { environment, metrics });
    put(batch, '1');
    await environment.advance(500);
    put(batch, '2', '3');
    await environment.advance(100);
    put(batch, '4');
    await environment.advance(999);
    assert.deepEqual(inner.batches, [['1', '2', '3']]);
    await environment.advance(1);
    assert.deepEqual(inner.batches[1], ['4']);
  });

  it('go out no oftener than the rate says', async () => {
    const { environment, metrics } = world();
    const inner = new Gate();
    const rate = { ...options, maxSize: 1, throttle: { perSecond: 2, burst: 2 } };
    const batch = new BatchBackend(inner, rate, { environment, metrics });
    put(batch, '1', '2', '3', '4');
    assert.deepEqual(inner.batches, [['1'], ['2']]);
    await environment.advance(499);
    assert.equal(inner.batches.length, 2);
    await environment.advance(1);
    assert.equal(inner.batches.length, 3);
    await environment.advance(500);
    assert.deepEqual(inner.batches, [['1'], ['2'], ['3'], ['4']]);
  });

  it('are lost, and counted, where there is no room', async () => {
    const { environment, metrics, lost } = world();
    const inner = new Gate();
    inner.holds = true;
    const batch = new BatchBackend(inner, options, { environment, metrics, oneAtATime: true });
    put(batch, ...Array.from({ length: 15 }, (_, i) => String(i)));
    // Three are under way, ten wait.
    assert.deepEqual(inner.batches, [['0', '1', '2']]);
    assert.equal(lost('buffered'), 2);
    inner.open();
    await environment.runUntilIdle();
    assert.deepEqual(inner.batches[1], ['3', '4', '5']);
    put(batch, 'a', 'b');
    assert.equal(lost('buffered'), 2);
  });

  it('are so many at a time, and no more', async () => {
    const { environment, metrics } = world();
    const inner = new Gate();
    inner.holds = true;
    const many = { bufferSize: 100, maxSize: 1, maxWaitMs: 0 };
    const batch = new BatchBackend(inner, many, { environment, metrics });
    put(batch, ...Array.from({ length: 60 }, (_, i) => String(i)));
    assert.equal(inner.batches.length, 50);
    inner.open(3);
    await environment.runUntilIdle();
    assert.equal(inner.batches.length, 53);
  });

  it('have at most so many bytes, but for one that is larger alone', () => {
    const inner = new Gate();
    const { size } = event('1');
    const services = { ...world(), maxBatchBytes: size * 2 };
    const batch = new BatchBackend(inner, { ...options, maxSize: 4 }, services);
    put(batch, '1', '2', '3');
    void batch.process([event('4', { body: 'x'.repeat(size * 2) })]);
    assert.deepEqual(inner.batches, [['1', '2']]);
    void batch.stop();
    assert.deepEqual(inner.batches, [['1', '2'], ['3'], ['4']]);
  });

  it('go out at the end, and what comes after it is lost and counted', async () => {
    const { environment, metrics, lost } = world();
    const inner = new Gate();
    inner.holds = true;
    const batch = new BatchBackend(inner, options, { environment, metrics });
    put(batch, '1', '2', '3', '4');
    let isOver = false;
    const over = batch.stop().then(() => {
      isOver = true;
    });
    assert.deepEqual(inner.batches, [['1', '2', '3'], ['4']]);
    put(batch, '5');
    assert.equal(lost('buffered'), 1);
    inner.open(1);
    await environment.runUntilIdle();
    assert.deepEqual([isOver, inner.isStopped], [false, false]);
    inner.open();
    await over;
    assert.ok(inner.isStopped);
  });

  it('end at once where nothing waits', async () => {
    const inner = new Gate();
    await new BatchBackend(inner, options, world()).stop();
    assert.ok(inner.isStopped);
  });
});

describe('what is too large', () => {
  const small = event('x', { level: 'Request' }).size;
  const run = (...events: AuditEvent[]) => {
    const { metrics, lost } = world();
    const passed: AuditEvent[] = [];
    const inner = Object.assign(new Gate(), {
      process: (some: readonly AuditEvent[]) => passed.push(...some) > 0,
    });
    const answer = new TruncateBackend(inner, small + 100, metrics).process(events);
    return { passed, lost: lost('truncate'), answer };
  };

  it('loses its bodies, and says so', () => {
    const { passed, lost } = run(event('1', { level: 'Request', body: 'x'.repeat(500) }));
    const [cut] = passed;
    const { requestObject, annotations } = JSON.parse(cut?.text ?? '') as Record<string, unknown>;
    assert.equal(requestObject, undefined);
    assert.deepEqual(annotations, { 'audit.k8s.io/truncated': 'true' });
    assert.equal(lost, 0);
  });

  it('is dropped, and counted, where it has none to lose', () => {
    const { passed, lost, answer } = run(event('x'.repeat(200)), event('2'));
    assert.deepEqual(
      passed.map(({ head }) => head.auditID),
      ['2'],
    );
    assert.deepEqual([lost, answer], [1, true]);
    assert.deepEqual(run(event('x'.repeat(200), { level: 'Request', body: 'b' })).lost, 1);
  });

  it('is what is larger than it may be, by no byte', () => {
    const exact = event('1', {
      level: 'Request',
      body: 'x'.repeat(100 - '"requestObject":"",'.length),
    });
    assert.equal(exact.size, small + 100);
    assert.equal(run(exact).passed[0], exact);
  });
});

describe('the webhook', () => {
  const FAILURE: HttpResponse = { status: 500, headers: {} };
  const DONE: HttpResponse = { status: 200, headers: {} };

  function hook(answers: readonly (HttpResponse | Error)[]) {
    const services = world();
    const asked: { request: HttpRequest; atMs: number }[] = [];
    const backend = new WebhookBackend(
      {
        url: '/sink?x=1',
        initialBackoffMs: 1000,
        handler: (request) => {
          const answer = answers[asked.length] ?? DONE;
          asked.push({ request, atMs: services.environment.clock.monotonicMs() });
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
        },
      },
      services,
    );
    return { ...services, backend, asked };
  }

  it('gets events as a list', async () => {
    const { backend, asked } = hook([]);
    assert.equal(await backend.process([event('1'), event('2')]), true);
    const [{ request } = { request: undefined }] = asked;
    assert.equal(request?.method, 'POST');
    assert.equal(request?.url, '/sink?x=1');
    assert.equal(request?.headers['content-type'], 'application/json');
    const list = JSON.parse(Buffer.from(request?.body ?? '').toString()) as {
      kind: string;
      apiVersion: string;
      items: { auditID: string }[];
    };
    assert.deepEqual([list.kind, list.apiVersion], ['EventList', 'audit.k8s.io/v1']);
    assert.deepEqual(
      list.items.map(({ auditID }) => auditID),
      ['1', '2'],
    );
  });

  it('that was down gets them when it is back: each wait is half as long again, and up to a fifth more', async () => {
    const { backend, asked, environment, lost } = hook([new Error('refused'), FAILURE, FAILURE]);
    assert.equal(await environment.resolve(backend.process([event('1')])), true);
    const times = asked.map(({ atMs }) => atMs);
    assert.equal(times.length, 4);
    for (const [i, baseMs] of [1000, 1500, 2250].entries()) {
      const waitMs = (times[i + 1] ?? 0) - (times[i] ?? 0);
      assert.ok(waitMs >= baseMs && waitMs <= baseMs * 1.2, `${waitMs} of ${baseMs}`);
    }
    assert.equal(lost('webhook'), 0);
  });

  it('loses them after five attempts, and counts them', async () => {
    const { backend, asked, environment, lost } = hook(Array.from({ length: 5 }, () => FAILURE));
    assert.equal(await environment.resolve(backend.process([event('1'), event('2')])), false);
    assert.equal(asked.length, 5);
    assert.equal(lost('webhook'), 2);
  });

  it('is waited for half a minute, and no longer', async () => {
    const { environment, metrics } = world();
    let attempts = 0;
    const backend = new WebhookBackend(
      {
        url: '/',
        initialBackoffMs: 0,
        handler: ({ signal }) =>
          new Promise((_, reject) => {
            attempts += 1;
            signal?.addEventListener('abort', () => reject(new Error('too long')));
          }),
      },
      { environment, metrics },
    );
    void backend.process([event('1')]);
    await environment.advance(29_999);
    assert.equal(attempts, 1);
    await environment.advance(2);
    assert.equal(attempts, 2);
  });

  it('is tried a little longer when the server stops', async () => {
    const { backend, asked, environment, lost } = hook(Array.from({ length: 5 }, () => FAILURE));
    const sent = backend.process([event('1')]);
    await environment.advance(0);
    const startMs = environment.clock.monotonicMs();
    await environment.resolve(backend.stop());
    assert.equal(await sent, false);
    assert.equal(lost('webhook'), 1);
    assert.equal(asked.length, 5);
    assert.ok(environment.clock.monotonicMs() - startMs <= 20_000);
  });

  it('that never answers does not keep the server from stopping', async () => {
    const { environment, metrics, lost } = world();
    const backend = new WebhookBackend(
      {
        url: '/',
        initialBackoffMs: 10_000,
        handler: ({ signal }) =>
          new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(new Error('gone'))),
          ),
      },
      { environment, metrics },
    );
    void backend.process([event('1')]);
    await environment.resolve(backend.stop());
    assert.equal(environment.clock.monotonicMs(), 20_000);
    assert.equal(lost('webhook'), 1);
  });
});
