import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { realFileSystem } from './file-system.ts';

const files = realFileSystem();

function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'files-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('realFileSystem', () => {
  it('writes atomically, with the mode asked for, and leaves no temporary file', async (t) => {
    const path = directory(t);
    const umask = process.umask(0o077);
    try {
      await files.writeFileAtomic(join(path, 'a'), 'one', 0o644);
      await files.writeFileAtomic(join(path, 'a'), 'two', 0o640);
    } finally {
      process.umask(umask);
    }
    assert.equal(await files.readText(join(path, 'a')), 'two');
    assert.equal((await files.stat(join(path, 'a')))?.mode, 0o640);
    await assert.rejects(files.writeFileAtomic(join(path, 'none', 'a'), ''), { code: 'ENOENT' });
    await files.makeDirectory(join(path, 'taken'));
    await assert.rejects(files.writeFileAtomic(join(path, 'taken'), 'x'), { code: 'EISDIR' });
    assert.deepEqual((await files.list(path)).toSorted(), ['a', 'taken']);
  });

  it('removes a directory that is empty', async (t) => {
    const path = join(directory(t), 'a');
    await files.makeDirectory(join(path, 'b'));
    await assert.rejects(files.removeDirectory(path), { code: 'ENOTEMPTY' });
    await files.removeDirectory(join(path, 'b'));
    await files.removeDirectory(path);
    assert.equal(await files.stat(path), undefined);
    await files.removeDirectory(path);
  });

  it('writes in place, and at the end', async (t) => {
    const path = join(directory(t), 'log');
    await files.writeFile(path, 'one\n');
    const inode = (await files.stat(path))?.inode;
    await files.writeFile(path, 'two\n', { append: true });
    await files.writeFile(path, 'six\n', { append: true });
    assert.equal(await files.readText(path), 'one\ntwo\nsix\n');
    assert.equal((await files.stat(path))?.inode, inode);
    await files.truncate(path, 4);
    assert.equal(await files.readText(path), 'one\n');
  });

  it('reads a part, and less at the end of the file', async (t) => {
    const path = join(directory(t), 'f');
    await files.writeFile(path, '0123456789');
    const part = async (from: number, length: number): Promise<string> =>
      Buffer.from(await files.readAt(path, from, length)).toString();
    assert.equal(await part(2, 3), '234');
    assert.equal(await part(8, 10), '89');
    assert.equal(await part(20, 10), '');
  });

  it('says what is there, and undefined for nothing', async (t) => {
    const path = directory(t);
    await files.writeFile(join(path, 'f'), '12345');
    await files.symlink('f', join(path, 'link'));
    assert.equal((await files.stat(join(path, 'link')))?.kind, 'file');
    assert.equal((await files.stat(join(path, 'link'), { noFollow: true }))?.kind, 'symlink');
    assert.equal(await files.readLink(join(path, 'link')), 'f');
    assert.equal((await files.stat(path))?.kind, 'directory');
    assert.equal((await files.stat(join(path, 'f')))?.size, 5);
    assert.equal(await files.stat(join(path, 'none')), undefined);
    assert.equal(await files.stat(join(path, 'f', 'below a file')), undefined);
  });

  it('removes a file, a link, a tree, and nothing without complaint', async (t) => {
    const path = directory(t);
    await files.makeDirectory(join(path, 'tree', 'deep', 'deeper'));
    await files.writeFile(join(path, 'tree', 'deep', 'f'), '');
    await files.writeFile(join(path, 'kept'), '');
    await files.symlink(join(path, 'kept'), join(path, 'tree', 'link'));
    await files.symlink(path, join(path, 'tree', 'up'));
    await files.remove(join(path, 'tree'));
    await files.remove(join(path, 'none'));
    assert.deepEqual(await files.list(path), ['kept']);
    await files.remove(join(path, 'kept'));
    assert.deepEqual(await files.list(path), []);
  });

  it('never removes what is mounted in a tree, bound from the same disk or not', async (t) => {
    const path = directory(t);
    const point = join(path, 'tree', 'with space', 'mount');
    await files.makeDirectory(point);
    await files.makeDirectory(join(path, 'data'));
    await files.writeFile(join(path, 'data', 'precious'), 'x');
    await files.writeFile(join(path, 'tree', 'a'), '');
    await files.writeFile(join(path, 'tree', 'z'), '');
    if (spawnSync('mount', ['--bind', join(path, 'data'), point]).status !== 0) {
      t.skip('nothing can be mounted here (that needs root)');
      return;
    }
    try {
      await assert.rejects(files.remove(join(path, 'tree')), { code: 'EBUSY' });
      await assert.rejects(files.remove(point), { code: 'EBUSY' });
      assert.deepEqual(await files.list(join(path, 'data')), ['precious']);
      // It is found before anything is removed.
      const rest = (await files.list(join(path, 'tree'))).toSorted();
      assert.deepEqual(rest, ['a', 'with space', 'z']);
    } finally {
      spawnSync('umount', [point]);
    }
    await files.remove(join(path, 'tree'));
    assert.deepEqual((await files.list(path)).toSorted(), ['data']);
  });

  it('reads plain files below a directory, and nothing that a link leads out to', async (t) => {
    const path = directory(t);
    const outside = directory(t);
    await files.makeDirectory(join(path, 'deep'));
    await files.writeFile(join(path, 'deep', 'f'), 'inside');
    await files.writeFile(join(outside, 'f'), 'outside');
    await files.symlink('deep/f', join(path, 'link'));
    await files.symlink(outside, join(path, 'out'));
    assert.equal(spawnSync('mkfifo', [join(path, 'fifo')]).status, 0);
    const read = async (name: string, bytesMax = 6): Promise<string> =>
      Buffer.from(await files.readWithin(path, name, bytesMax)).toString();
    assert.equal(await read('deep/f'), 'inside');
    assert.equal(await read('link'), 'inside');
    for (const name of ['out/f', '../../etc/hostname', `../${basename(path)}-other`, '.'])
      await assert.rejects(read(name), /leads out of|ENOENT/, name);
    // Nobody writes into it: who opened it would wait.
    await assert.rejects(read('fifo'), /is not a file/);
    await assert.rejects(read('deep'), /is not a file/);
    await assert.rejects(read('deep/f', 5), /is longer than 5 bytes/);
  });

  it('tells of changes below a directory', async (t) => {
    const path = directory(t);
    await files.makeDirectory(join(path, 'deep'));
    const changed = Promise.withResolvers<void>();
    const watch = files.watch(path, changed.resolve);
    t.after(() => watch.close());
    await files.writeFile(join(path, 'deep', 'f'), 'x');
    await changed.promise;
  });

  it('knows the room on a file system', async (t) => {
    const room = await files.statFileSystem(directory(t));
    assert.ok(room.capacity > room.available && room.available > 0);
    assert.ok(room.capacity > room.free && room.free >= room.available);
    assert.ok(room.inodes >= room.inodesFree && room.inodesFree > 0);
  });
});
