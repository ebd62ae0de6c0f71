/**
 * `cox up`: brings the cluster up, shows how to use it, and takes it down again on Ctrl-C.
 *
 * What runs already is taken over; what is missing is made. The processes are the supervisor's.
 */
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import type { HistoryPolicy } from '#apiserver/history/policy.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realProcesses } from '#edge/processes.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import { writeAdminKubeconfig } from './admin-kubeconfig.ts';
import { chooseConfig } from './cluster-choices.ts';
import type { ClusterConfig, DnsPlace } from './cluster-config.ts';
import type { RangeFlags } from './cluster-ranges.ts';
import { clusterPki } from './cluster-pki.ts';
import {
  type DataDirectory,
  dataDirectoryAt,
  otherNodeDirectories,
  prepareDataDirectory,
  resetDataDirectory,
} from './data-directory.ts';
import { deployExample } from './example.ts';
import type { PodNetworkMode } from '#pod-network/routes.ts';
import { type ListenAddress, localHost } from './listen-address.ts';
import { type Lock, lockDataDirectory } from './lock.ts';
import { cleanUpMachine, RealNodes } from './real-nodes.ts';
import { endLeftRunning, endProcess } from './left-running.ts';
import { refuseSecondCluster } from './other-clusters.ts';
import { ownSysfs } from './own-sysfs.ts';
import type { ClusterPki } from './pki.ts';
import { installPrerequisites } from './prerequisites.ts';
import { Progress } from './progress.ts';
import { becomesReady } from './readiness.ts';
import { Duties } from './self-hosted/duties.ts';
import { type StopRequest, stopRequest } from './stop-request.ts';
import { Supervisor } from './supervisor.ts';
import { UserError } from './user-error.ts';
import type { VersionFlags } from './version-flags.ts';

export interface UpOptions {
  readonly dataDirectory: string;
  readonly listen?: ListenAddress;
  /** The folder's name under `examples/`, or `none`. */
  readonly example: string;
  /** Undefined: real nodes where that is possible. */
  readonly simulatedNodes?: number;
  /** Undefined: as many as before, one at first. */
  readonly realNodes?: number;
  readonly podNetwork?: PodNetworkMode;
  readonly ranges: RangeFlags;
  readonly dns?: DnsPlace;
  /** The control plane as static pods of the first node. */
  readonly selfHosted: boolean;
  /** Undefined: those of before. */
  readonly loadBalancerPools?: readonly string[];
  readonly reset: boolean;
  /** What was asked for; the rest stays as it was. */
  readonly history: Partial<HistoryPolicy>;
  readonly versions: VersionFlags;
  /** Undefined: those of before. */
  readonly apiServerArguments?: readonly string[];
  /** How this program is started again for its other processes. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

const READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 10_000;
const STOPPING = 'Stopping …';

/** Resolves when the cluster is down again. */
export async function up(options: UpOptions): Promise<void> {
  const environment = realEnvironment({ logLevel: 'warn' });
  const progress = new Progress((line) => process.stdout.write(line));
  const data = dataDirectoryAt(options.dataDirectory);
  const stop = stopRequest(() => progress.say(STOPPING));
  try {
    const lock = await lockDataDirectory(data, environment, () =>
      progress.say('Waiting for the cluster of before to stop …'),
    );
    try {
      await run({ options, environment, progress, data, stop, lock });
    } finally {
      lock.release();
    }
  } finally {
    stop.release();
  }
}

interface Run {
  readonly options: UpOptions;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly data: DataDirectory;
  /** What the user wants. */
  readonly stop: StopRequest;
  readonly lock: Lock;
}

async function run({ options, environment, progress, data, stop, lock }: Run): Promise<void> {
  const supervisor = new Supervisor({ environment, directory: data });
  if (options.reset) await reset(data, supervisor, environment);
  prepareDataDirectory(data);
  const simulatedNodes = nodesOf(options, progress);
  if (simulatedNodes === 0) refuseSecondCluster(data);
  const config = await chooseConfig({
    ...options,
    asked: options.listen,
    data,
    simulatedNodes,
    progress,
  });
  const pki = clusterPki(data, config, environment.clock.now());
  writeAdminKubeconfig(data, config, pki);
  const isReal = config.simulatedNodes === 0;
  const processes = realProcesses();
  // Before anything else: to take a node away needs Debian's packages too.
  if (isReal) await installPrerequisites({ processes, progress });
  if (stop.requested()) return;
  const client = adminClient(config, pki);
  const stopping = new AbortController();
  const duties = new Duties({ environment, client, config, pki, data, signal: stopping.signal });
  let real: RealNodes | undefined;
  try {
    if (isReal) {
      const { self } = options;
      const sysfs = await ownSysfs(data, processes);
      const parts = { data, config, environment, progress, self, supervisor, sysfs, duties };
      real = new RealNodes(parts);
      await real.prepare();
    }
    // One of the two has the store: the process goes before the pods come, as they before it.
    if (config.selfHosted === true) await endProcess('control-plane', data, supervisor);
    else
      supervisor.start({
        name: 'control-plane',
        command: options.self.command,
        args: [...options.self.args, 'control-plane', '--data-dir', data.path],
      });
    await real?.start();
    const went = await Promise.race([
      stop.stopped.then(() => 'stopped' as const),
      bringUp({
        environment,
        progress,
        client,
        data,
        config,
        options,
        doDuties: () => duties.begin(),
        prepareExample: () => real?.importImages(options.example) ?? Promise.resolve(),
      }),
    ]);
    if (went !== 'stopped') {
      showHowToUse(progress, data, went.page, options.example);
      await stop.stopped;
    }
  } finally {
    lock.stopping();
    if (!stop.requested()) progress.say(STOPPING);
    stopping.abort();
    client.close();
    supervisor.beginShutdown();
    await real?.stop();
    await supervisor.stop('control-plane', { graceMs: STOP_GRACE_MS });
    await real?.cleanUp();
    progress.say(`Stopped. State is kept in ${data.path}.`);
  }
}

/** Ends what an earlier start left running, and deletes the state. */
async function reset(
  data: DataDirectory,
  supervisor: Supervisor,
  environment: Environment,
): Promise<void> {
  await endLeftRunning(data, supervisor);
  for (const other of otherNodeDirectories(data))
    await endLeftRunning(other, new Supervisor({ environment, directory: other }));
  if (process.platform === 'linux' && process.getuid?.() === 0) await cleanUpMachine(data);
  resetDataDirectory(data);
}

/** How many simulated nodes; 0 for real ones. */
function nodesOf(options: UpOptions, progress: Progress): number {
  if (options.selfHosted) return onRealNodes(options);
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

/** Pods of the control plane run, or there is none. Throws UserError. */
function onRealNodes({ simulatedNodes }: UpOptions): 0 {
  if (simulatedNodes === undefined && process.platform === 'linux' && process.getuid?.() === 0)
    return 0;
  throw new UserError(
    'Cannot run the control plane in pods (--self-hosted): that needs a real node, and so Linux, root and no --simulated-nodes.',
  );
}

function adminClient(config: ClusterConfig, pki: ClusterPki): HttpClient {
  return httpClient({
    host: localHost(config.listenHost),
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
  /** Once the API server answers. */
  doDuties(): Promise<void>;
  prepareExample(): Promise<void>;
}

async function bringUp(parts: BringUp): Promise<{ page: string | undefined }> {
  const { progress, client, environment, options, config } = parts;
  await progress.step('Starting the control plane', () => untilReady(parts));
  await parts.doDuties();
  if (options.example === 'none') return { page: undefined };
  await parts.prepareExample();
  const page = await deployExample({
    name: options.example,
    client: client.handler,
    environment,
    progress,
    isReal: config.simulatedNodes === 0,
    nodeHost: localHost(config.listenHost),
  });
  return { page };
}

async function untilReady({ environment, client, data, config }: BringUp): Promise<void> {
  const { handler } = client;
  if (await becomesReady({ handler, environment, waitMs: READY_TIMEOUT_MS })) return;
  const log = config.selfHosted === true ? 'pods, and node.log there' : 'control-plane.log';
  throw new UserError(
    `Cannot reach the control plane within ${READY_TIMEOUT_MS / 1000} s: see ${join(data.logs, log)}.`,
  );
}

function showHowToUse(
  progress: Progress,
  data: DataDirectory,
  page: string | undefined,
  example: string,
): void {
  const kubectl = `kubectl --kubeconfig ${shellWord(data.kubeconfig)}`;
  progress.say('');
  if (page !== undefined) progress.say(`The ${example} is served at ${page}`);
  progress.say(`The kubeconfig is ${data.kubeconfig}`);
  progress.say('');
  progress.say('Try:');
  progress.say(`  ${kubectl} get nodes -o wide`);
  progress.say(`  ${kubectl} get pods -A`);
  progress.say(
    page === undefined
      ? `  ${kubectl} create deployment web --image=nginx`
      : `  ${kubectl} scale deployment frontend --replicas=5`,
  );
  progress.say('');
  progress.say('Press Ctrl-C to stop. State is kept; the next start goes on with it.');
}

/** A path as a shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
