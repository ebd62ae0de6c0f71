/** What a node of this machine is given to know its cluster by, and to be known by it. */
import type { NodeIdentity } from './node-config.ts';
import { type ClusterPki, nodeCertificates } from './pki.ts';

/** Its certificates are made where they are missing. */
export function nodeIdentityOf(
  pki: ClusterPki,
  node: { readonly name: string; readonly addresses: readonly string[] },
): NodeIdentity {
  const { client, server } = nodeCertificates(pki, node);
  return {
    authority: pki.authority.certificate,
    kubeletClient: client,
    kubeletServer: server,
    proxy: pki.proxy,
    dns: pki.dns,
  };
}
