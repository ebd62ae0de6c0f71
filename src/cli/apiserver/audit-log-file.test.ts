import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openFile } from 'node:fs/promises';
import { describe, it, mock } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { UserError } from '../user-error.ts';
import { auditLogFile, type AuditLogFileOptions, sortOut } from './audit-log-file.ts';

interface Ending {
  after(run: () => void): void;
}

const UNLIMITED = { maxBytes: 0, maxBackups: 0, maxAgeDays: 0, compress: false };
const LINE = `${'x'.repeat(9)}\n`;

function world(t: Ending, options: Partial<AuditLogFileOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'audit-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const environment = new VirtualEnvironment();
  const path = join(folder, 'logs', 'audit.log');
  const open = () => auditLogFile({ path, environment, ...UNLIMITED, ...options });
  const names = () => readdirSync(join(folder, 'logs')).toSorted();
  const textOf = (name: string) => readFileSync(join(folder, 'logs', name), 'utf8');
  return { folder, environment, path, open, names, textOf };
}

describe('the file of the audit log', () => {
  it('is made with its folder, for its owner alone', async (t) => {
    const { open, path, folder, textOf } = world(t);
    const log = open();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'logs')).mode & 0o777, 0o700);
    await log.write('one\n');
    assert.equal(textOf('audit.log'), 'one\n', 'written when the promise resolves');
    await log.close();
    const again = open();
    await again.write('two\n');
    await again.close();
    assert.equal(textOf('audit.log'), 'one\ntwo\n');
  });

  it('that cannot be written is known at once', (t) => {
    const { folder, environment } = world(t);
    writeFileSync(join(folder, 'file'), '');
    const path = join(folder, 'file', 'audit.log');
    assert.throws(() => auditLogFile({ path, environment, ...UNLIMITED }), UserError);
  });

  it('becomes an old one when it is full', async (t) => {
    const { open, environment, names, textOf, path } = world(t, { maxBytes: 25 });
    const log = open();
    for (let i = 0; i < 5; i++) {
      await log.write(LINE);
      await environment.advance(1500);
    }
    await log.close();
    assert.deepEqual(names(), [
      'audit-2026-01-01T00-00-03.000.log',
      'audit-2026-01-01T00-00-06.000.log',
      'audit.log',
    ]);
    for (const name of names())
      assert.equal(textOf(name), LINE.repeat(name === 'audit.log' ? 1 : 2), name);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('has as many bytes as it may, and is cut between lines', async (t) => {
    const { open, names, textOf } = world(t, { maxBytes: 20 });
    const log = open();
    await log.write(LINE.repeat(5));
    await log.close();
    assert.deepEqual(
      names().map((name) => textOf(name).length),
      [20, 20, 10],
    );
    assert.equal(new Set(names()).size, 3, 'two that become old in one moment are two');
  });

  it('goes on where it was after a start', async (t) => {
    const { open, names } = world(t, { maxBytes: 20 });
    for (let i = 0; i < 3; i++) {
      const log = open();
      await log.write(LINE);
      await log.close();
    }
    assert.equal(names().length, 2);
  });

  it('keeps a line that is longer than a file', async (t) => {
    const { open, names, textOf } = world(t, { maxBytes: 5 });
    const log = open();
    await log.write(LINE);
    await log.write(LINE);
    await log.close();
    assert.equal(names().length, 2);
    assert.equal(textOf('audit.log'), LINE);
  });

  it('begins a line anew behind one that was cut off', async (t) => {
    const { open, textOf, path } = world(t);
    const log = open();
    await log.write('one\n');
    const probe = await openFile(path);
    const files = Object.getPrototypeOf(probe) as typeof probe;
    await probe.close();
    const half = mock.method(files, 'appendFile', async function half(this: typeof probe) {
      await this.write('tw');
      throw new Error('disk full');
    });
    await assert.rejects(log.write('two\n'), /disk full/);
    half.mock.restore();
    await log.write('three\n');
    await log.write('four\n');
    await log.close();
    assert.equal(textOf('audit.log'), 'one\ntw\nthree\nfour\n');
  });

  it('keeps as many old ones as it is told', async (t) => {
    const { open, environment, names } = world(t, { maxBytes: 10, maxBackups: 2 });
    const log = open();
    for (let i = 0; i < 6; i++) {
      await log.write(LINE);
      await environment.advance(1000);
    }
    await log.close();
    assert.deepEqual(names(), [
      'audit-2026-01-01T00-00-04.000.log',
      'audit-2026-01-01T00-00-05.000.log',
      'audit.log',
    ]);
  });

  it('leaves alone what is not its own', async (t) => {
    const { open, environment, names, folder } = world(t, { maxBytes: 10, maxAgeDays: 1 });
    const log = open();
    const others = ['audit-notes.log', 'other-2020-01-01T00-00-00.000.log'];
    for (const name of others) writeFileSync(join(folder, 'logs', name), '');
    writeFileSync(join(folder, 'logs', 'audit-2020-01-01T00-00-00.000.log'), '');
    for (let i = 0; i < 2; i++) await log.write(LINE);
    await environment.advance(1);
    await log.close();
    assert.deepEqual(names(), [
      'audit-2026-01-01T00-00-00.000.log',
      'audit-notes.log',
      'audit.log',
      'other-2020-01-01T00-00-00.000.log',
    ]);
  });

  it('compresses old ones', async (t) => {
    const { open, names, folder } = world(t, { maxBytes: 10, compress: true });
    const log = open();
    for (let i = 0; i < 3; i++) await log.write(LINE);
    await log.close();
    assert.deepEqual(names(), [
      'audit-2026-01-01T00-00-00.000.log.gz',
      'audit-2026-01-01T00-00-00.001.log.gz',
      'audit.log',
    ]);
    const path = join(folder, 'logs', names()[0] ?? '');
    assert.equal(gunzipSync(readFileSync(path)).toString(), LINE);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

describe('old files of the audit log', () => {
  const DAY_MS = 24 * 60 * 60_000;
  const file = (day: number, isCompressed = false) => ({
    path: `${day}${isCompressed ? '.gz' : ''}`,
    atMs: day * DAY_MS,
    isCompressed,
  });
  const kept = (files: ReturnType<typeof file>[], maxBackups: number, maxAgeDays: number) =>
    sortOut(files, { maxBackups, maxAgeDays }, 10 * DAY_MS).kept.map(({ path }) => path);

  it('go when they are too many or too old', () => {
    const files = [file(3), file(1), file(2)];
    assert.deepEqual(kept(files, 0, 0), ['3', '2', '1']);
    assert.deepEqual(kept(files, 2, 0), ['3', '2']);
    assert.deepEqual(kept(files, 0, 8), ['3', '2']);
    assert.deepEqual(kept(files, 1, 9), ['3']);
    assert.deepEqual(kept(files, 5, 1), []);
  });

  it('count once when one of them is there in both forms', () => {
    assert.deepEqual(kept([file(3), file(3, true), file(2), file(1)], 2, 0), ['3', '3.gz', '2']);
  });
});
