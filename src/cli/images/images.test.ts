import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { realProcesses } from '#edge/processes.ts';
import { imageArchive } from './archive.ts';
import { buildImage, recipeKey } from './build.ts';
import { dependencyGraph } from './packages.ts';
import { programRecipe } from './program.ts';
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

/** A folder with these files; removed at the end of the test. */
function repositoryOf(
  t: { after(end: () => void): void },
  files: Readonly<Record<string, string>>,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'repository-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const NODE = `node_modules/node-linux-${process.arch}/bin/node`;
const PROGRAM = {
  'package.json': '{"version":"1.2.3","dependencies":{"a":"1"},"devDependencies":{"d":"1"}}',
  LICENSE: 'free',
  'bin/cox.ts': '',
  'bin/launch.mjs': '',
  'src/cli/main.ts': '',
  'src/cli/main.test.ts': '',
  'examples/none/none.yaml': '',
  'test/kit/kit.ts': '',
  'node_modules/a/package.json': '{"dependencies":{"b":"1"}}',
  'node_modules/a/a.mjs': '',
  'node_modules/a/a.mjs.map': '',
  'node_modules/b/package.json': '{"dependencies":{"a":"1"}}',
  'node_modules/d/package.json': '{}',
  [NODE]: 'a program',
};

describe('programRecipe', () => {
  it('has what a run needs, under the version of the program', (t) => {
    const recipe = programRecipe(repositoryOf(t, PROGRAM));
    assert.deepEqual(recipe.images, [{ reference: 'coxswain.local/coxswain:1.2.3' }]);
    assert.deepEqual(recipe.entrypoint, ['/usr/local/bin/node', '/opt/coxswain/bin/cox.ts']);
    const { 'usr/local/bin/node': node, ...others } = recipe.files;
    assert.equal(node, NODE);
    assert.deepEqual(Object.values(others).toSorted(), [
      'LICENSE',
      'bin/cox.ts',
      'examples/none/none.yaml',
      'node_modules/a/a.mjs',
      'node_modules/a/package.json',
      'node_modules/b/package.json',
      'package.json',
      'src/cli/main.ts',
    ]);
    for (const [path, source] of Object.entries(others))
      assert.equal(path, `opt/coxswain/${source}`);
  });

  it('is another one when a source, a package or Node is', (t) => {
    const folder = repositoryOf(t, PROGRAM);
    const keys = new Set([recipeKey(programRecipe(folder), folder)]);
    for (const path of ['src/cli/main.ts', 'node_modules/a/a.mjs', NODE, 'src/cli/new.ts']) {
      writeFileSync(join(folder, path), 'changed');
      keys.add(recipeKey(programRecipe(folder), folder));
    }
    assert.equal(keys.size, 5);
    writeFileSync(join(folder, 'src/cli/main.test.ts'), 'changed');
    keys.add(recipeKey(programRecipe(folder), folder));
    assert.equal(keys.size, 5);
  });

  it('says how to get the Node that is missing', (t) => {
    const { [NODE]: _, ...files } = PROGRAM;
    assert.throws(() => programRecipe(repositoryOf(t, files)), /npm ci/);
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

  it('takes what another cluster has built, and makes what it builds known to others', async (t) => {
    const folder = repositoryOf(t, { 'repository/text': 'x' });
    const cache = join(folder, 'cache');
    const real = realProcesses();
    let commands = 0;
    const processes = {
      run: (...args: Parameters<typeof real.run>) => (commands++, real.run(...args)),
    };
    const build = (name: string, recipe = PAUSE) =>
      buildImage(recipe, {
        processes,
        folder: join(folder, name),
        cache,
        repository: join(folder, 'repository'),
      });
    const first = await build('first');
    assert.ok(commands > 0);
    commands = 0;
    const second = await build('second');
    assert.equal(commands, 0, 'the archive of the other is taken');
    assert.equal(second.archivePath, first.archivePath.replace('/first/', '/second/'));
    assert.deepEqual(second.digests, first.digests);
    assert.deepEqual(readFileSync(second.archivePath), readFileSync(first.archivePath));
    assert.equal(statSync(cache).mode & 0o777, 0o700);

    await build('third', { ...PAUSE, environment: ['A=b'] });
    assert.equal(readdirSync(cache).length, 2, 'archives of older recipes go');
    assert.deepEqual(readFileSync(second.archivePath), readFileSync(first.archivePath));

    // Half of an archive is none: it is built anew.
    for (const file of readdirSync(cache).filter((name) => name.endsWith('.json')))
      rmSync(join(cache, file));
    commands = 0;
    await build('fourth', { ...PAUSE, environment: ['A=b'] });
    assert.ok(commands > 0);
  });

  it('lets programs be run, and prepares with the environment of the containers', async (t) => {
    const folder = repositoryOf(t, { 'repository/tool': 'x', 'repository/text': 'x' });
    const repository = join(folder, 'repository');
    chmodSync(join(repository, 'tool'), 0o755);
    const real = realProcesses();
    const environments: unknown[] = [];
    const processes: typeof real = {
      run: async (command, args, options) => {
        if (command !== '/usr/sbin/chroot') return real.run(command, args, options);
        environments.push(options?.environment);
        return { exitCode: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
      },
    };
    const recipe = {
      ...PAUSE,
      name: 'tools',
      files: { 'usr/bin/tool': 'tool', 'usr/share/text': 'text' },
      environment: ['PATH=/usr/bin', 'OPTIONS=a=b'],
    };
    const { archivePath } = await buildImage(recipe, { processes, folder, repository });
    assert.deepEqual(environments, [{ PATH: '/usr/bin', OPTIONS: 'a=b', LC_ALL: 'C' }]);
    const archive = readFileSync(archivePath, 'latin1');
    const modeOf = (path: string): string => {
      const at = archive.indexOf(`${path}\0`);
      return archive.slice(at + 100, at + 107);
    };
    assert.deepEqual(['usr/bin/tool', 'usr/share/text'].map(modeOf), ['0000755', '0000644']);
  });
});
