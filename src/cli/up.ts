/**
 * `cox up`: brings the cluster up, shows how to use it, and takes it down again on Ctrl-C.
 *
 * What runs already is taken over; what is missing is made. The processes are the supervisor's.
 */
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import { readBody } from '#base/http/message.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import {
  CLUSTER_DEFAULTS,
  type ClusterConfig,
  readClusterConfig,
  writeClusterConfig,
} from './cluster-config.ts';
import { clusterPki } from './cluster-pki.ts';
import {
  type DataDirectory,
  dataDirectoryAt,
  prepareDataDirectory,
  resetDataDirectory,
} from './data-directory.ts';
import { deployExample } from './example.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { chooseListen, type ListenAddress } from './listen-address.ts';
import { type Lock, lockDataDirectory } from './lock.ts';
import { cleanUpMachine, realNodeProcesses } from './node-set-up.ts';
import type { ClusterPki } from './pki.ts';
import { Progress } from './progress.ts';
import { startTicksOf, Supervisor } from './supervisor.ts';
import { readJsonIfThere } from './files.ts';
import { UserError } from './user-error.ts';

export interface UpOptions {
  readonly dataDirectory: string;
  readonly listen?: ListenAddress;
  /** The folder's name under `examples/`, or `none`. */
  readonly example: string;
  /** Undefined: a real node where that is possible. */
  readonly simulatedNodes?: number;
  readonly reset: boolean;
  /** How this program is started again for its other processes. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

const READY_TIMEOUT_MS = 60_000;
const LOOK_MS = 20;
const STOP_GRACE_MS = 10_000;

/** Resolves when the cluster is down again. */
export async function up(options: UpOptions): Promise<void> {
  const environment = realEnvironment({ logLevel: 'warn' });
  const progress = new Progress((line) => process.stdout.write(line));
  const data = dataDirectoryAt(options.dataDirectory);
  const request = stopRequest();
  const { stopped } = request;
  try {
    const lock = await lockDataDirectory(data, environment, () =>
      progress.say('Waiting for the cluster of before to stop …'),
    );
    try {
      await run({ options, environment, progress, data, stopped, lock });
    } finally {
      lock.release();
    }
  } finally {
    request.release();
  }
}

interface Run {
  readonly options: UpOptions;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly data: DataDirectory;
  /** Resolves when the user wants an end. */
  readonly stopped: Promise<void>;
  readonly lock: Lock;
}

async function run({ options, environment, progress, data, stopped, lock }: Run): Promise<void> {
  const supervisor = new Supervisor({ environment, runFolder: data.run, logFolder: data.logs });
  if (options.reset) await reset(data, supervisor);
  prepareDataDirectory(data);
  const simulatedNodes = nodesOf(options, progress);
  const config = await configOf(options, data, simulatedNodes, progress);
  const pki = clusterPki(data, config, environment.clock.now());
  const server = `https://${config.listenHost}:${config.listenPort}`;
  writeKubeconfig({
    path: data.kubeconfig,
    server,
    authority: pki.authority.certificate,
    user: 'kubernetes-admin',
    identity: pki.admin,
  });
  const real =
    config.simulatedNodes === 0
      ? realNodeProcesses({ data, config, pki, environment, progress, self: options.self })
      : undefined;
  const client = adminClient(config, pki);
  try {
    await real?.prepare();
    supervisor.start({
      name: 'control-plane',
      command: options.self.command,
      args: [...options.self.args, 'control-plane', '--data-dir', data.path],
    });
    await real?.start(supervisor);
    const went = await Promise.race([
      stopped.then(() => 'stopped' as const),
      bringUp({
        environment,
        progress,
        client,
        data,
        config,
        options,
        prepareExample: () => real?.importImages(options.example) ?? Promise.resolve(),
      }),
    ]);
    if (went !== 'stopped') {
      showHowToUse(progress, data, went.page, options.example);
      await stopped;
    }
  } finally {
    lock.stopping();
    progress.say('Stopping …');
    client.close();
    supervisor.beginShutdown();
    await real?.stop(supervisor);
    await supervisor.stop('control-plane', { graceMs: STOP_GRACE_MS });
    await real?.cleanUp();
    progress.say(`Stopped. State is kept in ${data.path}.`);
  }
}

/** Ends what an earlier start left running, and deletes the state. */
async function reset(data: DataDirectory, supervisor: Supervisor): Promise<void> {
  for (const name of ['node', 'control-plane', 'containerd']) {
    const pid = runningPid(data, name);
    if (pid === undefined) continue;
    supervisor.start({ name, command: '/bin/false', args: [] });
    await supervisor.stop(name, { graceMs: STOP_GRACE_MS });
  }
  if (process.platform === 'linux' && process.getuid?.() === 0) await cleanUpMachine(data);
  resetDataDirectory(data);
}

function runningPid(data: DataDirectory, name: string): number | undefined {
  const file = readJsonIfThere(join(data.run, `${name}.pid`)) as
    | { pid?: number; startTicks?: string }
    | undefined;
  return file?.pid !== undefined && startTicksOf(file.pid) === file.startTicks
    ? file.pid
    : undefined;
}

/** How many simulated nodes; 0 for a real one. */
function nodesOf(options: UpOptions, progress: Progress): number {
  if (options.simulatedNodes !== undefined) return options.simulatedNodes;
  if (process.platform !== 'linux') {
    progress.say(
      'This is not Linux, so there can be no real node: starting one simulated node (its pods run nowhere, but reach Running).',
    );
    return 1;
  }
  if (process.getuid?.() !== 0) {
    progress.say(
      'This is not root, so there can be no real node: starting one simulated node (its pods run nowhere, but reach Running). Run as root for real containers.',
    );
    return 1;
  }
  return 0;
}

async function configOf(
  options: UpOptions,
  data: DataDirectory,
  simulatedNodes: number,
  progress: Progress,
): Promise<ClusterConfig> {
  const known = readClusterConfig(data);
  // A control plane that runs keeps its address: it is taken over as it is.
  if (known !== undefined && runningPid(data, 'control-plane') !== undefined) return known;
  const before =
    known === undefined ? undefined : { host: known.listenHost, port: known.listenPort };
  // Any free port is as good as the one of before, and objects name that one already.
  const { listen: asked } = options;
  const isAnyPort = asked === undefined || (asked.port === 0 && asked.host === before?.host);
  const again = isAnyPort && before !== undefined && (await isFree(before));
  const listen = again ? { ...before, moved: false } : await chooseListen(asked);
  if (listen.moved)
    progress.say(
      `Port 6443 is taken by another program: listening on ${listen.host}:${listen.port} instead.`,
    );
  const config: ClusterConfig = {
    ...CLUSTER_DEFAULTS,
    nodeName: known?.nodeName ?? hostname().toLowerCase(),
    nodeAddress: nodeAddress(),
    simulatedNodes,
    listenHost: listen.host,
    listenPort: listen.port,
  };
  writeClusterConfig(data, config);
  return config;
}

/** The first IPv4 address of this machine that is no loopback and none of our own interfaces. */
function nodeAddress(): string {
  const candidates = Object.entries(networkInterfaces())
    .filter(
      ([name]) => !name.startsWith('cox') && !name.startsWith('docker') && !name.startsWith('veth'),
    )
    .flatMap(([, addresses]) => addresses ?? []);
  return (
    candidates.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ??
    '127.0.0.1'
  );
}

async function isFree(address: ListenAddress): Promise<boolean> {
  try {
    return (await chooseListen(address)).port === address.port;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

function adminClient(config: ClusterConfig, pki: ClusterPki): HttpClient {
  return httpClient({
    host: config.listenHost,
    port: config.listenPort,
    tls: { ca: pki.authority.certificate, cert: pki.admin.certificate, key: pki.admin.key },
  });
}

interface BringUp {
  readonly environment: Environment;
  readonly progress: Progress;
  readonly client: HttpClient;
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly options: UpOptions;
  prepareExample(): Promise<void>;
}

async function bringUp(parts: BringUp): Promise<{ page: string | undefined }> {
  const { progress, client, data, environment, options, config } = parts;
  await progress.step('Starting the control plane', () => untilReady(environment, client, data));
  if (options.example === 'none') return { page: undefined };
  await parts.prepareExample();
  const page = await deployExample({
    name: options.example,
    client: client.handler,
    environment,
    progress,
    isReal: config.simulatedNodes === 0,
    nodeHost: config.listenHost,
  });
  return { page };
}

async function untilReady(
  environment: Environment,
  client: HttpClient,
  data: DataDirectory,
): Promise<void> {
  const until = environment.clock.monotonicMs() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      const response = await client.handler({ method: 'GET', url: '/readyz', headers: {} });
      await readBody(response.body);
      if (response.status === 200) return;
    } catch {
      // Nobody listens yet.
    }
    if (environment.clock.monotonicMs() > until) {
      throw new UserError(
        `Cannot reach the control plane within ${READY_TIMEOUT_MS / 1000} s: see ${join(data.logs, 'control-plane.log')}.`,
      );
    }
    await new Promise<void>((resolve) => environment.timers.after(LOOK_MS, resolve));
  }
}

function showHowToUse(
  progress: Progress,
  data: DataDirectory,
  page: string | undefined,
  example: string,
): void {
  const kubectl = `kubectl --kubeconfig ${data.kubeconfig}`;
  progress.say('');
  if (page !== undefined) progress.say(`The ${example} is served at ${page}`);
  progress.say(`The kubeconfig is ${data.kubeconfig}`);
  progress.say('');
  progress.say('Try:');
  progress.say(`  ${kubectl} get nodes -o wide`);
  progress.say(`  ${kubectl} get pods -A`);
  progress.say(
    page === undefined
      ? `  ${kubectl} create deployment web --image=example/web`
      : `  ${kubectl} scale deployment frontend --replicas=5`,
  );
  progress.say('');
  progress.say('Press Ctrl-C to stop. State is kept; the next start goes on with it.');
}

interface StopRequest {
  /** Resolves at the first Ctrl-C or SIGTERM. */
  readonly stopped: Promise<void>;
  /** Lets the process end. */
  readonly release: () => void;
}

function stopRequest(): StopRequest {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Nothing else keeps this process alive: what it supervises runs on its own.
  const alive = setInterval(() => {}, 2 ** 30);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => resolve());
  return { stopped: promise, release: () => clearInterval(alive) };
}
