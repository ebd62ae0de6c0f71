/**
 * The certificates of a control plane in pods: which files its components read, and whether they read
 * them as they are now. A component reads them once; a digest of them in the manifests has the kubelet
 * start other pods when one has changed.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Pod } from '#api/gen/core-v1.ts';
import { readTextIfThere } from '../files.ts';
import {
  CERTIFICATES_ANNOTATION,
  CONTROLLER_MANAGER_CONF,
  MANIFESTS,
  SCHEDULER_CONF,
} from './manifests.ts';

/** All that the manifests name, in the folder of certificates. */
export const FILES_READ = [
  'apiserver-kubelet-client.crt',
  'apiserver-kubelet-client.key',
  'apiserver.crt',
  'apiserver.key',
  'ca.crt',
  'ca.key',
  CONTROLLER_MANAGER_CONF,
  'front-proxy-ca.crt',
  'front-proxy-client.crt',
  'front-proxy-client.key',
  'sa.key',
  'sa.pub',
  SCHEDULER_CONF,
] as const;

/** Anybody who sees a pod may see it: of keys nothing can be told from it. */
export function certificatesDigest(folder: string): string {
  const hash = createHash('sha256');
  for (const name of FILES_READ) {
    const text = readTextIfThere(join(folder, name)) ?? '';
    hash.update(`${name} ${Buffer.byteLength(text)}\n${text}`);
  }
  return hash.digest('hex');
}

/** Whether each component runs in a pod that began with the files of `digest`. Pure. */
export function areTakenOver(pods: readonly Pod[], digest: string): boolean {
  return MANIFESTS.every((name) =>
    pods.some(
      ({ metadata, status }) =>
        metadata?.labels?.['component'] === name.replace('.yaml', '') &&
        metadata.annotations?.[CERTIFICATES_ANNOTATION] === digest &&
        status?.containerStatuses?.[0]?.state?.running !== undefined,
    ),
  );
}
