/**
 * The certificate of the kubelet's server: the one that is named, the one that the cluster made, or
 * one of its own, which is made once and kept, and serves until the cluster made one.
 *
 * Upstream: cmd/kubelet/app/server.go (InitializeTLS), v1.36: `kubelet.crt` and `kubelet.key` below
 * --cert-dir.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { readTextIfThere, writeFileDurably } from '../files.ts';
import { readFile } from '../flags.ts';
import { storedCertificate } from '../node-certificates.ts';
import type { KeyPair } from '../pki.ts';
import { selfSignedCertificate } from '../self-signed.ts';

export interface CertificateOptions {
  readonly environment: Environment;
  readonly configuration: KubeletConfiguration;
  readonly folder: string;
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Whether the cluster is asked for it (`serverTLSBootstrap`); a file that is named goes before. */
export function asksForServing({
  serverTLSBootstrap,
  tlsCertFile = '',
  tlsPrivateKeyFile = '',
}: KubeletConfiguration): boolean {
  return serverTLSBootstrap === true && (tlsCertFile === '' || tlsPrivateKeyFile === '');
}

/** Throws UserError for a file that cannot be read. */
export function servingCertificate(options: CertificateOptions): KeyPair {
  const { tlsCertFile = '', tlsPrivateKeyFile = '' } = options.configuration;
  if (tlsCertFile !== '' && tlsPrivateKeyFile !== '')
    return { certificate: readFile(tlsCertFile), key: readFile(tlsPrivateKeyFile) };
  const { environment, folder, configuration } = options;
  const stored = asksForServing(configuration)
    ? storedCertificate(folder, 'kubelet-server', environment.clock.now())
    : undefined;
  if (stored !== undefined) return stored;
  const paths = {
    crt: join(options.folder, 'kubelet.crt'),
    key: join(options.folder, 'kubelet.key'),
  };
  const [certificate, key] = [readTextIfThere(paths.crt), readTextIfThere(paths.key)];
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const made = selfSignedCertificate({ ...options, dnsNames: [options.name] });
  mkdirSync(options.folder, { recursive: true, mode: 0o755 });
  writeFileDurably(paths.key, made.key, 0o600);
  writeFileDurably(paths.crt, made.certificate, 0o644);
  return made;
}
