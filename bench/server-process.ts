/** Our servers in processes of their own: on the durable store and the TLS socket of a cluster. */
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import type { Handler } from '#base/http/message.ts';
import { clusterServerOptions } from '#cli/cluster-server-options.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { type Cluster, readCluster } from './cluster.ts';

const SHUTDOWN_GRACE_MS = 1_000;

interface Served {
  readonly handler: Handler;
  start(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Serves what `make` makes, for the cluster in `directory`, until SIGTERM. */
export async function serveCluster(
  directory: string,
  make: (options: ApiServerOptions, cluster: Cluster) => Served,
): Promise<void> {
  const cluster = readCluster(directory);
  const { data, config, pki } = cluster;
  const environment = realEnvironment({ logLevel: 'warn' });
  const store = await openSqliteStore({ directory: data.store, environment });
  const served = make({ environment, store, ...clusterServerOptions(config, pki) }, cluster);
  const server = await serveHttp({
    handler: served.handler,
    host: config.listenHost,
    port: config.listenPort,
    tls: {
      cert: pki.apiServer.certificate,
      key: pki.apiServer.key,
      clientCa: pki.authority.certificate,
    },
  });
  await served.start();
  process.once('SIGTERM', () => {
    const stop = async (): Promise<void> => {
      await served.stop();
      await server.close({ graceMs: SHUTDOWN_GRACE_MS });
      await store.close();
    };
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
