/**
 * The way in: `npm start`, `npm test` and every other script of package.json.
 *
 * Plain JavaScript that runs on Node 18 and later, because it is what makes the pinned Node be
 * there: it installs the packages of the lockfile when they are missing or the lockfile changed,
 * and goes on as the pinned Node, which runs the TypeScript. No logic of the product is here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const NODE_MAJOR_MIN = 26;

/** What each command runs, before the user's own arguments. */
const COMMANDS = {
  start: ['bin/cox.ts', 'up', '--example', 'guestbook'],
  cox: ['bin/cox.ts'],
  test: ['scripts/test.ts'],
  ok: ['scripts/ok.ts'],
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The hash of the lockfile that node_modules was installed from, kept beside the packages. */
function stampPath() {
  return join(ROOT, 'node_modules', '.coxswain-lockfile');
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
}

function isInstalled(hash) {
  try {
    return readFileSync(stampPath(), 'utf8') === hash;
  } catch {
    return false;
  }
}

function install() {
  const hash = lockfileHash();
  if (isInstalled(hash)) return;
  const startedMs = Date.now();
  process.stderr.write('Installing the packages of the lockfile (npm ci) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(
    npm,
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    },
  );
  if (result.error) fail(`Cannot run npm: ${result.error.message}. Install npm and try again.`);
  if (result.status !== 0) {
    fail(
      'Cannot install the packages: npm ci failed (its output is above). Check the network and try again.',
    );
  }
  writeFileSync(stampPath(), hash);
  process.stderr.write(`Installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s.\n`);
}

/** The pinned Node where there is a package for this platform, else this one if it is new enough. */
function nodePath() {
  const pinned = join(ROOT, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (process.platform === 'linux' && existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  return fail(
    `Cannot go on with Node ${process.versions.node} on ${process.platform} ${process.arch}: ` +
      `there is no pinned Node for this platform. Install Node ${NODE_MAJOR_MIN} or later from ` +
      'https://nodejs.org/ and try again.',
  );
}

/** Compiled code is kept in the user's cache, which halves the start-up time. */
function compileCache() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return process.env.NODE_COMPILE_CACHE;
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const path = join(caches, 'coxswain', 'compile');
  try {
    mkdirSync(path, { recursive: true });
    return path;
  } catch {
    return undefined;
  }
}

/** Runs `args` in the place of this process: same terminal, same signals, same exit code. */
function become(node, args) {
  const cache = compileCache();
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: { ...process.env, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }) },
  });
  // A terminal sends Ctrl-C to the whole group, so the child has it already; it decides when to end.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`Cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) =>
    process.exit(signal === null ? code : 128 + constants.signals[signal]),
  );
}

const [command = 'start', ...rest] = process.argv.slice(2);
install();
if (command === 'script') become(nodePath(), rest);
else if (COMMANDS[command] === undefined)
  fail(`Cannot run ${command}: known are ${Object.keys(COMMANDS).join(', ')}, script`);
else
  become(nodePath(), [
    ...COMMANDS[command].map((arg, index) => (index === 0 ? join(ROOT, arg) : arg)),
    ...rest,
  ]);
