/** `cox certs check` and `cox certs rotate`: what a command line asks for, done or refused. */
import { toYaml } from '#api/codec/yaml.ts';
import type { Environment } from '#base/env.ts';
import { type ClusterConfig, readClusterConfig } from '../cluster-config.ts';
import { type DataDirectory, dataDirectoryAt } from '../data-directory.ts';
import { dataDirectoryHolder, lockCertificates, lockDataDirectory } from '../lock.ts';
import { answersAsOwn } from '../self-hosted/answers.ts';
import { runningPid } from '../supervisor.ts';
import { UserError } from '../user-error.ts';
import { type CertificateReport, hasProblem, reportOn, reportText } from './check.ts';
import { findCertificates } from './inventory.ts';
import {
  finishAuthority,
  finishServiceAccount,
  type Rotation,
  rotateAuthority,
  rotateLeaves,
  rotateServiceAccount,
} from './rotate.ts';
import { runningCluster } from './running.ts';

export interface CheckFlags {
  readonly dataDir: string;
  readonly output?: 'json' | 'yaml';
}

export interface RotateFlags {
  readonly dataDir: string;
  readonly authority?: boolean;
  readonly serviceAccountKey?: boolean;
  readonly prepare?: boolean;
  readonly finish?: boolean;
}

/** The text to print, and whether something is wrong. Throws UserError where nothing is there. */
export function checkCertificates(
  flags: CheckFlags,
  nowMs: number,
): { readonly text: string; readonly hasProblem: boolean } {
  const report = reportOn(findCertificates(dataDirectoryAt(flags.dataDir)), nowMs);
  return { text: formatted(report, flags.output), hasProblem: hasProblem(report) };
}

function formatted(report: CertificateReport, output: CheckFlags['output']): string {
  if (output === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  return output === 'yaml' ? toYaml(report) : reportText(report);
}

/** Resolves when it is done, and taken over by what runs. Rejects with UserError. */
export async function rotateCertificates(
  flags: RotateFlags,
  { environment, say }: { readonly environment: Environment; readonly say: Rotation['say'] },
): Promise<void> {
  const work = workOf(flags);
  const data = dataDirectoryAt(flags.dataDir);
  const config = readClusterConfig(data);
  if (config === undefined)
    throw new UserError(
      `Cannot rotate the certificates of ${data.path}: no cluster of cox up is there. A machine that joined one asks for its own.`,
    );
  const lock = lockCertificates(data);
  try {
    const nowMs = (): number => environment.clock.now();
    await onCluster({ environment, data, config }, (running) =>
      work({ data, config, nowMs, say, running }),
    );
  } finally {
    lock.release();
  }
}

/** Throws UserError for flags that say nothing together. */
function workOf(flags: RotateFlags): (rotation: Rotation) => Promise<void> {
  const { authority = false, serviceAccountKey = false, finish = false, prepare = false } = flags;
  if (authority && serviceAccountKey)
    throw new UserError('Give --authority or --service-account-key: one after the other.');
  if (finish && !authority && !serviceAccountKey)
    throw new UserError('--finish needs to know of what: --authority or --service-account-key.');
  if (prepare && (!authority || finish))
    throw new UserError('--prepare is the first half of --authority, and goes with that alone.');
  if (authority)
    return finish
      ? finishAuthority
      : (rotation) => rotateAuthority(rotation, { preparesOnly: prepare });
  if (serviceAccountKey) return finish ? finishServiceAccount : rotateServiceAccount;
  return rotateLeaves;
}

/** While it works, a cluster that is down stays down. */
async function onCluster(
  parts: {
    readonly environment: Environment;
    readonly data: DataDirectory;
    readonly config: ClusterConfig;
  },
  work: (running: Rotation['running']) => Promise<void>,
): Promise<void> {
  const { environment, data, config } = parts;
  if (dataDirectoryHolder(data)?.stopping === false) return work(runningCluster(parts));
  const lock = await lockDataDirectory(data, environment);
  try {
    if (await isLeftRunning(data, config))
      throw new UserError(
        `Cannot rotate the certificates of ${data.path}: its cox up was killed, and nobody would bring its processes back. Start cox up again first.`,
      );
    await work(undefined);
  } finally {
    lock.release();
  }
}

/** Its control plane goes on without a `cox up`: as a process, in pods, or in those that a kubelet has. */
async function isLeftRunning(data: DataDirectory, config: ClusterConfig): Promise<boolean> {
  if (runningPid(data.run, 'control-plane') !== undefined) return true;
  if (config.selfHosted !== true) return false;
  return runningPid(data.run, 'node') !== undefined || (await answersAsOwn(data, config));
}
