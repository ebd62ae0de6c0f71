/**
 * The data directory: everything of a cluster that outlives its processes, and where it lies.
 *
 *   version            layout of this directory, one number
 *   admin.kubeconfig   the user's way in
 *   cluster.json       what was chosen once: address ranges, names
 *   pki/               certificates and keys, 0600
 *   certs.lock         while cox certs rotate is at work
 *   store/             the API server's database
 *   audit/             what an API server in a pod writes down, as a policy
 *   images/            archives of locally built images
 *   registries/        how registries are reached, where the user says so
 *   logs/, run/, …     of the control plane and of the first node (`node-directory.ts`)
 *   nodes/<name>/      the other nodes on this machine
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type NodeDirectory, nodeDirectoryAt, prepareNodeDirectory } from './node-directory.ts';
import { codeOf, messageOf, UserError } from './user-error.ts';
import { writeFileDurably } from './files.ts';

/** Raised when a new version cannot read what an old one wrote. */
const LAYOUT_VERSION = '1';
/** Below this many free bytes nothing good happens: images alone take more. */
const FREE_BYTES_MIN = 512 * 1024 * 1024;
/** Errors of the file system that another place for the directory mends. */
const NO_PLACE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENAMETOOLONG']);

export interface DataDirectory extends NodeDirectory {
  readonly kubeconfig: string;
  readonly pki: string;
  readonly store: string;
  /** The policy of the audit log, for an API server in a pod. */
  readonly audit: string;
  readonly images: string;
  /** What containerd is told of registries: a folder for each, with its `hosts.toml`. */
  readonly registries: string;
  readonly nodes: string;
}

/** `$XDG_DATA_HOME/coxswain`, or `~/.local/share/coxswain`. */
export function defaultDataDirectory(environment: NodeJS.ProcessEnv): string {
  const home = environment['XDG_DATA_HOME'];
  return join(
    home === undefined || home === '' ? join(homedir(), '.local', 'share') : home,
    'coxswain',
  );
}

/** Of a machine that joins another one's cluster: beside that of a cluster of its own. */
export function defaultNodeDirectory(environment: NodeJS.ProcessEnv): string {
  return `${defaultDataDirectory(environment)}-node`;
}

/** The same words on every machine, because `help.txt` has them too. */
export const DATA_DIRECTORY_WORDS = 'coxswain in $XDG_DATA_HOME or ~/.local/share';
export const NODE_DIRECTORY_WORDS = 'coxswain-node in $XDG_DATA_HOME or ~/.local/share';

/** Where everything lies; touches nothing. */
export function dataDirectoryAt(path: string): DataDirectory {
  const first = nodeDirectoryAt(path);
  return {
    ...first,
    kubeconfig: join(first.path, 'admin.kubeconfig'),
    pki: join(first.path, 'pki'),
    store: join(first.path, 'store'),
    audit: join(first.path, 'audit'),
    images: join(first.path, 'images'),
    registries: join(first.path, 'registries'),
    nodes: join(first.path, 'nodes'),
  };
}

/** Of the node of this name beside the first one. */
export function otherNodeDirectory(data: DataDirectory, name: string): NodeDirectory {
  return nodeDirectoryAt(join(data.nodes, name));
}

/** Of all nodes that were ever set up on this machine beside the first one. */
export function otherNodeDirectories(data: DataDirectory): NodeDirectory[] {
  if (!existsSync(data.nodes)) return [];
  return readdirSync(data.nodes).map((name) => otherNodeDirectory(data, name));
}

/** Makes what is missing and checks that this version may use it. Throws a UserError. */
export function prepareDataDirectory(data: DataDirectory): void {
  try {
    mkdirSync(data.path, { recursive: true, mode: 0o700 });
    checkVersion(data);
    prepareNodeDirectory(data);
    for (const path of [data.pki, data.store, data.images])
      mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explained(data, error);
  }
  const { bavail, bsize } = statfsSync(data.path);
  if (bavail * bsize < FREE_BYTES_MIN) {
    const free = Math.floor((bavail * bsize) / 1024 / 1024);
    throw new UserError(
      `Cannot use data directory ${data.path}: its disk has ${free} MiB free, at least ` +
        `${FREE_BYTES_MIN / 1024 / 1024} MiB are needed. Free some space, or choose another place with --data-dir.`,
    );
  }
}

function checkVersion(data: DataDirectory): void {
  const path = join(data.path, 'version');
  if (!existsSync(path)) {
    if (existsSync(data.store)) throw otherVersion(data, 'unknown');
    return writeFileDurably(path, `${LAYOUT_VERSION}\n`, 0o600);
  }
  const version = readFileSync(path, 'utf8').trim();
  if (version !== LAYOUT_VERSION) throw otherVersion(data, version);
}

function otherVersion(data: DataDirectory, version: string): UserError {
  return new UserError(
    `Cannot use data directory ${data.path}: its layout is version ${version}, this program reads ` +
      `version ${LAYOUT_VERSION}. Use the program that made it, choose another directory with ` +
      '--data-dir, or start over with --reset (which deletes all that is in it).',
  );
}

/** The error with what to do about it, where that is known. */
export function explained(data: DataDirectory, error: unknown): unknown {
  if (error instanceof UserError) return error;
  const code = codeOf(error);
  if (code === 'ENOSPC') {
    return new UserError(
      `Cannot write to data directory ${data.path}: the disk is full. Free some space, or choose ` +
        'another place with --data-dir.',
    );
  }
  if (NO_PLACE.has(code ?? '')) {
    return new UserError(
      `Cannot use data directory ${data.path}: ${messageOf(error)}. Choose a place that you may ` +
        'write to with --data-dir.',
    );
  }
  return error;
}

/** `--reset`: deletes all state. The processes must be gone. */
export function resetDataDirectory(data: DataDirectory): void {
  // Only what is ours: a user may have pointed --data-dir at a folder with other files.
  const names = [
    'version',
    'admin.kubeconfig',
    'cluster.json',
    'pki',
    'certs.lock',
    'store',
    'audit',
    'node',
    'nodes',
    'containerd',
    'kubelet',
    'logs',
    'run',
  ];
  for (const name of names) rmSync(join(data.path, name), { recursive: true, force: true });
}
