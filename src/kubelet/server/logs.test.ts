/** Reading, following and rotating logs, on real files in virtual time. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { realFileSystem } from '#edge/file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { logOptions } from './container-logs.ts';
import { parseLogLine } from './log-line.ts';
import { type LogOptions, readLog } from './log-reader.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import { rotateLogs } from './log-rotation.ts';
import { observedContainer, observedPod } from '#kit/kubelet/observed.ts';
import { logTarget } from './log-target.ts';

const fileSystem = realFileSystem();
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cox-logs-'));
  path = join(directory, '0.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function line(text: string, stream = 'stdout', tag = 'F', second = 1): string {
  return `2026-01-01T00:00:0${second}.000000000Z ${stream} ${tag} ${text}\n`;
}

const PLAIN: LogOptions = { follow: false, timestamps: false };

async function read(options: Partial<LogOptions>, files = fileSystem): Promise<string> {
  const chunks: Uint8Array[] = [];
  const nothing = (): Promise<void> => Promise.resolve();
  const source = {
    fileSystem: files,
    path,
    isAlive: () => false,
    changed: nothing,
    settled: nothing,
  };
  const write = (bytes: Uint8Array): Promise<void> => {
    chunks.push(Uint8Array.from(bytes));
    return Promise.resolve();
  };
  await readLog(source, { ...PLAIN, ...options }, write, new AbortController().signal);
  return Buffer.concat(chunks).toString();
}

describe('parseLogLine', () => {
  it('reads what runtimes write, and nothing else', () => {
    const parsed = { time: 'T', stream: 'stderr', partial: true, text: 'a b ' };
    assert.deepEqual(parseLogLine('T stderr P:x a b '), parsed);
    assert.equal(parseLogLine('hello'), undefined);
    assert.equal(parseLogLine('T stdin F x'), undefined);
  });
});

describe('readLog', () => {
  it('joins parts of a line, and keeps streams apart when asked', async () => {
    writeFileSync(path, line('one ', 'stdout', 'P') + line('line') + line('bad', 'stderr'));
    assert.equal(await read({}), 'one line\nbad\n');
    assert.equal(await read({ stream: 'stderr' }), 'bad\n');
  });

  it('gives the last lines, across blocks', async () => {
    const long = 'x'.repeat(40_000);
    writeFileSync(path, [1, 2, 3, 4, 5].map((i) => line(`${i}${long}`)).join(''));
    assert.equal(await read({ tailLines: 3 }), [3, 4, 5].map((i) => `${i}${long}\n`).join(''));
    assert.equal(await read({ tailLines: 0 }), '');
    assert.equal((await read({ tailLines: 99 })).length, 5 * 40_002);
  });

  it('gives no more lines than were asked for while the log grows', async () => {
    writeFileSync(path, line('1') + line('2'));
    let growths = 0;
    const growing = {
      ...fileSystem,
      readAt: async (file: string, offset: number, length: number) => {
        const bytes = await fileSystem.readAt(file, offset, length);
        if (growths++ < 3) appendFileSync(path, line('later'));
        return bytes;
      },
    };
    assert.equal(await read({ tailLines: 1 }, growing), '2\n');
    assert.equal(await read({}, growing), '1\n2\nlater\nlater\nlater\n');
  });

  it('finds what is wanted behind blocks of which nothing is', async () => {
    const old = line('x'.repeat(1000), 'stderr', 'F', 1).repeat(200);
    writeFileSync(path, `${old}${line('new', 'stdout', 'F', 2)}`);
    assert.equal(await read({ sinceMs: Date.parse('2026-01-01T00:00:02Z') }), 'new\n');
    assert.equal(await read({ stream: 'stdout' }), 'new\n');
  });

  it('begins at a time, stops at a size, and tells times when asked', async () => {
    writeFileSync(path, line('a', 'stdout', 'F', 1) + line('b', 'stdout', 'F', 2));
    assert.equal(await read({ sinceMs: Date.parse('2026-01-01T00:00:02Z') }), 'b\n');
    assert.equal(await read({ limitBytes: 3 }), 'a\nb');
    assert.equal(
      await read({ timestamps: true, tailLines: 1 }),
      '2026-01-01T00:00:02.000000000Z b\n',
    );
  });

  it('is empty where there is no file', async () => assert.equal(await read({}), ''));

  it('follows over a rotation, and loses nothing', async () => {
    writeFileSync(path, line('1'));
    const steps = [
      () => appendFileSync(path, line('2')),
      () => {
        appendFileSync(path, line('3'));
        renameSync(path, `${path}.old`);
        writeFileSync(path, line('4'));
      },
      () => appendFileSync(path, line('5')),
    ];
    let text = '';
    const source = {
      fileSystem,
      path,
      isAlive: () => steps.length > 0,
      changed: () => Promise.resolve(steps.shift()?.()),
      settled: () => Promise.resolve(),
    };
    const write = (bytes: Uint8Array): Promise<void> => {
      text += Buffer.from(bytes).toString();
      return Promise.resolve();
    };
    await readLog(source, { ...PLAIN, follow: true }, write, new AbortController().signal);
    assert.equal(text, '1\n2\n3\n4\n5\n');
  });

  it('follows what the runtime writes after it has said that the container ended', async () => {
    writeFileSync(path, line('1'));
    const late = ['2', '3'];
    let text = '';
    const source = {
      fileSystem,
      path,
      isAlive: () => false,
      changed: () => assert.fail('a container that ended does not change'),
      settled: async () => {
        const more = late.shift();
        if (more !== undefined) appendFileSync(path, line(more));
      },
    };
    const write = async (bytes: Uint8Array): Promise<void> => {
      text += Buffer.from(bytes).toString();
    };
    await readLog(source, { ...PLAIN, follow: true }, write, new AbortController().signal);
    assert.equal(text, '1\n2\n3\n');
  });
});

describe('logOptions', () => {
  it('reads the query', () => {
    const query = new URLSearchParams('follow=true&tailLines=5&sinceSeconds=10&stream=Stdout');
    const expected = {
      follow: true,
      timestamps: false,
      tailLines: 5,
      sinceMs: 90_000,
      stream: 'stdout',
    };
    assert.deepEqual(logOptions(query, 100_000), expected);
    assert.throws(() => logOptions(new URLSearchParams('tailLines=x'), 0), /invalid syntax/);
  });
});

describe('logTarget', () => {
  const base = { name: 'c', ready: false, restartCount: 0, image: '', imageID: '' };
  const ended = { terminated: { exitCode: 1, containerID: 'containerd://old' } };
  const target = (status: object, previous = false): string =>
    logTarget({
      podName: 'p',
      container: 'c',
      previous,
      status: { containerStatuses: [{ ...base, ...status }] },
    });

  it('means the container that runs, or the last that ended', () => {
    assert.equal(target({ state: { running: {} }, containerID: 'containerd://new' }), 'new');
    assert.equal(target({ state: ended }), 'old');
    assert.equal(target({ state: { waiting: {} }, lastState: ended }), 'old');
    assert.equal(target({ state: { running: {} }, lastState: ended }, true), 'old');
  });
  it('says why there is none', () => {
    const waiting = { state: { waiting: { reason: 'ImagePullBackOff' } } };
    assert.throws(() => target(waiting), {
      message: 'container "c" in pod "p" is waiting to start: trying and failing to pull image',
    });
    assert.throws(() => target({}, true), {
      message: 'previous terminated container "c" in pod "p" not found',
    });
  });
});

describe('rotateLogs', () => {
  const make = (answer: () => Promise<never>) => {
    const environment = new VirtualEnvironment();
    const pod = observedPod(observedContainer({ name: 'c', logPath: path }));
    const stop = new AbortController();
    const cri = { call: answer, watchEvents: () => Promise.resolve() };
    const done = rotateLogs(
      {
        environment,
        fileSystem,
        cri,
        pods: () => [pod],
        configuration: defaultKubeletConfiguration(),
      },
      stop.signal,
    );
    // Files are real: their answers come between two steps of virtual time. When it has looked, it
    // sleeps again.
    const look = async (): Promise<void> => {
      await environment.advance(10_000);
      while (environment.nextTimerMs === undefined)
        await new Promise((resolve) => setImmediate(resolve));
    };
    return { look, stop: () => (stop.abort(), done) };
  };
  const reopened = (): Promise<never> => {
    writeFileSync(path, '');
    return Promise.resolve({} as never);
  };

  it('puts a long log aside, and keeps the newest four', async () => {
    const t = make(reopened);
    for (let i = 0; i < 7; i++) {
      writeFileSync(path, Buffer.alloc(10 * 1024 * 1024));
      await t.look();
    }
    await t.stop();
    const names = readdirSync(directory).toSorted();
    assert.equal(names.length, 5);
    assert.equal(names[0], '0.log');
    assert.match(names[4] ?? '', /^0\.log\.20260101-000110$/);
  });

  it('leaves short logs alone', async () => {
    const t = make(reopened);
    writeFileSync(path, 'short');
    await t.look();
    await t.stop();
    assert.deepEqual(readdirSync(directory), ['0.log']);
  });

  it('gives the file its name back when the runtime does not open a new one', async () => {
    const t = make(() => Promise.reject(new Error('no')));
    writeFileSync(path, Buffer.alloc(10 * 1024 * 1024));
    await t.look();
    await t.stop();
    assert.deepEqual(readdirSync(directory), ['0.log']);
  });
});
