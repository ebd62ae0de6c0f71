/**
 * The files of Debian packages, put into a folder: copied from this machine where a package is
 * installed, else downloaded by apt (nothing is installed).
 */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Processes } from '#base/doors.ts';
import { updatePackageLists } from '../prerequisites.ts';
import { messageOf, UserError } from '../user-error.ts';

/** Packages that an image may need at run time; those for installing and administering are left out. */
const RUNTIME_PACKAGE = /^(lib|lua-|redis|python3|zlib1g|catatonit)/;
const ADMINISTRATION_PACKAGE = /perl|debconf/;
/** On a machine where /lib is a link, files of /lib lie in /usr/lib (and so in images). */
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const PACKAGES_MAX = 200;
/** Long enough for a slow mirror. */
const OUTPUT_TIMEOUT_MS = 600_000;

/** Puts the files of `packages` and of what they need into `folder`; answers the package names. */
export async function unpack(options: {
  readonly processes: Processes;
  readonly packages: readonly string[];
  readonly without: readonly string[];
  readonly folder: string;
  readonly prune: readonly RegExp[];
}): Promise<string[]> {
  const { processes, folder, prune } = options;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new UserError(
      'Cannot build images: they are put together from Debian packages, and there is no apt-get. ' +
        'Use a machine with Debian, or --simulated-nodes.',
    );
  }
  const names = await withFreshLists(processes, () =>
    closure(processes, options.packages, options.without),
  );
  const installed = await installedFiles(processes, names);
  const keep = (path: string): boolean => !prune.some((pattern) => pattern.test(path));
  for (const files of installed.values())
    for (const path of files) copyInto('/', path, folder, keep);
  const missing = names.filter((name) => !installed.has(name));
  if (missing.length > 0)
    await withFreshLists(processes, () => download(processes, missing, folder, keep));
  return names;
}

/** Does `work`, and once more with new package lists when it fails: they may be old or empty. */
async function withFreshLists<T>(processes: Processes, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    await updatePackageLists(processes);
    return work();
  }
}

/** The packages with all that they depend on, in the order found. */
async function closure(
  processes: Processes,
  roots: readonly string[],
  without: readonly string[],
): Promise<string[]> {
  const kinds = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (kind) => `--no-${kind}`,
  );
  // It fails when it knows nothing at all, which is said below in better words.
  const { stdout } = await processes.run(
    'apt-cache',
    ['depends', '--recurse', ...kinds, ...roots],
    {
      environment: { LC_ALL: 'C' },
    },
  );
  const graph = dependencyGraph(text(stdout));
  for (const root of roots) if (!graph.has(root)) throw missingPackage(root);
  const excluded = new Set(without);
  const found = new Set(roots);
  for (const name of found) {
    for (const next of graph.get(name) ?? []) {
      if (!RUNTIME_PACKAGE.test(next) || ADMINISTRATION_PACKAGE.test(next)) continue;
      if (!excluded.has(next.replace(/t64$/, ''))) found.add(next);
    }
    if (found.size > PACKAGES_MAX)
      throw new RangeError(`Cannot build image: more than ${PACKAGES_MAX} packages`);
  }
  return [...found];
}

/** `apt-cache depends --recurse`: a name a line, what it needs indented below, " |" before alternatives. */
export function dependencyGraph(text: string): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  let own: string[] = [];
  let isAlternative = false;
  for (const line of text.split('\n')) {
    const dependency = /^ ([ |])(?:Pre)?Depends: (<?)([^\s:>]+)/.exec(line);
    if (dependency?.[3] !== undefined) {
      // The first of several alternatives is what Debian installs; virtual packages have no files.
      if (!isAlternative && dependency[2] === '') own.push(dependency[3]);
      isAlternative = dependency[1] === '|';
    } else if (/^[a-z0-9]/.test(line)) {
      own = [];
      graph.set(line.trim().split(':')[0] ?? '', own);
      isAlternative = false;
    }
  }
  return graph;
}

function missingPackage(name: string): UserError {
  return new UserError(
    `Cannot build an image: apt knows no package ${JSON.stringify(name)}. Packages come from the ` +
      'repositories of Debian 12 or later: look at /etc/apt and at what "apt-get update" says.',
  );
}

/** The files of those packages that are installed here. */
async function installedFiles(
  processes: Processes,
  names: readonly string[],
): Promise<Map<string, string[]>> {
  const query = await processes.run('dpkg-query', [
    '-W',
    '-f=${Package} ${db:Status-Status}\n',
    ...names,
  ]);
  const installed = new Map<string, string[]>();
  for (const line of text(query.stdout).split('\n')) {
    const [name = '', status] = line.split(' ');
    if (status !== 'installed' || installed.has(name)) continue;
    const listing = await output(processes, 'dpkg', ['-L', name]);
    const paths = listing
      .split('\n')
      .flatMap((path) => (path.startsWith('/') && path !== '/.' ? [path.slice(1)] : []));
    installed.set(name, paths);
  }
  return installed;
}

async function download(
  processes: Processes,
  names: readonly string[],
  folder: string,
  keep: (path: string) => boolean,
): Promise<void> {
  const downloads = `${folder}.download`;
  mkdirSync(downloads, { recursive: true });
  try {
    await output(processes, 'apt-get', ['download', '-q', ...names], downloads);
    for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
      const unpacked = join(downloads, 'files');
      await output(processes, 'dpkg-deb', ['-x', join(downloads, file), unpacked]);
      for (const path of walk(unpacked, '')) copyInto(unpacked, path, folder, keep);
      rmSync(unpacked, { recursive: true, force: true });
    }
  } catch (error) {
    throw new UserError(
      `Cannot download Debian packages (${names.join(', ')}): ${messageOf(error)}. Check that ` +
        'this machine reaches its mirror of Debian ("apt-get update"), and try again.',
    );
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

/** All paths below `folder`, directories before what is in them. */
export function walk(folder: string, prefix: string): string[] {
  const entries = readdirSync(join(folder, prefix), { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return entries.flatMap((entry) => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? [path, ...walk(folder, path)] : [path];
  });
}

/** Copies one path (a directory alone, not what is in it) to where it belongs in an image. */
function copyInto(
  from: string,
  path: string,
  folder: string,
  keep: (path: string) => boolean,
): void {
  const [first = ''] = path.split('/');
  const target = MERGED.includes(first) ? `usr/${path}` : path;
  if (!keep(target) || target === 'usr/lib' || MERGED.includes(path)) return;
  const source = join(from, path);
  const destination = join(folder, target);
  const stat = lstatSync(source, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory()) {
    mkdirSync(destination, { recursive: true });
    return;
  }
  mkdirSync(dirname(destination), { recursive: true });
  rmSync(destination, { force: true });
  if (stat.isSymbolicLink()) symlinkSync(readlinkSync(source), destination);
  else if (stat.isFile()) copyFileSync(source, destination);
}

async function output(
  processes: Processes,
  command: string,
  args: readonly string[],
  directory?: string,
): Promise<string> {
  const result = await processes.run(command, args, {
    environment: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    timeoutMs: OUTPUT_TIMEOUT_MS,
    ...(directory === undefined ? {} : { directory }),
  });
  if (result.exitCode !== 0)
    throw new Error(`${command} failed: ${problemIn(text(result.stderr))}`);
  return text(result.stdout);
}

/** apt's errors without its warnings, where it tells them apart. */
function problemIn(stderr: string): string {
  const errors = stderr.split('\n').filter((line) => line.startsWith('E: '));
  return (errors.length > 0 ? errors.join('\n') : stderr.trim()).slice(-500);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
