import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { realProcesses } from '#edge/processes.ts';
import { imageArchive } from './archive.ts';
import { buildImage } from './build.ts';
import { dependencyGraph } from './packages.ts';
import { PAUSE } from './recipes.ts';

describe('dependencyGraph', () => {
  it('reads what apt-cache prints: first alternatives, no virtual packages', () => {
    const text = [
      'redis-server',
      '  PreDepends: init-system-helpers',
      '  Depends: redis-tools',
      'redis-tools',
      '  Depends: libc6',
      ' |Depends: media-types',
      '  Depends: mime-support',
      '  Depends: <virtual>',
      '    provider',
      '  Depends: libssl3:any',
    ].join('\n');
    assert.deepEqual(Object.fromEntries(dependencyGraph(text)), {
      'redis-server': ['init-system-helpers', 'redis-tools'],
      'redis-tools': ['libc6', 'media-types', 'libssl3'],
    });
  });
});

function unpacked(archive: Buffer, read: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'image-'));
  try {
    assert.equal(spawnSync('tar', ['-x', '-C', folder], { input: archive }).status, 0);
    read(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('imageArchive', () => {
  const layer = Buffer.alloc(1024);
  const image = { reference: 'x/y:1', entrypoint: ['/y'], environment: ['A=b'], user: '1:1' };

  it('is an image layout in which every descriptor leads to its bytes', () => {
    const { archive, digests } = imageArchive(layer, [
      image,
      { ...image, reference: 'x/y:2', environment: [] },
    ]);
    unpacked(archive, (folder) => {
      const blob = (digest: string): string => {
        const bytes = readFileSync(join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length)));
        assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest);
        return bytes.toString('utf8');
      };
      const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
      assert.equal(index.manifests.length, 2);
      for (const { digest, annotations } of index.manifests) {
        assert.equal(digests.get(annotations['io.containerd.image.name']), digest);
        const manifest = JSON.parse(blob(digest));
        const config = JSON.parse(blob(manifest.config.digest));
        assert.deepEqual(config.rootfs.diff_ids, [manifest.layers[0].digest]);
        assert.equal(blob(manifest.layers[0].digest).length, layer.length);
        assert.deepEqual(
          { user: config.config.User, entrypoint: config.config.Entrypoint },
          { user: '1:1', entrypoint: ['/y'] },
        );
      }
    });
  });

  it('is the same for the same input', () => {
    assert.deepEqual(imageArchive(layer, [image]).archive, imageArchive(layer, [image]).archive);
  });
});

const skip =
  process.getuid?.() !== 0 || spawnSync('sh', ['-c', 'command -v apt-cache']).status !== 0;

describe('buildImage', { skip: skip && 'needs root and apt' }, () => {
  it('builds the sandbox image once, from this machine, and keeps it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'images-'));
    try {
      const real = realProcesses();
      let commands = 0;
      const processes = {
        run: (...args: Parameters<typeof real.run>) => (commands++, real.run(...args)),
      };
      const options = { processes, folder, repository: join(import.meta.dirname, '../../..') };
      const built = await buildImage(PAUSE, options);
      assert.ok(commands > 0);
      commands = 0;
      assert.deepEqual(await buildImage(PAUSE, options), built);
      assert.equal(commands, 0, 'the kept archive is used');
      unpacked(readFileSync(built.archivePath), (path) => {
        const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'));
        const blob = (digest: string): string =>
          join(path, 'blobs', 'sha256', digest.slice('sha256:'.length));
        const manifest = JSON.parse(readFileSync(blob(index.manifests[0].digest), 'utf8'));
        const list = spawnSync('tar', ['-t', '-f', blob(manifest.layers[0].digest)], {
          encoding: 'utf8',
        }).stdout;
        assert.match(list, /^usr\/bin\/catatonit$/m);
        assert.doesNotMatch(list, /usr\/share\/doc/);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
