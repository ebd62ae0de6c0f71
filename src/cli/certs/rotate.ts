/**
 * `cox certs rotate`: new certificates, and a new authority or service-account key step by step.
 *
 * Files come first, then whoever runs takes them over; how far a rotation is, is told by the files
 * alone, so that each command may be killed and given again.
 */
import { writeAdminKubeconfig } from '../admin-kubeconfig.ts';
import {
  type AuthorityPlace,
  authoritySinceMs,
  clusterAuthorities,
  dropOld,
  openAuthority,
  phaseOf,
  signWithSecond,
  trustSecond,
} from '../authority-files.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import { clusterPki } from '../cluster-pki.ts';
import { type DataDirectory, otherNodeDirectories } from '../data-directory.ts';
import { addressesOf, readNode, writeNode } from '../node-config.ts';
import { nodeIdentityOf } from '../node-identity.ts';
import {
  dropOldServiceAccountKeys,
  openServiceAccountKeys,
  rotateServiceAccountKey,
  signingSinceMs,
} from '../service-account-keys.ts';
import { UserError } from '../user-error.ts';

/**
 * A kubelet renews each token of a pod within a day, whatever its life: at 80 % of it, or after 24
 * hours. Upstream: pkg/kubelet/token/token_manager.go, v1.36.
 */
const TOKEN_RENEWED_MS = 24 * 60 * 60 * 1000;

/** A cluster whose processes run. */
export interface RunningCluster {
  /** Its processes begin anew, with what the files say; resolves when they show it. */
  takeOver(): Promise<void>;
  /** Resolves when all believe exactly `authority` (PEM, the signing one first); else UserError. */
  untilTrusted(authority: string): Promise<void>;
  /** What speaks against dropping the authority of before: a line for each reason. */
  objections(authority: string, sinceMs: number): Promise<string[]>;
}

export interface Rotation {
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly say: (line: string) => void;
  /** Undefined: the cluster is down, and files alone change. */
  readonly running: RunningCluster | undefined;
}

/** Every certificate but the authorities is made anew, its key too. */
export async function rotateLeaves(rotation: Rotation): Promise<void> {
  writeLeaves(rotation, { renewsLeaves: true });
  await rotation.running?.takeOver();
  rotation.say('Every certificate was made anew.');
}

/** `preparesOnly`: the second authority is trusted, and does not sign yet. */
export async function rotateAuthority(
  rotation: Rotation,
  { preparesOnly = false }: { readonly preparesOnly?: boolean } = {},
): Promise<void> {
  const { say } = rotation;
  const running = runningOf(rotation);
  const places = placesOf(rotation);
  const phases = places.map(phaseOf);
  if (phases.includes('new-signs') && phases.includes('single'))
    throw new UserError(
      'Cannot rotate the authority: the rotation of before is about to end. Run "cox certs rotate --authority --finish" first.',
    );
  if (!phases.includes('new-signs')) {
    for (const place of places) trustSecond(place, rotation.nowMs());
    await spread(rotation, running);
    say('A second authority is trusted by all.');
    if (preparesOnly) {
      say(
        'Start anew what read the authority only at its start, then "cox certs rotate --authority".',
      );
      return;
    }
  }
  for (const place of places) signWithSecond(place, rotation.nowMs());
  await spread(rotation, running);
  say('The new authority signs, and every certificate of this machine is of it.');
  say('The old one is trusted until "cox certs rotate --authority --finish".');
}

/** The authority of before is trusted no more. */
export async function finishAuthority(rotation: Rotation): Promise<void> {
  const running = runningOf(rotation);
  // That of front proxies goes first, so that the phase of the other one tells all.
  const places = placesOf(rotation).toReversed();
  const [authority] = placesOf(rotation);
  const phases = places.map(phaseOf);
  if (phases.includes('both-trusted'))
    throw new UserError(
      'Cannot drop the old authority: the new one does not sign yet. Run "cox certs rotate --authority" first.',
    );
  if (authority !== undefined && phaseOf(authority) === 'new-signs') {
    const trusted = openAuthority(authority, rotation.nowMs()).certificate;
    refuseFor(await running.objections(trusted, authoritySinceMs(authority)));
  }
  for (const place of places) dropOld(place, rotation.nowMs());
  await spread(rotation, running);
  rotation.say('One authority is trusted.');
}

/** A new key signs the tokens of service accounts. */
export async function rotateServiceAccount(rotation: Rotation): Promise<void> {
  rotateServiceAccountKey(rotation.data.pki);
  await rotation.running?.takeOver();
  rotation.say('A new key signs the tokens of service accounts.');
  rotation.say(
    'Tokens of the old one are believed until "cox certs rotate --service-account-key --finish", in a day at the earliest.',
  );
}

/** Tokens of the key of before are believed no more. Rejects with UserError before a day is over. */
export async function finishServiceAccount(rotation: Rotation): Promise<void> {
  const { data, running, say } = rotation;
  const { trusted } = openServiceAccountKeys(data.pki);
  const dueMs = signingSinceMs(data.pki) + TOKEN_RENEWED_MS;
  if (trusted.length > 0 && rotation.nowMs() < dueMs)
    throw new UserError(
      `Cannot drop the old service-account key: pods may have tokens of it until ${new Date(dueMs).toISOString()}. Come back then.`,
    );
  dropOldServiceAccountKeys(data.pki);
  await running?.takeOver();
  say('Tokens of one service-account key are believed.');
}

function placesOf({ data }: Rotation): AuthorityPlace[] {
  const { authority, frontProxy } = clusterAuthorities(data.pki);
  return [authority, frontProxy];
}

/** Only a cluster that runs can tell who believes what. */
function runningOf({ running, data }: Rotation): RunningCluster {
  if (running !== undefined) return running;
  throw new UserError(
    `Cannot rotate the authority of ${data.path}: the cluster is down, and nobody can tell whether all nodes believe the new one. Start it with cox up, and try again in another terminal.`,
  );
}

/** To the files of whoever has some, to what runs, and by that to all others. */
async function spread(rotation: Rotation, running: RunningCluster): Promise<void> {
  const trusted = writeLeaves(rotation);
  await running.takeOver();
  await running.untilTrusted(trusted);
}

/** Leaves that are not of the authority that signs are made anew. Answers all that is trusted (PEM). */
function writeLeaves(
  { data, config, nowMs }: Rotation,
  options: { readonly renewsLeaves?: boolean } = {},
): string {
  const pki = clusterPki(data, config, nowMs(), options);
  writeAdminKubeconfig(data, config, pki);
  for (const directory of [data, ...otherNodeDirectories(data)]) {
    const known = readNode(directory);
    if (known === undefined) continue;
    const { name } = known.config;
    const identity = nodeIdentityOf(pki, { name, addresses: addressesOf(known.config) });
    writeNode(directory, { config: known.config, identity });
  }
  return pki.authority.certificate;
}

function refuseFor(reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  const lines = ['Cannot drop the old authority:', ...reasons.map((reason) => `  ${reason}`)];
  throw new UserError(lines.join('\n'));
}
