/**
 * The certificates of a node: as a client of the API server and of its own server, each asked for anew
 * in time, and taken over by what runs.
 */
import type { TlsClientOptions } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { CertificateManager } from '#kubelet/bootstrap/certificate-manager.ts';
import {
  type CertificateOrder,
  clientOrder,
  servingOrder,
} from '#kubelet/bootstrap/certificate-order.ts';
import {
  CertificateStore,
  currentPath,
  type StoreName,
} from '#kubelet/bootstrap/certificate-store.ts';
import {
  type CertificatePair,
  type CreateKey,
  splitPair,
  validityOf,
} from '#kubelet/bootstrap/key-pair.ts';
import { readTextIfThere } from './files.ts';
import {
  addressesOf,
  certificateFolder,
  type NodeConfig,
  type NodeIdentity,
} from './node-config.ts';
import { newKey } from './key-pair-files.ts';
import type { NodeDirectory } from './node-directory.ts';

/** A new P-256 key. */
export const createKey: CreateKey = newKey;

export interface KeptCertificates {
  readonly environment: Environment;
  readonly directory: NodeDirectory;
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly signal: AbortSignal;
  /** The kubelet's, which shows the certificate that is in force. */
  readonly client: Client;
  readonly onClient: (tls: TlsClientOptions) => void;
  readonly onServer: (pair: CertificatePair) => void;
}

/** Until the signal. */
export function keepCertificates(options: KeptCertificates): void {
  const { directory, config, identity } = options;
  const { authority } = identity;
  const parts = { ...options, folder: certificateFolder(directory), signer: authority };
  keepClientCertificate(config.name, {
    ...parts,
    onCertificate: ({ certificate, key }) =>
      options.onClient({ ca: authority, cert: certificate, key }),
  });
  keepServingCertificate(
    { ...config, addresses: addressesOf(config) },
    { ...parts, onCertificate: (pair) => options.onServer(pair) },
  );
}

export interface KeptCertificate
  extends Pick<KeptCertificates, 'environment' | 'signal' | 'client'> {
  /** Where it lies. */
  readonly folder: string;
  /** PEM of who signs, where that is known: a certificate of another one is replaced. */
  readonly signer?: string;
  /** Called with each that comes to count. */
  readonly onCertificate: (pair: CertificatePair) => void;
}

/** That of the node as a client, until the signal. */
export function keepClientCertificate(node: string, options: KeptCertificate): void {
  keep('kubelet-client', clientOrder(node), options);
}

/** That of the kubelet's server, for these names and addresses, until the signal. */
export function keepServingCertificate(
  node: { readonly name: string; readonly hostname: string; readonly addresses: readonly string[] },
  options: KeptCertificate,
): void {
  const { name, hostname, addresses } = node;
  const names = { dnsNames: [...new Set([name, hostname])], addresses: [...addresses] };
  keep('kubelet-server', servingOrder(name, names), options);
}

function keep(name: StoreName, order: CertificateOrder, options: KeptCertificate): void {
  const { environment, client, folder, signal, signer, onCertificate } = options;
  const store = new CertificateStore({ fileSystem: realFileSystem(), folder, name });
  const kept = { environment, store, client, order, createKey, onCertificate };
  const parts = signer === undefined ? kept : { ...kept, signer };
  new CertificateManager(parts).run(signal).catch((error: unknown) => {
    environment.log.error('certificates are not rotated any more', { error: String(error) });
  });
}

/** The certificate that was stored last, where it can be used; else undefined. */
export function storedCertificate(
  folder: string,
  name: StoreName,
  nowMs: number,
): CertificatePair | undefined {
  const pair = splitPair(readTextIfThere(currentPath(folder, name)) ?? '');
  if (pair === undefined || validityOf(pair.certificate).notAfterMs < nowMs) return undefined;
  return pair;
}
