/** Writes a kubeconfig file that only its owner may read. JSON is YAML, so no YAML writer is needed. */
import { buildKubeconfig } from '#client/kubeconfig.ts';
import { writeFileDurably } from './files.ts';
import type { KeyPair } from './pki.ts';

export interface KubeconfigOptions {
  readonly path: string;
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly user: string;
  readonly identity: KeyPair;
}

export function writeKubeconfig(options: KubeconfigOptions): void {
  const config = buildKubeconfig({
    server: options.server,
    ca: options.authority,
    cert: options.identity.certificate,
    key: options.identity.key,
    cluster: 'coxswain',
    user: options.user,
  });
  writeFileDurably(options.path, `${JSON.stringify(config, null, 2)}\n`, 0o600);
}
