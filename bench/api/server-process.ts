/**
 * `node server-process.ts DIRECTORY`: our API server on its durable store and its TLS socket, as the
 * control plane has it, without controllers and scheduler. One more path tells of the event loop.
 */
import { createApiServer } from '#apiserver/server.ts';
import { jsonResponse } from '#apiserver/respond.ts';
import type { Handler } from '#base/http/message.ts';
import { kubeletConnector } from '#cli/kubelet-connector.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { readCluster } from '../cluster.ts';

const SHUTDOWN_GRACE_MS = 1_000;
const MICROSECONDS_PER_MS = 1000;
const LOOK_MS = 1;

const [directory = ''] = process.argv.slice(2);
const { data, config, pki } = readCluster(directory);
const environment = realEnvironment({ logLevel: 'warn' });
const store = await openSqliteStore({ directory: data.store, environment });
const api = createApiServer({
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
});

/**
 * The most processor time that this thread has used between two firings of a timer: what else wanted
 * a turn had to wait for that. Time that the machine gave to other processes does not count.
 */
let longestMs = 0;
let usedMs = threadMs();
setInterval(() => {
  const nowMs = threadMs();
  longestMs = Math.max(longestMs, nowMs - usedMs);
  usedMs = nowMs;
}, LOOK_MS).unref();

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}

const handler: Handler = (request) => {
  if (request.url !== '/bench/event-loop') return api.handler(request);
  const maxMs = longestMs;
  longestMs = 0;
  return Promise.resolve(jsonResponse(200, { maxMs }));
};
const server = await serveHttp({
  handler,
  host: config.listenHost,
  port: config.listenPort,
  tls: {
    cert: pki.apiServer.certificate,
    key: pki.apiServer.key,
    clientCa: pki.authority.certificate,
  },
});
await api.start();

process.once('SIGTERM', () => {
  const stop = async (): Promise<void> => {
    await api.stop();
    await server.close({ graceMs: SHUTDOWN_GRACE_MS });
    await store.close();
  };
  stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
