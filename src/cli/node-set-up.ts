/** What a real node needs on this machine before its process starts, and what is removed after it. */
import type { Environment } from '#base/env.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { DataDirectory } from './data-directory.ts';
import type { ClusterPki } from './pki.ts';
import type { Progress } from './progress.ts';
import type { Supervisor } from './supervisor.ts';
import { UserError } from './user-error.ts';

export interface NodeSetUpOptions {
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly pki: ClusterPki;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

export interface RealNode {
  prepare(): Promise<void>;
  start(supervisor: Supervisor): Promise<void>;
  importImages(example: string): Promise<void>;
  stop(supervisor: Supervisor): Promise<void>;
  cleanUp(): Promise<void>;
}

export function realNodeProcesses(_options: NodeSetUpOptions): RealNode {
  throw new UserError('Cannot start a real node: it comes with a later version; use --simulated-nodes.');
}
