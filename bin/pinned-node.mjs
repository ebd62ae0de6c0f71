/**
 * Finds the Node that runs everything else, and makes it run.
 *
 * The pinned Node comes as an npm package and is linked with libatomic, which a minimal Debian does
 * not have: root gets it installed, anybody else gets its file beside the packages.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const NODE_MAJOR_MIN = 26;
/** Where libraries lie that the machine lacks; `npm ci` takes it away, the next start makes it again. */
const LIBRARIES = join('node_modules', '.coxswain-libraries');
const APT_INSTALL = ['install', '-y', '-q', '--no-install-recommends'];
const APT_WAIT = ['-o', 'DPkg::Lock::Timeout=120'];

/**
 * Answers `{ path, environment }` of the Node to go on with, or `{ problem }`: what the user has to do.
 * `root` is the folder of this repository; `say` shows a line.
 */
export function findNode(root, say) {
  const path = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  let reason = `there is no pinned Node for ${process.platform} ${process.arch}`;
  let cure = '';
  if (process.platform === 'linux' && existsSync(path)) {
    const libraries = join(root, LIBRARIES);
    const environment = existsSync(libraries) ? withLibraries(libraries) : {};
    reason = isLibatomicThere() ? undefined : whyNot(path, environment);
    if (reason === undefined) return { path, environment };
    if (/libatomic/.test(reason)) {
      const mended = getLibatomic(libraries, say);
      if (whyNot(path, mended) === undefined) return { path, environment: mended };
      cure = 'that library (in Debian, as root: "apt-get install libatomic1") or ';
    }
  }
  if (nodeMajor() >= NODE_MAJOR_MIN) return { path: process.execPath, environment: {} };
  return {
    problem:
      `Cannot go on with Node ${process.versions.node}: ${reason}. Install ${cure}` +
      `Node ${NODE_MAJOR_MIN} or later (https://nodejs.org/), and try again.`,
  };
}

/** Of the Node that runs this. */
export function nodeMajor() {
  return Number(process.versions.node.split('.')[0]);
}

/** A look at the usual places, which takes no time; elsewhere Node itself is asked. */
function isLibatomicThere() {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return [`/usr/lib/${machine}-linux-gnu`, '/usr/lib64', '/lib64', '/usr/lib'].some((folder) =>
    existsSync(join(folder, 'libatomic.so.1')),
  );
}

/** Why this Node does not run; undefined when it does. */
function whyNot(path, environment) {
  const result = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (result.status === 0) return undefined;
  return result.error?.message ?? result.stderr.trim();
}

function withLibraries(folder) {
  const others = process.env.LD_LIBRARY_PATH;
  return { LD_LIBRARY_PATH: others ? `${folder}${delimiter}${others}` : folder };
}

/** Answers what the environment needs for it. */
function getLibatomic(folder, say) {
  if (!existsSync('/usr/bin/apt-get')) return {};
  if (process.getuid() === 0) {
    say('Installing libatomic1, which the pinned Node needs …');
    // In a session of its own: Ctrl-C must not break it off in the middle.
    const install = () =>
      run('setsid', ['--wait', 'apt-get', ...APT_WAIT, ...APT_INSTALL, 'libatomic1']);
    let problem = install();
    // The package lists may be old or empty.
    if (problem !== undefined) problem = run('apt-get', ['update', '-q']) ?? install();
    if (problem !== undefined) say(problem);
    return {};
  }
  say('Downloading libatomic1, which the pinned Node needs …');
  const work = `${folder}.download`;
  try {
    mkdirSync(work, { recursive: true });
    const problem = download(work) ?? unpack(work, folder);
    if (problem !== undefined) say(problem);
  } catch (error) {
    say(error.message);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return withLibraries(folder);
}

/** By the package lists of the machine; where they are empty, by own ones, for which nobody needs root. */
function download(folder) {
  const get = (...options) => run('apt-get', [...options, 'download', '-q', 'libatomic1'], folder);
  if (get() === undefined) return undefined;
  const own = ['-o', `Dir::State=${folder}/state`, '-o', `Dir::Cache=${folder}/cache`];
  for (const name of ['state/lists', 'cache/archives'])
    mkdirSync(join(folder, name, 'partial'), { recursive: true });
  return run('apt-get', [...own, 'update', '-q']) ?? get(...own);
}

function unpack(folder, target) {
  const packages = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  const problem = run('dpkg-deb', ['-x', packages[0] ?? '', 'files'], folder);
  if (problem !== undefined) return problem;
  const libraries = join(folder, 'files', 'usr', 'lib');
  renameSync(join(libraries, readdirSync(libraries)[0] ?? ''), target);
  return undefined;
}

/** What is wrong, in the command's own words; undefined when all is well. */
function run(command, args, directory) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  if (result.status === 0) return undefined;
  return result.error?.message ?? `${command} ${args[0]}: ${result.stderr.trim()}`;
}
