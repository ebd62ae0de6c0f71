/**
 * Builds an image once and keeps its archive: `<data>/images/<name>-<key>.tar`, where the key covers
 * the recipe and the files of this repository. One program builds in one folder at a time.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Processes } from '#base/doors.ts';
import { createTar, type TarEntry } from '#base/tar.ts';
import { readJsonIfThere } from '../files.ts';
import { imageArchive } from './archive.ts';
import { giveToCache, takeFromCache } from './cache.ts';
import { unpack, walk } from './packages.ts';
import type { Recipe } from './recipes.ts';

export interface BuiltImage {
  readonly archivePath: string;
  /** Digest of each image by its name. */
  readonly digests: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  readonly processes: Processes;
  /** Where archives are kept. */
  readonly folder: string;
  /** Where other clusters of this user find what was built, and this one what they have built. */
  readonly cache?: string;
  /** The root of this repository. */
  readonly repository: string;
}

/** The archive of `recipe`, built when there is none of this recipe yet. */
export async function buildImage(recipe: Recipe, options: BuildOptions): Promise<BuiltImage> {
  const { folder, cache } = options;
  const name = `${recipe.name}-${recipeKey(recipe, options.repository)}`;
  const base = join(folder, name);
  const kept = keptImage(base);
  if (kept !== undefined) return kept;
  if (cache !== undefined) {
    mkdirSync(folder, { recursive: true });
    takeFromCache(cache, name, folder);
    const taken = keptImage(base);
    if (taken !== undefined) return taken;
  }
  const built = await buildAnew(recipe, base, options);
  if (cache !== undefined)
    giveToCache(folder, name, cache, (path) => removeOlder(path, recipe.name));
  return built;
}

async function buildAnew(recipe: Recipe, base: string, options: BuildOptions): Promise<BuiltImage> {
  mkdirSync(options.folder, { recursive: true });
  removeStages(options.folder, recipe.name);
  const stage = `${base}.stage`;
  mkdirSync(stage, { recursive: true });
  try {
    await fill(stage, recipe, options);
    const layer = createTar(layerEntries(stage));
    const { archive, digests } = imageArchive(
      layer,
      recipe.images.map(({ reference, environment = [] }) => ({
        reference,
        entrypoint: recipe.entrypoint,
        environment: [...recipe.environment, ...environment],
        ...(recipe.user === undefined ? {} : { user: recipe.user }),
        ...(recipe.workingDirectory === undefined
          ? {}
          : { workingDirectory: recipe.workingDirectory }),
      })),
    );
    removeOlder(options.folder, recipe.name);
    writeFileSync(`${base}.tar.new`, archive, { mode: 0o600 });
    renameSync(`${base}.tar.new`, `${base}.tar`);
    writeFileSync(`${base}.json`, JSON.stringify(Object.fromEntries(digests)));
    return { archivePath: `${base}.tar`, digests: Object.fromEntries(digests) };
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Another one for another recipe, or other content of the files that it takes from `repository`. */
export function recipeKey(recipe: Recipe, repository: string): string {
  const hash = createHash('sha256').update(
    JSON.stringify({ ...recipe, prune: recipe.prune.map(String) }),
  );
  for (const path of Object.values(recipe.files)) hash.update(readFileSync(join(repository, path)));
  return hash.digest('hex').slice(0, 12);
}

function keptImage(base: string): BuiltImage | undefined {
  const digests = readJsonIfThere(`${base}.json`);
  if (typeof digests !== 'object' || digests === null || !existsSync(`${base}.tar`))
    return undefined;
  // Written below, by this function's caller alone.
  return { archivePath: `${base}.tar`, digests: digests as Record<string, string> };
}

async function fill(stage: string, recipe: Recipe, options: BuildOptions): Promise<void> {
  const { packages, without, prune } = recipe;
  await unpack({ processes: options.processes, packages, without, prune, folder: stage });
  for (const [path, source] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    copyFileSync(join(options.repository, source), join(stage, path));
    chmodSync(join(stage, path), isProgram(join(options.repository, source)) ? 0o755 : 0o644);
  }
  const inside = { stage, environment: variablesOf(recipe.environment), ...options };
  for (const command of recipe.prepare) await runInside(command, inside);
}

/** Its owner may run it. */
function isProgram(path: string): boolean {
  return (statSync(path).mode & 0o100) !== 0;
}

/** `NAME=value` each. */
function variablesOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => [text.split('=', 1)[0] ?? '', text.slice(text.indexOf('=') + 1)]),
  );
}

interface Inside {
  readonly stage: string;
  /** That of the containers. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: Processes;
}

/** By its path: what it runs has a PATH of its own. */
const CHROOT = '/usr/sbin/chroot';

/** Runs a command with the image's files as its root: it finds there what it will find in a container. */
async function runInside(
  [command = '', ...args]: readonly string[],
  { stage, environment, processes }: Inside,
): Promise<void> {
  // The links are needed here for the loader of dynamic programs; in the archive they come by name.
  const links = MERGED_LINKS.map(({ path, target }) => ['ln', '-sfn', target, join(stage, path)]);
  for (const [program = '', ...rest] of links) await processes.run(program, rest);
  const result = await processes.run(CHROOT, [stage, command, ...args], {
    timeoutMs: 120_000,
    environment: { ...environment, LC_ALL: 'C' },
  });
  const isUsual = result.exitCode === 0 || args.includes('compileall');
  if (!isUsual) {
    throw new Error(
      `Cannot build image: ${command} failed in it: ${Buffer.from(result.stderr).toString('utf8').slice(-500)}`,
    );
  }
}

const MERGED_LINKS = [
  { path: 'bin', target: 'usr/bin' },
  { path: 'lib', target: 'usr/lib' },
  { path: 'lib64', target: 'usr/lib64' },
  { path: 'sbin', target: 'usr/sbin' },
];

/** Owners are root, times 1970: the bytes depend on the files alone. */
function layerEntries(stage: string): TarEntry[] {
  const links = MERGED_LINKS.map(
    ({ path, target }): TarEntry => ({ kind: 'symlink', path, mode: 0o777, target }),
  );
  const linked = new Set(MERGED_LINKS.map(({ path }) => path));
  const files = walk(stage, '').flatMap((path): TarEntry[] => {
    if (linked.has(path)) return [];
    const stat = lstatSync(join(stage, path));
    const mode = stat.mode & 0o7777;
    if (stat.isDirectory()) return [{ kind: 'directory', path, mode: 0o755 }];
    if (stat.isSymbolicLink())
      return [{ kind: 'symlink', path, mode: 0o777, target: readlinkSync(join(stage, path)) }];
    return [{ kind: 'file', path, mode, data: readFileSync(join(stage, path)) }];
  });
  return [...links, ...SYSTEM_FILES, ...files.filter(({ path }) => !SYSTEM_PATHS.has(path))];
}

const text = (path: string, data: string): TarEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  data: Buffer.from(data),
});

/** What programs expect of any system. */
const SYSTEM_FILES: readonly TarEntry[] = [
  { kind: 'directory', path: 'data', mode: 0o777 },
  { kind: 'directory', path: 'etc', mode: 0o755 },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'directory', path: 'usr', mode: 0o755 },
  text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
  text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
  text(
    'etc/passwd',
    'root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  ),
];
const SYSTEM_PATHS = new Set(SYSTEM_FILES.map(({ path }) => path));

/** What builds that were broken off left. */
function removeStages(folder: string, name: string): void {
  const own = new RegExp(`^${name}-[0-9a-f]{12}\\..*stage`);
  for (const file of readdirSync(folder))
    if (own.test(file)) rmSync(join(folder, file), { recursive: true, force: true });
}

/** Archives of earlier recipes take space and nothing else. */
function removeOlder(folder: string, name: string): void {
  const own = new RegExp(`^${name}-[0-9a-f]{12}\\.(tar|json)$`);
  for (const file of readdirSync(folder))
    if (own.test(file)) rmSync(join(folder, file), { force: true });
}
