/** What the API server of a cluster is told of it, whichever process it runs in. */
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { kubeletConnector } from './kubelet-connector.ts';
import type { ClusterPki } from './pki.ts';

export function clusterServerOptions(
  config: ClusterConfig,
  pki: ClusterPki,
): Omit<ApiServerOptions, 'environment' | 'store'> {
  const clientCa = pki.authority.certificate;
  return {
    serviceAccountKey: pki.serviceAccountKey,
    trustedServiceAccountKeys: pki.trustedServiceAccountKeys,
    serviceAccountIssuer: `https://kubernetes.default.svc.${config.clusterDomain}`,
    bootstrapTokens: true,
    serviceClusterIpRange: config.serviceClusterIpRange,
    serviceNodePortRange: config.nodePortRange,
    advertise: { address: config.nodeAddress, port: config.listenPort },
    clientCa,
    kubelets: kubeletConnector({ authority: clientCa, identity: pki.apiServerKubeletClient }),
  };
}
