/** Resources of pods on disk: what was written is read back, and what is damaged is told of. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { realFileSystem } from '#edge/file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { ResourceCheckpoint } from './checkpoint.ts';

const directory = mkdtempSync(join(tmpdir(), 'checkpoint-'));
after(() => rmSync(directory, { recursive: true }));

const SMALL = { containers: { a: { requests: { cpu: '1' } } } };
const LARGE = { containers: { a: { requests: { cpu: '2' } } } };

async function open(path: string) {
  const environment = new VirtualEnvironment();
  const checkpoint = new ResourceCheckpoint({ environment, fileSystem: realFileSystem(), path });
  await checkpoint.load();
  return { environment, checkpoint };
}

describe('ResourceCheckpoint', () => {
  it('is read back by the next kubelet, the newest of all changes', async () => {
    const path = join(directory, 'kept');
    const { checkpoint } = await open(path);
    await Promise.all([
      checkpoint.set('u', SMALL),
      checkpoint.set('v', SMALL),
      checkpoint.set('w', SMALL),
      checkpoint.set('u', LARGE),
      checkpoint.remove('v'),
    ]);
    await checkpoint.retain((uid) => uid !== 'w');
    const next = (await open(path)).checkpoint;
    assert.deepEqual(
      ['u', 'v', 'w'].map((uid) => next.get(uid)),
      [LARGE, undefined, undefined],
    );
  });

  it('is on disk when it says so', async () => {
    const path = join(directory, 'durable');
    const { checkpoint } = await open(path);
    await checkpoint.set('u', SMALL);
    assert.match(readFileSync(path, 'utf8'), /cpu/);
  });

  for (const text of ['', '{"data":"{}"', 'flipped']) {
    it(`begins anew where it is damaged (${text}), and tells of it`, async () => {
      const path = join(directory, 'damaged');
      const first = (await open(path)).checkpoint;
      await first.set('u', SMALL);
      const good = readFileSync(path, 'utf8');
      writeFileSync(path, text === 'flipped' ? good.replace('cpu', 'gpu') : text);
      const { checkpoint, environment } = await open(path);
      assert.equal(checkpoint.get('u'), undefined);
      assert.match(JSON.stringify(environment.lines('error')), /checkpoint is corrupt/);
      await checkpoint.set('u', LARGE);
      assert.deepEqual((await open(path)).checkpoint.get('u'), LARGE);
    });
  }
});
