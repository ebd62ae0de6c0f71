/**
 * Doors: the side effects that only some components have. Each is an interface that the edge
 * implements and a test replaces. Paths are absolute; errors are the platform's, with `code`.
 */
import type { KeyObject } from 'node:crypto';
import type { Duplex } from 'node:stream';

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'socket' | 'fifo' | 'block' | 'char';
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  readonly inode: number;
  readonly device: number;
}

/** Bytes and inodes of the file system that holds a path. */
export interface FileSystemRoom {
  readonly capacity: number;
  /** With what is kept for root alone. */
  readonly free: number;
  /** To everybody. */
  readonly available: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** The file system. Every call is asynchronous; a missing path rejects with `code: 'ENOENT'`. */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  readText(path: string): Promise<string>;
  /** Reads at most `length` bytes at `position`; fewer (or none) at the end of the file. */
  readAt(path: string, position: number, length: number): Promise<Uint8Array>;
  /** Writes to a temporary name, syncs and renames, so that a reader never sees half a file. */
  writeFileAtomic(path: string, data: Uint8Array | string, mode?: number): Promise<void>;
  /** Writes in place: for kernel files (`/proc/sys`, cgroups) and appends that need no atomicity. */
  writeFile(
    path: string,
    data: Uint8Array | string,
    options?: { mode?: number; append?: boolean },
  ): Promise<void>;
  /** Makes the directory and its parents; an existing one is no error. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /**
   * Makes `directory/part/part/…`, each that is missing with just this mode. Ends without an error
   * at a part that is no directory; what somebody exchanges meanwhile leads nowhere else.
   */
  makeDirectoriesWithin(directory: string, parts: readonly string[], mode: number): Promise<void>;
  /**
   * Reads a plain file of at most `bytesMax` below `directory`. Links are followed; rejects where they
   * lead out, and nothing out there is opened, whatever somebody exchanges meanwhile.
   */
  readWithin(directory: string, path: string, bytesMax: number): Promise<Uint8Array>;
  list(path: string): Promise<string[]>;
  /** Undefined when there is nothing at `path`. Follows symlinks unless `noFollow`. */
  stat(path: string, options?: { noFollow?: boolean }): Promise<FileStat | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a tree; a missing one is no error. Never crosses a mount point. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory, as rmdir(2) understands that; a missing one is no error. */
  removeDirectory(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  statFileSystem(path: string): Promise<FileSystemRoom>;
  /** Calls `changed` after changes below `path` (coalesced). Close to stop. */
  watch(path: string, changed: () => void): { close(): void };
}

export interface ProcessResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface ProcessOptions {
  readonly input?: Uint8Array | string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly timeoutMs?: number;
  /** Output beyond this many bytes is an error; 8 MiB when absent. */
  readonly outputMaxBytes?: number;
}

/** Runs programs to their end. A program that cannot be started rejects; an exit code does not. */
export interface Processes {
  run(command: string, args: readonly string[], options?: ProcessOptions): Promise<ProcessResult>;
}

export interface TlsClientOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
  readonly alpn?: readonly string[];
}

export interface DialOptions {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket instead of host and port. */
  readonly path?: string;
  readonly tls?: TlsClientOptions;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface DatagramSocket {
  send(message: Uint8Array, port: number, address: string): void;
  readonly port: number;
  close(): void;
}

/** Sockets. HTTP comes as its own door, `base/http/message.ts`. */
export interface Network {
  /** Resolves when the connection stands (and TLS is done, where asked). */
  dial(options: DialOptions): Promise<Duplex>;
  listenTcp(
    options: { host?: string; port?: number; path?: string },
    onConnection: (socket: Duplex) => void,
  ): Promise<{ readonly port: number; close(): Promise<void> }>;
  bindUdp(
    options: { host: string; port: number; shared?: boolean },
    onMessage: (message: Uint8Array, port: number, address: string) => void,
  ): Promise<DatagramSocket>;
}

/** What a key is to be. */
export type KeyKind =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'ec'; readonly curve: string }
  | { readonly type: 'ed25519' };

/** Private keys of good random numbers, each a new one. */
export interface PrivateKeys {
  make(kind: KeyKind): Promise<KeyObject>;
}
