/**
 * Kubeconfig files for kubectl and every other client.
 *
 * JSON, which is YAML too: no writer of YAML is needed, and all readers take it.
 * Source: client-go's v1.Config reference (kubeconfig).
 */
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

const CLUSTER = 'coxswain';

export function writeKubeconfig(options: KubeconfigOptions): void {
  const context = `${options.user}@${CLUSTER}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: CLUSTER,
        cluster: {
          server: options.server,
          'certificate-authority-data': base64(options.authority),
        },
      },
    ],
    users: [
      {
        name: options.user,
        user: {
          'client-certificate-data': base64(options.identity.certificate),
          'client-key-data': base64(options.identity.key),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: CLUSTER, user: options.user } }],
    'current-context': context,
    preferences: {},
  };
  writeFileDurably(options.path, `${JSON.stringify(config, null, 2)}\n`, 0o600);
}

function base64(pem: string): string {
  return Buffer.from(pem, 'utf8').toString('base64');
}
