/**
 * Gives containerd the images that no registry has: the sandbox of every pod, those of the example,
 * and that of this program. What it has already is left alone.
 */
import type { Processes } from '#base/doors.ts';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { type BuiltImage, buildImage, recipeKey } from './build.ts';
import { imageCacheFolder } from './cache.ts';
import { programRecipe, programReference } from './program.ts';
import { EXAMPLE_RECIPES, PAUSE, type Recipe } from './recipes.ts';

/** The namespace in which containerd's CRI plug-in looks for images. */
const CONTAINERD_NAMESPACE = 'k8s.io';
const IMPORT_TIMEOUT_MS = 120_000;
const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

export interface ImportOptions {
  /** A name under `examples/`, or `none` for what every cluster needs. */
  readonly example: string;
  /** The image of this program too. */
  readonly program?: boolean;
  /** Where archives are kept. */
  readonly folder: string;
  /** containerd's socket. */
  readonly socket: string;
  readonly processes: Processes;
  readonly progress: Progress;
}

/** The image of this program: its reference, and what is another one when the program is. Throws UserError. */
export function programImage(): { readonly reference: string; readonly key: string } {
  return {
    reference: programReference(REPOSITORY),
    key: recipeKey(programRecipe(REPOSITORY), REPOSITORY),
  };
}

/** Builds `recipes` into the user's cache, by way of `folder`: clusters take them from there. */
export async function fillImageCache(
  recipes: readonly Recipe[],
  options: Pick<ImportOptions, 'folder' | 'processes' | 'progress'>,
): Promise<void> {
  for (const recipe of recipes) await built(recipe, options);
}

/** All images that a cluster may need: also those of examples, and that of this program. */
export function allRecipes(): Recipe[] {
  return [PAUSE, ...Object.values(EXAMPLE_RECIPES).flat(), programRecipe(REPOSITORY)];
}

export async function importImages(options: ImportOptions): Promise<void> {
  const recipes = [
    PAUSE,
    ...(EXAMPLE_RECIPES[options.example] ?? []),
    ...(options.program === true ? [programRecipe(REPOSITORY)] : []),
  ];
  const known = await knownImages(options);
  // One after the other: apt and the two cores have no use for more at once.
  for (const recipe of recipes) await importOne(recipe, known, options);
}

async function importOne(
  recipe: Recipe,
  known: ReadonlyMap<string, string>,
  options: ImportOptions,
): Promise<void> {
  const image = await built(recipe, options);
  const isThere = Object.entries(image.digests).every(
    ([name, digest]) => known.get(name) === digest,
  );
  if (isThere) return;
  await options.progress.step(`Importing the image ${recipe.name}`, () => load(image, options));
}

function built(
  recipe: Recipe,
  { processes, folder, progress }: Pick<ImportOptions, 'folder' | 'processes' | 'progress'>,
): Promise<BuiltImage> {
  const cache = imageCacheFolder(process.env);
  return progress.step(`Building the image ${recipe.name}`, () =>
    buildImage(recipe, { processes, folder, cache, repository: REPOSITORY }),
  );
}

async function load(image: BuiltImage, { processes, socket }: ImportOptions): Promise<void> {
  const result = await processes.run(
    'ctr',
    [
      '--address',
      socket,
      '--namespace',
      CONTAINERD_NAMESPACE,
      'images',
      'import',
      image.archivePath,
    ],
    {
      timeoutMs: IMPORT_TIMEOUT_MS,
    },
  );
  if (result.exitCode === 0) return;
  const words = Buffer.from(result.stderr).toString('utf8').trim().slice(-500);
  throw new Error(`Cannot import ${image.archivePath}: ${words}`);
}

/** Digest of each image that containerd has, by name. */
async function knownImages({ processes, socket }: ImportOptions): Promise<Map<string, string>> {
  const result = await processes.run('ctr', [
    '--address',
    socket,
    '--namespace',
    CONTAINERD_NAMESPACE,
    'images',
    'list',
  ]);
  const known = new Map<string, string>();
  // REF TYPE DIGEST SIZE PLATFORMS LABELS
  for (const line of Buffer.from(result.stdout).toString('utf8').split('\n').slice(1)) {
    const [name = '', , digest = ''] = line.split(/\s+/);
    if (digest.startsWith('sha256:')) known.set(name, digest);
  }
  return known;
}
