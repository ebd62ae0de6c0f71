/**
 * The disk of the data directory is full: writes are refused with a reason, everything else goes
 * on, and nothing that was acknowledged is lost.
 *
 * The disk is a tmpfs that shrinks to what it holds, so that filling it takes no memory.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startTicksOf } from '../../src/cli/supervisor.ts';
import { unlessKubectl, unlessRoot } from './needs.ts';
import {
  eventually,
  type Product,
  refusedStart,
  removeDirectory,
  startProduct,
  temporaryDirectory,
} from './product.ts';

const SIMULATED = ['--simulated-nodes', '1', '--example', 'none'];
const skip = unlessRoot('mounting a small disk') || unlessKubectl('a full disk');
const ROOM = '1g';
const WRITES_MAX = 200;

describe('a full disk', { skip }, () => {
  let disk: string;
  let product: Product;
  const kept: string[] = [];
  const data = (): string => join(disk, 'data');

  const resize = (size: string | number): boolean =>
    spawnSync('mount', ['-o', `remount,size=${size}`, disk]).status === 0;
  /** Something may be written between the look and the change: then the size is too small. */
  const shrink = (): Promise<true> =>
    eventually(async () => {
      const { blocks, bfree, bsize } = statfsSync(disk);
      return resize((blocks - bfree) * bsize) ? true : undefined;
    });
  const makeRoom = (): void => assert.ok(resize(ROOM));
  const pidFile = (): number =>
    (JSON.parse(readFileSync(join(data(), 'run', 'control-plane.pid'), 'utf8')) as { pid: number })
      .pid;
  /** Writes until the disk is full; the refusal. */
  const writeUntilRefused = async (): Promise<string> => {
    for (let i = 0; i < WRITES_MAX; i++) {
      const name = `filler-${kept.length}`;
      const literal = `--from-literal=a=${'x'.repeat(50_000)}`;
      const { code, stderr } = await product.kubectl(['create', 'configmap', name, literal]);
      if (code !== 0) return stderr;
      kept.push(name);
    }
    throw new Error(`${WRITES_MAX} writes went to a full disk`);
  };
  const assertAllThere = async (): Promise<void> => {
    const names = (await product.ok('get configmaps -o name')).split('\n');
    assert.deepEqual(
      kept.filter((name) => !names.includes(`configmap/${name}`)),
      [],
    );
  };

  before(async () => {
    disk = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${ROOM},mode=700`, 'coxswain-test', disk]);
    product = await startProduct(SIMULATED, { dataDirectory: data() });
    // What every cluster has is written by then.
    await eventually(async () =>
      readFileSync(join(data(), 'logs', 'control-plane.log'), 'utf8').includes('is ready')
        ? true
        : undefined,
    );
  });
  after(async () => {
    if (skip !== false) return;
    makeRoom();
    await product?.stop();
    // The kernel may take a moment to let go of what the processes had open.
    await eventually(async () => (spawnSync('umount', [disk]).status === 0 ? true : undefined));
    removeDirectory(disk);
  });

  it('refuses writes with the reason, and reads on', async () => {
    await shrink();
    assert.match(await writeUntilRefused(), /disk is full/);
    await assertAllThere();
  });

  it('takes writes again as soon as there is room', async () => {
    makeRoom();
    await product.ok('create configmap room');
    kept.push('room');
    await assertAllThere();
  });

  it('restarts a process that died meanwhile, and knows it', async () => {
    await shrink();
    await writeUntilRefused();
    const before = pidFile();
    process.kill(before, 'SIGKILL');
    await eventually(async () =>
      pidFile() !== before && (await product.ok('get --raw /readyz')) === 'ok' ? true : undefined,
    );
    await assertAllThere();
  });

  it('stops on Ctrl-C, and leaves no process', async () => {
    const pid = pidFile();
    assert.equal(await product.stop(), 0);
    assert.equal(startTicksOf(pid), undefined);
  });

  it('refuses a start, and says how much room there must be', async () => {
    const { code, stderr } = await refusedStart(SIMULATED, { dataDirectory: data() });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Cannot (use|write to) data directory \S+: .*\b(full|free)\b.* Free some space, or choose another place with --data-dir\.\n$/,
    );
  });

  it('starts again when there is room, with all that was acknowledged', async () => {
    makeRoom();
    product = await startProduct(SIMULATED, { dataDirectory: data() });
    await assertAllThere();
    await product.ok('create configmap after');
  });
});
