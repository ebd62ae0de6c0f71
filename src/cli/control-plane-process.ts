/**
 * The control-plane process. It is told where its data directory is, and finds everything else
 * there.
 *
 * The store opens in a thread of its own while this thread loads the rest of the code.
 */
import { realEnvironment } from '#edge/environment.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { readClusterConfig } from './cluster-config.ts';
import { dataDirectoryAt } from './data-directory.ts';
import { UserError } from './user-error.ts';

/** Runs until SIGTERM or SIGINT. */
export async function runControlPlane(dataPath: string): Promise<void> {
  const environment = realEnvironment();
  const data = dataDirectoryAt(dataPath);
  const config = readClusterConfig(data);
  if (config === undefined)
    throw new UserError(
      `Cannot run the control plane of ${data.path}: there is no cluster. Make one with cox up.`,
    );
  const [store, { serveControlPlane }] = await Promise.all([
    openSqliteStore({ directory: data.store, environment }),
    import('./control-plane-serve.ts'),
  ]);
  const stop = await serveControlPlane({ environment, data, config, store });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await stop();
}
