import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realEnvironment } from './environment.ts';

describe('the log of the real environment', () => {
  const written = (options: object): { lines: string[]; log: ReturnType<typeof logOf> } => {
    const lines: string[] = [];
    return { lines, log: logOf({ ...options, write: (line: string) => lines.push(line) }) };
  };
  const logOf = (options: object) => realEnvironment(options).log;

  it('has a constant message and pairs behind it, on one line', () => {
    const { lines, log } = written({});
    log
      .with({ component: 'store' })
      .warn('Cannot write', { path: '/a b', tries: 2, none: undefined });
    log.error('Two\nlines in a value', { value: 'x\ny' });
    assert.match(
      lines[0] ?? '',
      /^\d{4}-.*Z WARN Cannot write component="store" path="\/a b" tries=2\n$/,
    );
    assert.match(lines[1] ?? '', /value="x\\ny"\n$/);
  });

  it('leaves out what is below its level', () => {
    const { lines, log } = written({ logLevel: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.deepEqual(
      lines.map((line) => line.split(' ')[1]),
      ['WARN', 'ERROR'],
    );
  });

  it('is JSON when asked', () => {
    const { lines, log } = written({ logFormat: 'json' });
    log.info('Ready', { port: 1 });
    const { time, ...rest } = JSON.parse(lines[0] ?? '');
    assert.deepEqual(rest, { level: 'info', message: 'Ready', port: 1 });
    assert.ok(Date.parse(time) > 0);
  });
});

describe('the timers of the real environment', () => {
  it('fire later, in order, and not when cancelled', async () => {
    const { timers } = realEnvironment();
    const fired: string[] = [];
    const done = Promise.withResolvers<void>();
    timers.after(300, done.resolve);
    timers.after(200, () => fired.push('200'));
    timers.after(0, () => fired.push('0'));
    timers.after(1, () => fired.push('cancelled')).cancel();
    timers.after(0, () => fired.push('cancelled')).cancel();
    assert.deepEqual(fired, []);
    await done.promise;
    assert.deepEqual(fired, ['0', '200']);
  });

  it('wait longer than a timer of Node can', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { timers } = realEnvironment();
    const yearMs = 365 * 24 * 3_600_000;
    let fired = 0;
    timers.after(yearMs, () => fired++);
    const cancelled = timers.after(yearMs, () => (fired += 10));
    const stepMs = 2 ** 31 - 1;
    let leftMs = yearMs;
    for (; leftMs > stepMs; leftMs -= stepMs) t.mock.timers.tick(stepMs);
    t.mock.timers.tick(leftMs - 1);
    assert.equal(fired, 0);
    cancelled.cancel();
    t.mock.timers.tick(1);
    assert.equal(fired, 1);
  });
});

describe('the random numbers of the real environment', () => {
  it('lie in [0, 1), and uuids are of version 4', () => {
    const { random } = realEnvironment();
    for (let index = 0; index < 100; index++) {
      const number = random.next();
      assert.ok(number >= 0 && number < 1);
    }
    assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    assert.equal(random.bytes(7).length, 7);
  });
});
