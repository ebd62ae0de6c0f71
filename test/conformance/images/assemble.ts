/** Makes the archive of all test images. Needs apt and Go's module cache; no registry, no root. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { upstreamSources } from '../build.ts';
import { output, say } from '../command.ts';
import type { Folders } from '../folders.ts';
import { ImageArchive, type Layer } from './archive.ts';
import { Packages } from './packages.ts';
import { IMAGES, LAYERS, type LayerRecipe } from './recipes.ts';

/** Does nothing when the archive is of this suite and these recipes already. */
export function assembleImages(folders: Folders): void {
  const stampPath = `${folders.imageArchive}.stamp`;
  const stamp = stampOf(folders);
  if (existsSync(folders.imageArchive) && readIfThere(stampPath) === stamp) return;
  say('Assembling the images …');
  rmSync(folders.work, { recursive: true, force: true });
  mkdirSync(folders.work, { recursive: true });
  try {
    const archive = new ImageArchive(join(folders.work, 'layout'));
    const layers = new Layers(folders, archive);
    for (const [reference, name] of referencesOf(suiteImages(folders))) {
      const recipe = IMAGES[name];
      if (recipe === undefined) continue;
      archive.add(
        reference,
        recipe.layers.map((layer) => layers.get(layer)),
        recipe.config,
      );
    }
    archive.pack(folders.imageArchive);
    writeFileSync(stampPath, stamp);
  } finally {
    rmSync(folders.work, { recursive: true, force: true });
  }
}

/** The references of all images that the suite knows, as the suite itself prints them. */
function suiteImages(folders: Folders): string[] {
  const program = join(folders.binaries, 'e2e.test');
  return output(program, ['--list-images', '--provider=skeleton']).split('\n').filter(Boolean);
}

/**
 * Reference and repository of the images in the registry that has the sandbox image. The suite names
 * others too, which no pull may find: they have other registries.
 */
export function referencesOf(references: readonly string[]): [reference: string, name: string][] {
  const sandbox = references.find((reference) => /^[^/]+\/pause:/.test(reference));
  if (sandbox === undefined) throw new Error('The suite names no sandbox image');
  const registry = sandbox.slice(0, sandbox.indexOf('/') + 1);
  return references
    .filter((reference) => reference.startsWith(registry))
    .map((reference) => [reference, reference.slice(registry.length).replace(/:[^:/]*$/, '')]);
}

/** Makes each layer once, when an image asks for it. */
class Layers {
  readonly #folders: Folders;
  readonly #archive: ImageArchive;
  readonly #packages: Packages;
  readonly #sources = join(upstreamSources(), 'test', 'images');
  readonly #made = new Map<string, Layer>();

  constructor(folders: Folders, archive: ImageArchive) {
    this.#folders = folders;
    this.#archive = archive;
    this.#packages = new Packages(folders);
  }

  get(name: string): Layer {
    const made = this.#made.get(name);
    if (made !== undefined) return made;
    const recipe = LAYERS[name];
    if (recipe === undefined) throw new Error(`There is no recipe of the layer ${name}`);
    const folder = join(this.#folders.work, name);
    mkdirSync(folder, { recursive: true });
    this.#unpack(folder, recipe);
    this.#copy(folder, recipe);
    finish(folder, recipe);
    const layer = this.#archive.layer(folder);
    this.#made.set(name, layer);
    return layer;
  }

  #unpack(folder: string, { packages, above, only }: LayerRecipe): void {
    if (packages === undefined) return;
    const below = above === undefined ? [] : (LAYERS[above]?.packages ?? []);
    const there = new Set(below.length === 0 ? [] : this.#packages.closure(below));
    const files = this.#packages
      .closure([...below, ...packages])
      .filter((file) => !there.has(file));
    if (only === undefined) {
      this.#packages.unpack(files, folder);
      return;
    }
    const whole = `${folder}.whole`;
    this.#packages.unpack(files, whole);
    place(folder, only.to, (path) => copyFileSync(join(whole, only.from), path));
  }

  #copy(folder: string, recipe: LayerRecipe): void {
    const { programs = {}, sources = {}, sourceFolder, texts = {} } = recipe;
    for (const [path, program] of Object.entries(programs))
      place(folder, path, (to) => copyFileSync(join(this.#folders.binaries, program), to));
    const html = sourceFolder === undefined ? [] : readdirSync(join(this.#sources, sourceFolder));
    const copies = [
      ...Object.entries(sources),
      ...html.map((file) => [file, `${sourceFolder}/${file}`] as const),
    ];
    for (const [path, source] of copies) {
      place(folder, path, (to) => {
        copyFileSync(join(this.#sources, source), to);
        // Go's module cache is read-only.
        chmodSync(to, 0o644);
      });
    }
    for (const [path, text] of Object.entries(texts))
      place(folder, path, (to) => writeFileSync(to, text, { mode: 0o644 }));
  }
}

/** Folders, links and permission bits, after the files. */
function finish(folder: string, recipe: LayerRecipe): void {
  const { folders = {}, links = {}, modes = {}, applets } = recipe;
  for (const [path, mode] of Object.entries(folders)) {
    mkdirSync(join(folder, path), { recursive: true });
    chmodSync(join(folder, path), mode);
  }
  for (const [path, target] of Object.entries(links))
    place(folder, path, (to) => symlinkSync(target, to));
  for (const [path, mode] of Object.entries(modes)) chmodSync(join(folder, path), mode);
  if (applets === undefined) return;
  const kept = new Set(['busybox', 'sh', ...(applets === 'all' ? ['bash'] : [])]);
  for (const name of output(join(folder, 'usr/bin/busybox'), ['--list']).split('\n')) {
    const isThere = ['usr/bin', 'usr/sbin'].some((at) => exists(join(folder, at, name)));
    if (name === '' || kept.has(name) || (applets === 'missing' && isThere)) continue;
    place(folder, `usr/bin/${name}`, (to) => symlinkSync('busybox', to));
  }
}

function place(folder: string, path: string, write: (to: string) => void): void {
  const to = join(folder, path);
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { force: true });
  write(to);
}

/** Also of a link that leads nowhere on this machine. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function stampOf(folders: Folders): string {
  const hash = createHash('sha256').update(readFileSync(join(folders.binaries, '.stamp')));
  for (const file of readdirSync(import.meta.dirname).sort())
    hash.update(readFileSync(join(import.meta.dirname, file)));
  return hash.digest('hex');
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
