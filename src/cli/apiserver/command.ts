/** `cox apiserver`: the API server alone, with upstream's flags; other components are its clients. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import { ConfigError } from '#api/component-config/error.ts';
import { RuntimeConfigError } from '#api/features/runtime-config.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { StoreError } from '#store/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { backendConnector } from '../backend-connector.ts';
import { explainerOn } from '../explainer.ts';
import { kubeletConnector } from '../kubelet-connector.ts';
import { UserError } from '../user-error.ts';
import { parseFlags, showsHelp, untilSignal } from '../flags.ts';
import { auditOptions } from './audit-options.ts';
import { ConfigFiles } from './config-files.ts';
import { API_SERVER, type Flags } from './flags.ts';
import { apiServerOptions } from './options.ts';

const SHUTDOWN_GRACE_MS = 1_000;

/** Runs until SIGTERM or SIGINT. Throws UserError. */
export async function runApiServer(args: readonly string[]): Promise<void> {
  if (showsHelp(API_SERVER, args)) return;
  const stop = await startApiServer(parseFlags(API_SERVER, args));
  await untilSignal();
  await stop();
}

/** Resolves when the server is ready, with the way to stop it. */
export async function startApiServer(flags: Flags): Promise<() => Promise<void>> {
  const files = new ConfigFiles();
  const options = apiServerOptions(flags, files);
  const tls = tlsOf(flags);
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  const audit = auditOptions(flags, environment);
  const directory = join(flags.text('data-dir'), 'store');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ directory, environment });
  const closers: (() => Promise<void>)[] = [() => store.close()];
  const stop = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close();
  };
  try {
    const server: ApiServer = createApiServer({
      explain: explainerOn((request) => server.handler(request), environment),
      ...options,
      ...(audit === undefined ? {} : { audit }),
      environment,
      store,
      kubelets: kubelets(flags),
      backends: backendConnector(),
    });
    const listener: RunningHttpServer = await serveHttp({
      handler: server.handler,
      streamsBody: (request) => server.streamsBody(request),
      host: flags.text('bind-address'),
      port: flags.number('secure-port'),
      tls,
      goawayChance: flags.number('goaway-chance'),
    });
    closers.push(() => listener.close({ graceMs: SHUTDOWN_GRACE_MS }));
    closers.push(() => server.stop());
    await server.start();
    closers.push(async () => files.stop());
    files.start(environment);
    environment.log.info('API server is ready', {
      address: `https://${flags.text('bind-address')}:${listener.port}`,
    });
    return stop;
  } catch (error) {
    await stop();
    if (error instanceof RuntimeConfigError) throw new UserError(error.message);
    if (error instanceof ConfigError)
      throw new UserError(`error while parsing file: ${error.message}`);
    if (error instanceof StoreError && error.code === 'transform')
      throw new UserError(
        `Cannot read what is in the store: ${error.message}. Give --encryption-provider-config the key that it was encrypted with.`,
      );
    throw error;
  }
}

function tlsOf(flags: Flags) {
  const clientCa = flags.file('client-ca-file');
  const frontProxyCa = flags.file('requestheader-client-ca-file');
  return {
    cert: flags.requiredFile('tls-cert-file'),
    key: flags.requiredFile('tls-private-key-file'),
    ...(clientCa === undefined ? {} : { clientCa }),
    ...(frontProxyCa === undefined ? {} : { frontProxyCa }),
  };
}

function kubelets(flags: Flags) {
  const certificate = flags.file('kubelet-client-certificate');
  const key = flags.file('kubelet-client-key');
  const authority = flags.file('kubelet-certificate-authority');
  if (certificate !== undefined && key !== undefined && authority !== undefined)
    return kubeletConnector({ authority, identity: { certificate, key } });
  return {
    to(): never {
      throw new Error(
        'no road to kubelets: give --kubelet-client-certificate, --kubelet-client-key and --kubelet-certificate-authority',
      );
    },
  };
}
