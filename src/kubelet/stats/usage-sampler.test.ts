/** Rates from two looks; looks that are shared; disks that are counted now and then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProcessOptions, ProcessResult } from '#base/doors.ts';
import { VIRTUAL_START_MS, VirtualEnvironment } from '#kit/virtual-environment.ts';
import { DiskUsage } from './disk-usage.ts';
import { KeptLook } from './kept-look.ts';
import { UsageSampler } from './usage-sampler.ts';

describe('UsageSampler', () => {
  const make = () => {
    const environment = new VirtualEnvironment();
    const sampler = new UsageSampler(environment.clock);
    const ask = async (cpuNanoseconds: number | undefined, key = 'a') => {
      const usage = cpuNanoseconds === undefined ? {} : { cpuNanoseconds };
      const found = await sampler.sample([{ key, read: () => Promise.resolve(usage) }]);
      return found.get(key);
    };
    return { environment, sampler, ask };
  };

  it('makes a rate of two looks', async () => {
    const { environment, ask } = make();
    const first = await ask(1000);
    assert.deepEqual([first?.nanoCores, first?.timeMs], [undefined, VIRTUAL_START_MS]);
    await environment.advance(10_000);
    assert.equal((await ask(5_000_001_000))?.nanoCores, 500_000_000);
    await environment.advance(2000);
    const idle = await ask(5_000_001_000);
    assert.deepEqual([idle?.nanoCores, idle?.timeMs], [0, VIRTUAL_START_MS + 12_000]);
  });

  it('knows none where the look before was long ago, or of something else', async () => {
    const { environment, ask } = make();
    await ask(1000);
    await environment.advance(120_000);
    assert.equal((await ask(121_000))?.nanoCores, 1000);
    await environment.advance(120_001);
    assert.equal((await ask(200_000))?.nanoCores, undefined);
    await environment.advance(1000);
    assert.equal((await ask(100))?.nanoCores, undefined);
    await environment.advance(1000);
    assert.equal((await ask(undefined))?.nanoCores, undefined);
    await environment.advance(1000);
    assert.equal((await ask(100))?.nanoCores, undefined);
    // At the same moment there is no window.
    assert.equal((await ask(100))?.nanoCores, undefined);
  });

  it('forgets what was not asked for, and leaves out what is not there', async () => {
    const { environment, sampler, ask } = make();
    await ask(1000);
    await environment.advance(1000);
    const gone = await sampler.sample([{ key: 'b', read: () => Promise.resolve(undefined) }]);
    assert.equal(gone.size, 0);
    await environment.advance(1000);
    assert.equal((await ask(2000))?.nanoCores, undefined);
  });

  it('reads all of many, few at a time', async () => {
    const { sampler } = make();
    let reading = 0;
    let most = 0;
    const sources = Array.from({ length: 100 }, (_, i) => ({
      key: String(i),
      read: async () => {
        most = Math.max(most, ++reading);
        await Promise.resolve();
        reading--;
        return { cpuNanoseconds: i };
      },
    }));
    assert.equal((await sampler.sample(sources)).size, 100);
    assert.equal(most, 16);
  });
});

describe('KeptLook', () => {
  it('looks once for all who ask within its time, and again after a failure', async () => {
    const environment = new VirtualEnvironment();
    let looks = 0;
    const kept = new KeptLook(environment.clock, 1000, () => {
      looks++;
      return looks === 2 ? Promise.reject(new Error('no')) : Promise.resolve(looks);
    });
    assert.deepEqual(await Promise.all([kept.get(), kept.get()]), [1, 1]);
    await environment.advance(999);
    assert.equal(await kept.get(), 1);
    await environment.advance(1);
    await assert.rejects(kept.get(), /no/);
    assert.equal(await kept.get(), 3);
  });
});

describe('DiskUsage', () => {
  const make = (run: (args: readonly string[], input: string) => Promise<string> | string) => {
    const environment = new VirtualEnvironment();
    const calls: string[] = [];
    const processes = {
      run: async (
        command: string,
        args: readonly string[],
        { input = '' }: ProcessOptions = {},
      ): Promise<ProcessResult> => {
        calls.push(`${command} ${args.join(' ')} < ${String(input).replaceAll('\0', '|')}`);
        const stdout = Buffer.from(await run(args, String(input)));
        return { exitCode: 1, stdout, stderr: Buffer.from('du: gone') };
      },
    };
    return { environment, calls, disk: new DiskUsage({ environment, processes, keepMs: 60_000 }) };
  };
  const answer = (args: readonly string[]): string =>
    args[0] === '-B1' ? '4096\t/a\0' + '8192\t/b c\0' : '1\t/a\0' + '3\t/b c\0';

  it('asks du for all at once, in bytes and in inodes', async () => {
    const { disk, calls } = make(answer);
    const uses = await disk.of(['/a', '/b c', '/gone']);
    const timeMs = VIRTUAL_START_MS;
    assert.deepEqual(
      [...uses],
      [
        ['/a', { usedBytes: 4096, inodesUsed: 1, timeMs }],
        ['/b c', { usedBytes: 8192, inodesUsed: 3, timeMs }],
      ],
    );
    assert.deepEqual(calls, [
      'du -B1 -0 -s -x --files0-from=- < /a|/b c|/gone|',
      'du --inodes -0 -s -x --files0-from=- < /a|/b c|/gone|',
    ]);
  });

  it('counts at most once a minute, and not at all where there is nothing', async () => {
    const { disk, calls, environment } = make(answer);
    await disk.of([]);
    assert.equal(calls.length, 0);
    await disk.of(['/a']);
    await environment.advance(59_999);
    await disk.of(['/a']);
    assert.equal(calls.length, 2);
    await environment.advance(1);
    await disk.of(['/a']);
    assert.equal(calls.length, 4);
  });

  it('gives what was counted before while counting takes long, and goes on without a second one', async () => {
    const slow = Promise.withResolvers<void>();
    let isSlow = false;
    const { disk, calls, environment } = make(async (args) => {
      if (isSlow) await slow.promise;
      return isSlow ? answer(args).replaceAll('/a', '/later') : answer(args);
    });
    await disk.of(['/a']);
    isSlow = true;
    await environment.advance(60_000);
    const asked = [disk.of(['/a']), disk.of(['/a'])];
    await environment.advance(2000);
    for (const uses of await Promise.all(asked)) assert.equal(uses.has('/a'), true);
    assert.equal(calls.length, 4);
    slow.resolve();
    await environment.advance(0);
    assert.equal((await disk.of(['/a'])).has('/later'), true);
  });

  it('says nothing where there is no du, and does not ask again at once', async () => {
    const { disk, calls, environment } = make(() => Promise.reject(new Error('spawn du ENOENT')));
    assert.equal((await disk.of(['/a'])).size, 0);
    await environment.advance(1000);
    await disk.of(['/a']);
    assert.equal(calls.length, 2);
  });
});
