/** The files of a control plane in pods: its manifests, and the kubeconfigs that they name. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterConfig } from '../cluster-config.ts';
import { readTextIfThere, writeFileDurably } from '../files.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { urlHost } from '../listen-address.ts';
import type { ClusterPki } from '../pki.ts';
import {
  CONTROLLER_MANAGER_CONF,
  MANIFESTS,
  type ManifestName,
  SCHEDULER_CONF,
} from './manifests.ts';

/** How the controller manager and the scheduler reach the API server. `folder`: of certificates. */
export function writeComponentKubeconfigs(
  folder: string,
  { nodeAddress, listenPort }: Pick<ClusterConfig, 'nodeAddress' | 'listenPort'>,
  pki: ClusterPki,
): void {
  const server = `https://${urlHost(nodeAddress)}:${listenPort}`;
  const authority = pki.authority.certificate;
  const write = (file: string, user: string, identity: ClusterPki['scheduler']): void =>
    writeKubeconfig({ path: join(folder, file), server, authority, user, identity });
  write(CONTROLLER_MANAGER_CONF, 'system:kube-controller-manager', pki.controllerManager);
  write(SCHEDULER_CONF, 'system:kube-scheduler', pki.scheduler);
}

/** Into the directory of static pods. What is there already is left alone: its pod runs. */
export function writeManifests(folder: string, manifests: ReadonlyMap<ManifestName, string>): void {
  for (const [name, text] of manifests) {
    const path = join(folder, name);
    if (readTextIfThere(path) !== text) writeFileDurably(path, text, 0o600);
  }
}

/**
 * The same, where pods of others may run. A kubelet that runs ends these first; one that has yet to
 * start would begin the new ones beside them, with the same store and the same ports: they are ended
 * by `endPods` before it finds the new manifests.
 */
export async function replaceManifests(
  folder: string,
  manifests: ReadonlyMap<ManifestName, string>,
  {
    kubeletRuns,
    endPods,
  }: { readonly kubeletRuns: boolean; readonly endPods: () => Promise<void> },
): Promise<void> {
  if (!kubeletRuns && areOthers(folder, manifests)) await endPods();
  writeManifests(folder, manifests);
}

/** Whether one of them says something else than the file that is there: its pod is another one. */
function areOthers(folder: string, manifests: ReadonlyMap<ManifestName, string>): boolean {
  return [...manifests].some(([name, text]) => {
    const known = readTextIfThere(join(folder, name));
    return known !== undefined && known !== text;
  });
}

/** Answers whether there was one. */
export function removeManifests(folder: string): boolean {
  const paths = MANIFESTS.map((name) => join(folder, name));
  const isThere = paths.some((path) => readTextIfThere(path) !== undefined);
  for (const path of paths) rmSync(path, { force: true });
  return isThere;
}
