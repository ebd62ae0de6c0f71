/**
 * The certificates of a node that joined: as a client of the API server and of its own server, each
 * asked for anew in time, and taken over by what runs.
 */
import { generateKeyPairSync } from 'node:crypto';
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
import { CertificateStore, type StoreName } from '#kubelet/bootstrap/certificate-store.ts';
import type { CertificatePair, CreateKey } from '#kubelet/bootstrap/key-pair.ts';
import { certificateFolder, type NodeConfig, type NodeIdentity } from './node-config.ts';
import type { NodeDirectory } from './node-directory.ts';

/** A new P-256 key. */
export const createKey: CreateKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

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
  const { environment, directory, config, identity, client, signal } = options;
  const { authority } = identity;
  const keep = (
    name: StoreName,
    order: CertificateOrder,
    onCertificate: (pair: CertificatePair) => void,
  ): void => {
    const folder = certificateFolder(directory);
    const store = new CertificateStore({ fileSystem: realFileSystem(), folder, name });
    const parts = { environment, store, client, order, createKey, onCertificate };
    new CertificateManager(parts).run(signal).catch((error: unknown) => {
      environment.log.error('certificates are not rotated any more', { error: String(error) });
    });
  };
  keep('kubelet-client', clientOrder(config.name), ({ certificate, key }) =>
    options.onClient({ ca: authority, cert: certificate, key }),
  );
  const names = {
    dnsNames: [...new Set([config.name, config.hostname])],
    addresses: [config.address],
  };
  keep('kubelet-server', servingOrder(config.name, names), (pair) => options.onServer(pair));
}
