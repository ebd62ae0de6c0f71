/** The administrator's way in: `admin.kubeconfig` of the data directory. */
import type { ClusterConfig } from './cluster-config.ts';
import type { DataDirectory } from './data-directory.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { localHost, urlHost } from './listen-address.ts';
import type { ClusterPki } from './pki.ts';

/** Writes it durably, with all authorities that are trusted. */
export function writeAdminKubeconfig(
  data: DataDirectory,
  config: ClusterConfig,
  pki: ClusterPki,
): void {
  writeKubeconfig({
    path: data.kubeconfig,
    server: `https://${urlHost(localHost(config.listenHost))}:${config.listenPort}`,
    authority: pki.authority.certificate,
    user: 'kubernetes-admin',
    identity: pki.admin,
  });
}
