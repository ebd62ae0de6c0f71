/**
 * The way in: `npm start`, `npm test` and every other script of package.json.
 *
 * Plain JavaScript that runs on Node 18 and later, because it is what makes the pinned Node be
 * there: it installs the packages of the lockfile when they are missing or the lockfile changed,
 * and goes on as the pinned Node, which runs the TypeScript. No logic of the product is here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants as modes, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode, NODE_MAJOR_MIN, nodeMajor } from './pinned-node.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What each command runs, before the user's own arguments. */
const COMMANDS = {
  start: ['bin/cox.ts', 'up', '--example', 'guestbook'],
  cox: ['bin/cox.ts'],
  test: ['scripts/test.ts'],
  ok: ['scripts/ok.ts'],
};

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(message) {
  say(message);
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

/** All of the lockfile, whatever NODE_ENV or the user's npm configuration leaves out. */
const NPM_CI = [
  'ci',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--loglevel=error',
  // Without a network, npm's own pauses make more than a minute of silence.
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=10000',
];

/** An older Node's npm must not choose the packages by its own version. */
function npmEnvironment() {
  if (nodeMajor() >= NODE_MAJOR_MIN || process.platform !== 'linux') return process.env;
  const preload = `--require ${JSON.stringify(join(ROOT, 'bin', 'npm-as-pinned-node.cjs'))}`;
  return { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${preload}`.trim() };
}

function install() {
  const hash = lockfileHash();
  if (isInstalled(hash)) return;
  const startedMs = Date.now();
  try {
    accessSync(ROOT, modes.W_OK);
  } catch (error) {
    fail(
      `Cannot install the packages into ${ROOT}: ${error.message}. ` +
        'Clone this repository to a place that you may write to, and try again.',
    );
  }
  say('Installing the packages of the lockfile (npm ci) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, NPM_CI, {
    cwd: ROOT,
    env: npmEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`Cannot run npm: ${result.error.message}. Install npm and try again.`);
  if (result.status !== 0) {
    fail(
      'Cannot install the packages: npm ci failed (its output is above). Check that this machine ' +
        'reaches the registry ("npm ping"; behind a proxy: "npm config set proxy URL"), and try again.',
    );
  }
  writeFileSync(stampPath(), hash);
  say(`Installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s.`);
}

/** Help needs no set-up: before there is anything to run it, it is read from a file. */
function showHelp() {
  process.stdout.write(readFileSync(join(ROOT, 'src', 'cli', 'help.txt'), 'utf8'));
}

function isAskingForHelp(args) {
  return args.includes('--help') || args.includes('-h');
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
function become(args) {
  const { path, environment, problem } = findNode(ROOT, say);
  if (problem !== undefined) fail(problem);
  const cache = compileCache();
  const child = spawn(path, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...environment,
      // For tools that begin with "#!/usr/bin/env node".
      PATH: [dirname(path), process.env.PATH].filter(Boolean).join(delimiter),
      ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
    },
  });
  // A terminal sends Ctrl-C to the whole group, so the child has it already; it decides when to end.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`Cannot run ${path}: ${error.message}`));
  child.on('exit', (code, signal) =>
    process.exit(signal === null ? code : 128 + constants.signals[signal]),
  );
}

function main([command = 'start', ...rest]) {
  const known = COMMANDS[command];
  if (known === undefined && command !== 'script')
    fail(`Cannot run ${command}: known are ${Object.keys(COMMANDS).join(', ')}, script`);
  if (command === 'start' && isAskingForHelp(rest) && !isInstalled(lockfileHash())) {
    showHelp();
    return;
  }
  install();
  if (known === undefined) become(rest);
  else become([join(ROOT, known[0]), ...known.slice(1), ...rest]);
}

// Who closes our output (`| head`) wants no more of it.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
main(process.argv.slice(2));
