/**
 * The image of this program: its sources, what it needs of npm, and the Node that it is pinned to,
 * on Debian's C library. The words behind `cox` are the container's args.
 *
 * 176 MB, of which Node is 150. It is another image when any of that changes.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';
import { walk } from './packages.ts';
import { DOCUMENTATION, HOUSEKEEPING, PATH, type Recipe } from './recipes.ts';

/** Where the program lies in the image. */
const ROOT = 'opt/coxswain';
const NODE = 'usr/local/bin/node';
const MAIN = `/${ROOT}/bin/cox.ts`;
/** What Node has compiled, so that a container starts in half the time. */
const COMPILE_CACHE = `/${ROOT}/compile-cache`;

/** What no run needs: tests, maps of sources, builds for browsers, types. */
const NOT_RUN = /\.test\.ts$|\.map$|\.d\.[cm]?ts$|(^|\/)browser\/|\.md$/;

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** `coxswain.local/coxswain:<version>`. `repository`: the root of this program. */
export function programReference(repository: string): string {
  return `coxswain.local/coxswain:${manifestIn(repository).version}`;
}

/** Throws UserError where the pinned Node is not installed. */
export function programRecipe(repository: string): Recipe {
  const node = `node_modules/node-linux-${process.arch}/bin/node`;
  if (!existsSync(join(repository, node)))
    throw new UserError(
      `Cannot build the image of this program: there is no ${node} in ${repository}. Install the packages of the lockfile with "npm ci".`,
    );
  const run = ['apiserver', 'controller-manager', 'scheduler', 'dns'];
  return {
    name: 'coxswain',
    revision: 1,
    images: [{ reference: programReference(repository) }],
    packages: ['libatomic1', 'libstdc++6', 'libc6'],
    without: [],
    prune: [DOCUMENTATION, HOUSEKEEPING],
    files: { [NODE]: node, ...filesOf(repository) },
    // Help loads all that a component is made of: it is compiled here, and not at each start.
    prepare: run.map((name) => [`/${NODE}`, MAIN, name, '--help']),
    entrypoint: [`/${NODE}`, MAIN],
    environment: [PATH, `NODE_COMPILE_CACHE=${COMPILE_CACHE}`],
  };
}

function filesOf(repository: string): Record<string, string> {
  const folders = ['src', 'examples', ...dependenciesOf(repository, repository)];
  const paths = folders.flatMap((folder) => walk(repository, folder));
  const all = ['package.json', 'LICENSE', 'bin/cox.ts', ...paths];
  const isNeeded = (path: string): boolean =>
    !NOT_RUN.test(path) && statSync(join(repository, path)).isFile();
  return Object.fromEntries(all.filter(isNeeded).map((path) => [`${ROOT}/${path}`, path]));
}

/** Folders of the packages that the program imports, and of those that these do. */
function dependenciesOf(repository: string, folder: string, known = new Set<string>()): string[] {
  for (const name of Object.keys(manifestIn(folder).dependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (known.has(path)) continue;
    known.add(path);
    dependenciesOf(repository, join(repository, path), known);
  }
  return [...known];
}

function manifestIn(folder: string): Manifest {
  // npm's own format.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
