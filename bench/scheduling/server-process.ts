/**
 * `node server-process.ts DIRECTORY`: our control plane as the product composes it, on its durable
 * store and its TLS socket, without controllers.
 */
import { createControlPlane } from '#cli/control-plane.ts';
import { kubeletConnector } from '#cli/kubelet-connector.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { readCluster } from '../cluster.ts';
import { DISABLED_ADMISSION } from './subject.ts';

const SHUTDOWN_GRACE_MS = 1_000;

const [directory = ''] = process.argv.slice(2);
const { data, config, pki } = readCluster(directory);
const environment = realEnvironment({ logLevel: 'warn' });
const store = await openSqliteStore({ directory: data.store, environment });
const plane = createControlPlane({
  environment,
  store,
  serviceAccountKey: pki.serviceAccountKey,
  serviceAccountIssuer: `https://kubernetes.default.svc.${config.clusterDomain}`,
  serviceClusterIpRange: config.serviceClusterIpRange,
  serviceNodePortRange: config.nodePortRange,
  advertise: { address: config.nodeAddress, port: config.listenPort },
  clientCa: pki.authority.certificate,
  kubelets: kubeletConnector({
    authority: pki.authority.certificate,
    identity: pki.apiServerKubeletClient,
  }),
  rootCa: pki.authority.certificate,
  podCidr: config.podCidr,
  controllers: [],
  disabledAdmission: DISABLED_ADMISSION,
});
const server = await serveHttp({
  handler: plane.handler,
  host: config.listenHost,
  port: config.listenPort,
  tls: {
    cert: pki.apiServer.certificate,
    key: pki.apiServer.key,
    clientCa: pki.authority.certificate,
  },
});
await plane.start();

process.once('SIGTERM', () => {
  const stop = async (): Promise<void> => {
    await plane.stop();
    await server.close({ graceMs: SHUTDOWN_GRACE_MS });
    await store.close();
  };
  stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
