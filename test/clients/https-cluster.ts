/** A whole control plane in this process, behind HTTPS and with a kubeconfig, for real clients. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createControlPlane } from '#cli/control-plane.ts';
import { writeKubeconfig } from '#cli/kubeconfig.ts';
import { openPki } from '#cli/pki.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { deepFreeze } from '#kit/freeze.ts';
import { testServerOptions } from '#kit/server-options.ts';
import { MemoryStore } from '#store/memory.ts';

const HOST = '127.0.0.1';
const SHUTDOWN_GRACE_MS = 1_000;

export interface HttpsCluster {
  /** The path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Resolves when everything is ready. No node: pods stay Pending. */
export async function startHttpsCluster(): Promise<HttpsCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-clients-'));
  const environment = realEnvironment({ logLevel: 'error' });
  const pki = openPki({
    folder: join(folder, 'pki'),
    nowMs: environment.clock.now(),
    serverAddresses: [HOST],
    serverNames: ['localhost'],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
  const store = new MemoryStore(environment);
  const plane = createControlPlane({
    ...testServerOptions(pki.serviceAccountKey),
    environment,
    store,
    serviceAccountIssuer: 'https://kubernetes.default.svc.cluster.local',
    advertise: { address: HOST, port: 6443 },
    clientCa: pki.authority.certificate,
    rootCa: pki.authority.certificate,
    podCidr: '10.244.0.0/16',
    onParsed: deepFreeze,
  });
  const server = await serveHttp({
    handler: plane.handler,
    streamsBody: (request) => plane.apiServer.streamsBody(request),
    host: HOST,
    port: 0,
    tls: {
      cert: pki.apiServer.certificate,
      key: pki.apiServer.key,
      clientCa: pki.authority.certificate,
    },
  });
  await plane.start();
  const kubeconfig = join(folder, 'admin.kubeconfig');
  writeKubeconfig({
    path: kubeconfig,
    server: `https://${HOST}:${server.port}`,
    authority: pki.authority.certificate,
    user: 'admin',
    identity: pki.admin,
  });
  return {
    kubeconfig,
    async stop() {
      await plane.stop();
      await server.close({ graceMs: SHUTDOWN_GRACE_MS });
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
