/**
 * What anybody may read of a cluster, `kube-public/cluster-info`: where its API server is and the
 * authority to know it by, vouched for with each bootstrap token. Pure.
 *
 * Source: Kubernetes documentation, "Authenticating with Bootstrap Tokens"; RFC 7515, appendix F;
 * upstream cmd/kubeadm/app/discovery/token and staging/src/k8s.io/cluster-bootstrap, v1.36.
 */
import { timingSafeEqual } from 'node:crypto';
import { fromYaml } from '#api/codec/yaml.ts';
import type { BootstrapToken } from '#api/core/bootstrap-token.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import { detachedSignature } from '#base/jwt.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { certificateKeyPins } from './key-pins.ts';

export const CLUSTER_INFO = { name: 'cluster-info', namespace: 'kube-public' };
export const CLUSTER_INFO_KEY = 'kubeconfig';
/** Before the id of the token that a signature was made with. */
const SIGNATURE_PREFIX = 'jws-kubeconfig-';

/** The cluster vouches for nothing with this token: not yet, or not any more. */
export class UnsignedError extends BootstrapError {}

/** Where a cluster is, and how it is known. */
export interface ClusterAddress {
  readonly host: string;
  readonly port: number;
  /** PEM; whoever it signed is the cluster's. */
  readonly authority: string;
}

/** The kubeconfig of the ConfigMap, whose signature is that of the token; throws BootstrapError. */
export function signedKubeconfig({ data = {} }: ConfigMap, token: BootstrapToken): string {
  const content = data[CLUSTER_INFO_KEY];
  if (content === undefined || content === '')
    throw new BootstrapError(`there is no ${CLUSTER_INFO_KEY} key in the cluster-info ConfigMap`);
  const signature = data[SIGNATURE_PREFIX + token.id];
  if (signature === undefined || signature === '')
    throw new UnsignedError(
      `the cluster-info ConfigMap has no signature for token id ${JSON.stringify(token.id)}: the token is unknown to the cluster, has expired or is not for signing`,
    );
  const expected = detachedSignature(content, { keyId: token.id, secret: token.secret });
  if (!isSame(signature, expected))
    throw new BootstrapError(
      'the signature of the cluster-info ConfigMap is not that of the token: its secret is wrong, or this is another cluster',
    );
  return content;
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * The address that a cluster-info kubeconfig names: of its current context, or of its only cluster.
 * Throws BootstrapError.
 */
export function addressOf(kubeconfig: string): ClusterAddress {
  const cluster = clusterOf(kubeconfig);
  const encoded = cluster['certificate-authority-data'];
  if (typeof encoded !== 'string' || encoded === '')
    throw new BootstrapError('the kubeconfig of the cluster holds no certificate-authority-data');
  const authority = Buffer.from(encoded, 'base64').toString();
  // Also finds out whether there is a certificate at all.
  certificateKeyPins(authority);
  const { server } = cluster;
  return { ...serverAddress(typeof server === 'string' ? server : ''), authority };
}

function clusterOf(kubeconfig: string): Readonly<Record<string, unknown>> {
  const config = recordOf(parsed(kubeconfig));
  const clusters = listOf(config?.['clusters']);
  const current = listOf(config?.['contexts']).find(
    (context) => context['name'] === config?.['current-context'],
  );
  const name = recordOf(current?.['context'])?.['cluster'];
  const chosen = clusters.find((each) => each['name'] === (name ?? '')) ?? clusters[0];
  const cluster = recordOf(chosen?.['cluster']);
  if (cluster === undefined || (clusters.length !== 1 && chosen?.['name'] !== (name ?? '')))
    throw new BootstrapError('the kubeconfig names no cluster, or several and no current one');
  return cluster;
}

/** `https://HOST[:PORT]`. Throws BootstrapError. */
function serverAddress(server: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(server);
  if (url?.protocol !== 'https:')
    throw new BootstrapError(`the server ${JSON.stringify(server)} is no https address`);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 443 : Number(url.port),
  };
}

function parsed(text: string): unknown {
  try {
    return fromYaml(text);
  } catch (error) {
    throw new BootstrapError(`the kubeconfig of the cluster cannot be read: ${messageOf(error)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function recordOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

function listOf(value: unknown): Fields[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.map(recordOf).filter((item) => item !== undefined);
}
