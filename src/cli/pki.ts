/**
 * The cluster's certificates: one authority for servers and clients, one for the front proxy, and
 * the key that signs service-account tokens. File names are kubeadm's, so that who knows a cluster
 * finds them.
 *
 * Made at the first start; remade when they expire soon, when the authority changed, or when a
 * server's names no longer cover what it is reached by.
 * Source: Kubernetes documentation, "PKI certificates and requirements".
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateUse, createCertificate, type Name } from '#base/x509.ts';
import {
  type Authority,
  type AuthorityPlace,
  BACKDATE_MS,
  certificatesIn,
  clusterAuthorities,
  crossCertificate,
  openAuthority,
} from './authority-files.ts';
import { writeFileDurably } from './files.ts';
import { type KeyPair, newKey, readFittingPair, writePair } from './key-pair-files.ts';
import { openServiceAccountKeys } from './service-account-keys.ts';

export type { KeyPair } from './key-pair-files.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const LEAF_LIFE_MS = 365 * DAY_MS;
/** A leaf with less than this left is replaced at start. */
const LEAF_RENEW_MS = 60 * DAY_MS;

/** As whom the API server speaks to kubelets. */
export const KUBELET_CLIENT = 'kube-apiserver-kubelet-client';
const API_SERVER = 'apiserver';

export interface LeafRequest {
  /** File name without its ending: `apiserver` makes `apiserver.crt` and `apiserver.key`. */
  readonly file: string;
  readonly subject: Name;
  readonly uses: readonly CertificateUse[];
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
}

export interface ClusterPki {
  readonly authority: Authority;
  readonly frontProxyAuthority: Authority;
  /** PEM private key (EC P-256) that signs service-account tokens. */
  readonly serviceAccountKey: string;
  /** PEM public keys: those of before, whose tokens are believed too. */
  readonly trustedServiceAccountKeys: readonly string[];
  /** With what lets those believe it who know the authority of before alone. */
  readonly apiServer: KeyPair;
  /** The API server as a client of kubelets. */
  readonly apiServerKubeletClient: KeyPair;
  readonly frontProxyClient: KeyPair;
  readonly admin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  /** kube-proxy (who enforces network policies too) and the DNS of the node process. */
  readonly proxy: KeyPair;
  readonly dns: KeyPair;
  leaf(request: LeafRequest): KeyPair;
}

export interface PkiOptions {
  readonly folder: string;
  readonly nowMs: number;
  /** What the API server is reached by, beside the names every cluster has. */
  readonly serverAddresses: readonly string[];
  readonly serverNames: readonly string[];
  /** First address of the Service range: the `kubernetes` Service. */
  readonly kubernetesAddress: string;
  readonly clusterDomain: string;
  /** Every leaf is made anew, its key too; the authorities are not. */
  readonly renewsLeaves?: boolean;
}

/** Reads what is there and makes what is missing. */
export function openPki(options: PkiOptions): ClusterPki {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const places = clusterAuthorities(options.folder);
  const authority = openAuthority(places.authority, options.nowMs);
  const frontProxyAuthority = openAuthority(places.frontProxy, options.nowMs);
  const serviceAccount = openServiceAccountKeys(options.folder);
  const leaf = (request: LeafRequest, signer = authority): KeyPair =>
    openLeaf(options, request, signer);
  const client = (file: string, commonName: string, ...organizations: string[]): KeyPair =>
    leaf({ file, subject: { commonName, organizations }, uses: ['client'] });
  return {
    authority,
    frontProxyAuthority,
    serviceAccountKey: serviceAccount.key,
    trustedServiceAccountKeys: serviceAccount.trusted,
    apiServer: withChain(options, leaf(apiServerRequest(options)), places.authority),
    apiServerKubeletClient: client('apiserver-kubelet-client', KUBELET_CLIENT),
    frontProxyClient: leaf(
      {
        file: 'front-proxy-client',
        subject: { commonName: 'front-proxy-client' },
        uses: ['client'],
      },
      frontProxyAuthority,
    ),
    admin: client('admin', 'kubernetes-admin', 'system:masters'),
    controllerManager: client('controller-manager', 'system:kube-controller-manager'),
    scheduler: client('scheduler', 'system:kube-scheduler'),
    proxy: client('proxy', 'system:kube-proxy'),
    dns: client('dns', 'system:kube-dns'),
    leaf: (request) => leaf(request),
  };
}

/** In the file too: an API server in a pod shows what is there. */
function withChain(
  { folder }: PkiOptions,
  { certificate, key }: KeyPair,
  authority: AuthorityPlace,
): KeyPair {
  const [own = ''] = certificatesIn(certificate);
  const chain = own + crossCertificate(authority);
  if (chain !== certificate) writeFileDurably(join(folder, `${API_SERVER}.crt`), chain, 0o600);
  return { certificate: chain, key };
}

/** A node's identity towards the API server, and its own server's. */
export function nodeCertificates(
  pki: ClusterPki,
  node: { readonly name: string; readonly addresses: readonly string[] },
): { readonly client: KeyPair; readonly server: KeyPair } {
  const commonName = `system:node:${node.name}`;
  return {
    client: pki.leaf({
      file: `kubelet-client-${node.name}`,
      subject: { commonName, organizations: ['system:nodes'] },
      uses: ['client'],
    }),
    server: pki.leaf({
      file: `kubelet-server-${node.name}`,
      subject: { commonName, organizations: ['system:nodes'] },
      uses: ['server'],
      dnsNames: [node.name, 'localhost'],
      addresses: [...node.addresses, '127.0.0.1'],
    }),
  };
}

function apiServerRequest(options: PkiOptions): LeafRequest {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  return {
    file: API_SERVER,
    subject: { commonName: 'kube-apiserver' },
    uses: ['server'],
    dnsNames: [
      ...service,
      `kubernetes.default.svc.${options.clusterDomain}`,
      'localhost',
      ...options.serverNames,
    ],
    addresses: [
      ...new Set([options.kubernetesAddress, '127.0.0.1', '::1', ...options.serverAddresses]),
    ],
  };
}

function openLeaf(options: PkiOptions, request: LeafRequest, authority: Authority): KeyPair {
  const { folder, nowMs, renewsLeaves = false } = options;
  const stored = renewsLeaves ? undefined : readFittingPair(folder, request.file);
  if (stored !== undefined && isGood(stored.certificate, request, authority, nowMs)) return stored;
  const { publicKey, privateKey } = newKey();
  const certificate = createCertificate({
    subject: request.subject,
    publicKey,
    issuer: authority,
    serial: randomBytes(8),
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + LEAF_LIFE_MS,
    uses: request.uses,
    dnsNames: request.dnsNames ?? [],
    addresses: request.addresses ?? [],
  });
  return writePair(folder, request.file, { certificate, privateKey });
}

/** Still long in force, of this authority, and for all the names that are asked for. */
function isGood(pem: string, request: LeafRequest, authority: Authority, nowMs: number): boolean {
  const certificate = new X509Certificate(pem);
  return (
    certificate.validToDate.getTime() - nowMs > LEAF_RENEW_MS &&
    certificate.verify(authority.publicKey) &&
    (request.dnsNames ?? []).every((name) => certificate.checkHost(name) !== undefined) &&
    (request.addresses ?? []).every((address) => certificate.checkIP(address) !== undefined)
  );
}
