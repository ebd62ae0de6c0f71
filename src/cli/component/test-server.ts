/** For tests: `cox apiserver` on a free port, with kubeconfigs of those who may use it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { RestClient } from '#client/rest.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import { startApiServer } from '../apiserver/command.ts';
import { API_SERVER } from '../apiserver/flags.ts';
import { parseFlags } from '../flags.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { type ClusterPki, type KeyPair, openPki } from '../pki.ts';

export interface TestServer {
  readonly folder: string;
  readonly pki: ClusterPki;
  readonly port: number;
  /** As the administrator. */
  readonly client: RestClient;
  /** Path of a kubeconfig with this identity. */
  kubeconfig(user: string, identity: KeyPair): string;
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

/** Stopped at the end of `t`. */
export async function testServer(t: Pick<TestContext, 'after'>): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cox-component-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = join(folder, 'pki');
  const pki = openPki({
    folder: files,
    nowMs: Date.now(),
    serverAddresses: ['127.0.0.1'],
    serverNames: ['localhost'],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
  const port = await freePort();
  const flags = parseFlags(API_SERVER, [
    `--data-dir=${folder}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--client-ca-file=${files}/ca.crt`,
    `--tls-cert-file=${files}/apiserver.crt`,
    `--tls-private-key-file=${files}/apiserver.key`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${files}/sa.key`,
    `--service-account-key-file=${files}/sa.key`,
    '--service-cluster-ip-range=10.96.0.0/16',
  ]);
  const stop = await startApiServer(flags);
  t.after(stop);
  const http = httpClient({
    host: '127.0.0.1',
    port,
    tls: { ca: pki.authority.certificate, cert: pki.admin.certificate, key: pki.admin.key },
  });
  t.after(() => http.close());
  const environment = realEnvironment({ logLevel: 'warn' });
  return {
    folder,
    pki,
    port,
    client: new RestClient({ handler: http.handler, environment, userAgent: 'test' }),
    kubeconfig(user, identity) {
      const path = join(folder, `${user}.kubeconfig`);
      const server = `https://127.0.0.1:${port}`;
      writeKubeconfig({ path, server, authority: pki.authority.certificate, user, identity });
      return path;
    },
  };
}
