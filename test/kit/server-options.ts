/** What an API server needs besides an environment and a store, for tests that do not care. */
import { generateKeyPairSync } from 'node:crypto';
import type { ApiServerOptions } from '#apiserver/server-options.ts';

/** A PKCS 8 key on P-256, as PEM, such as tokens of service accounts are signed by. */
export function testSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A new signing key unless one is given; Services get addresses of 10.96.0.0/16; no kubelet can be reached. */
export function testServerOptions(serviceAccountKey = testSigningKey()) {
  return {
    serviceAccountKey,
    serviceAccountIssuer: 'https://kubernetes.default.svc',
    serviceClusterIpRange: '10.96.0.0/16',
    serviceNodePortRange: { from: 30_000, to: 32_767 },
    advertise: { address: '10.0.0.1', port: 6443 },
    clientCa: 'A CA\n',
    kubelets: { to: () => () => Promise.reject(new Error('there is no kubelet')) },
  } satisfies Omit<ApiServerOptions, 'environment' | 'store'>;
}
