/**
 * `cox join`: makes this machine a node of a cluster, runs it, and takes it down again on Ctrl-C.
 * What was joined stays joined: the next start needs no token.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join as joinPath, resolve as resolvePath } from 'node:path';
import { parseBootstrapToken } from '#api/core/bootstrap-token.ts';
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { Processes } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { RestClient } from '#client/rest.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import { realProcesses } from '#edge/processes.ts';
import type { ClusterAddress } from '#kubelet/bootstrap/cluster-info.ts';
import { BootstrapError } from '#kubelet/bootstrap/bootstrap-error.ts';
import { nodeNameOf } from '../cluster-choices.ts';
import { CLUSTER_DEFAULTS } from '../cluster-config.ts';
import { type DataDirectory, dataDirectoryAt } from '../data-directory.ts';
import { readAccess } from '../kube-client.ts';
import { chooseListen, isPortFree } from '../listen-address.ts';
import { type Lock, lockDataDirectory } from '../lock.ts';
import { createKey } from '../node-certificates.ts';
import { type NodeConfig, type NodeIdentity, readNode } from '../node-config.ts';
import { prepareNodeDirectory } from '../node-directory.ts';
import { nodeKubeletConfiguration } from '../node-kubelet.ts';
import { RealNode } from '../node-set-up.ts';
import { refuseSecondCluster } from '../other-clusters.ts';
import { dropOwnSysfs, hasOwnSysfs, ownSysfs } from '../own-sysfs.ts';
import { installPrerequisites } from '../prerequisites.ts';
import { Progress } from '../progress.ts';
import { cleanUpJoinedNode } from '../real-nodes.ts';
import { type StopRequest, stopRequest } from '../stop-request.ts';
import { Supervisor } from '../supervisor.ts';
import { messageOf, UserError } from '../user-error.ts';
import { joinAddresses } from './addresses.ts';
import { bootstrapNode, type JoinDoors } from './bootstrap.ts';
import { type JoinFlags, joinPlan, type JoinPlan } from './options.ts';
import type { ClusterSettings } from './settings.ts';

const READY_TIMEOUT_MS = 120_000;
const LOOK_MS = 200;
const CONNECT_TIMEOUT_MS = 10_000;
const STOPPING = 'Stopping …';

export interface JoinOptions {
  /** `HOST:PORT`. */
  readonly endpoint: string | undefined;
  readonly flags: JoinFlags;
  /** How this program is started again as the process of the node. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
}

/** Resolves when the node is down again. */
export async function join(options: JoinOptions): Promise<void> {
  const plan = joinPlan(options.endpoint, options.flags);
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new UserError('Cannot join: a node with real containers needs root on Linux.');
  const environment = realEnvironment({ logLevel: 'warn' });
  const progress = new Progress((line) => process.stdout.write(line));
  const data = dataDirectoryAt(options.flags.dataDir);
  if (existsSync(data.store))
    throw new UserError(
      `Cannot join with data directory ${data.path}: a cluster of cox up lives there. Choose another with --data-dir.`,
    );
  const stop = stopRequest(() => progress.say(STOPPING));
  try {
    const lock = await lockDataDirectory(data, environment, () =>
      progress.say('Waiting for the node of before to stop …'),
    );
    try {
      await run({ options, plan, environment, progress, data, stop, lock });
    } finally {
      lock.release();
    }
  } catch (error) {
    if (error instanceof BootstrapError) throw new UserError(`Cannot join: ${error.message}.`);
    throw error;
  } finally {
    stop.release();
  }
}

interface Run {
  readonly options: JoinOptions;
  /** Undefined: nothing was said of a cluster. */
  readonly plan: JoinPlan | undefined;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly data: DataDirectory;
  readonly stop: StopRequest;
  readonly lock: Lock;
}

interface NodeFacts {
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
}

async function run(parts: Run): Promise<void> {
  const { options, environment, progress, data, stop, lock } = parts;
  const processes = realProcesses();
  await installPrerequisites({ processes, progress });
  prepareNodeDirectory(data);
  mkdirSync(data.runtimePath, { recursive: true, mode: 0o711 });
  mkdirSync(data.images, { recursive: true, mode: 0o700 });
  const facts = await learn(parts, processes);
  if (facts === undefined) return;
  const { config, identity } = facts;
  const supervisor = new Supervisor({ environment, directory: data });
  const { images, registries } = data;
  const { self } = options;
  const parted = { directory: data, config, images, registries, supervisor, environment };
  const node = new RealNode({ ...parted, identity: () => identity, progress, self });
  try {
    await node.prepare();
    await node.start();
    const ready = untilReady(facts, environment);
    const went = await Promise.race([
      stop.stopped,
      progress.step(`Waiting for node ${config.name} to be ready`, () => ready),
    ]);
    if (went === 'ready') {
      progress.say(`This machine is node ${config.name} of the cluster.`);
      progress.say('Press Ctrl-C to stop. It stays joined; the next "cox join" goes on with it.');
      await stop.stopped;
    }
  } finally {
    lock.stopping();
    if (!stop.requested()) progress.say(STOPPING);
    supervisor.beginShutdown();
    await node.stop();
    await cleanUpJoinedNode(data, config);
    progress.say(`Stopped. State is kept in ${data.path}.`);
  }
}

/** Undefined: it is to stop before. What was made for it goes then, unless a node is there. */
async function learn(parts: Run, processes: Processes): Promise<NodeFacts | undefined> {
  const { data, stop } = parts;
  refuseSecondCluster(data);
  const wasThere = hasOwnSysfs(data);
  let facts: NodeFacts | undefined;
  try {
    const sysfs = await ownSysfs(data, processes);
    facts = (await Promise.race([stop.stopped, factsOf(parts, sysfs)])) ?? undefined;
    return facts;
  } finally {
    if (facts === undefined && !wasThere) await dropOwnSysfs(data, processes);
  }
}

/** Those of before where the machine has joined already, or those that joining gives. */
async function factsOf(parts: Run, sysfs: string): Promise<NodeFacts> {
  const { options, plan, data, environment, progress } = parts;
  const { flags } = options;
  const known = readNode(data);
  if (known !== undefined) {
    const { validToDate } = new X509Certificate(known.identity.kubeletClient.certificate);
    if (validToDate.getTime() > environment.clock.now()) {
      if (plan !== undefined)
        progress.say(
          `This machine has joined already, as node ${known.config.name}: going on. "cox node reset" makes it forget.`,
        );
      const config = { ...known.config, ...dropInsIn(flags), sysfs };
      nodeKubeletConfiguration(config, data);
      return { ...known, config };
    }
  }
  if (plan === undefined)
    throw new UserError(
      known === undefined
        ? 'Cannot join: give HOST:PORT of the API server and --token. "cox token create --print-join-command", where the cluster is, prints the whole command.'
        : 'Cannot go on: the certificate of this node has expired. Join again with HOST:PORT and --token.',
    );
  const name = flags.nodeName ?? nodeNameOf(hostname());
  const { authority, config, pair } = await bootstrapNode(plan, name, doorsOf(parts, sysfs));
  return {
    config,
    identity: { authority, kubeletClient: pair, kubeletServer: pair, proxy: pair, dns: pair },
  };
}

/** They hold for later starts, too. */
function dropInsIn({ configDir }: JoinFlags): Pick<NodeConfig, 'kubeletConfigDirectory'> {
  return configDir === undefined ? {} : { kubeletConfigDirectory: resolvePath(configDir) };
}

/** Rejects with UserError where this machine cannot be a node of that cluster. */
async function configOf(
  { options: { flags }, data }: Run,
  sysfs: string,
  { server, settings }: { readonly server: ClusterAddress; readonly settings: ClusterSettings },
): Promise<NodeConfig> {
  const { host, port } = server;
  const addresses = joinAddresses({
    given: flags.nodeIp,
    cluster: settings,
    seen: flags.nodeIp === undefined ? await addressTowards({ host, port }) : undefined,
    interfaces: networkInterfaces(),
  });
  const config = {
    name: flags.nodeName ?? nodeNameOf(hostname()),
    hostname: flags.nodeName ?? hostname(),
    ...addresses,
    kubeletPort: await kubeletPort(addresses.address),
    apiServer: { host, port },
    ...settings,
    ...dropInsIn(flags),
    rotatesCertificates: true,
    sysfs,
  };
  nodeKubeletConfiguration(config, data);
  return config;
}

function doorsOf(parts: Run, sysfs: string): JoinDoors {
  const { environment, progress } = parts;
  let last = '';
  return {
    environment,
    createKey,
    connect: (endpoint, tls) => httpClient({ ...endpoint, tls }),
    readFile(path) {
      const { connection, tls, token } = readAccess(path);
      if (!connection.tls || tls.ca === undefined)
        throw new UserError(`Cannot join by ${path}: it names no authority of an https server.`);
      const { host, port } = connection;
      const parsed = token === undefined ? undefined : parseBootstrapToken(token());
      return { address: { host, port, authority: tls.ca }, token: parsed };
    },
    configure: (server, settings) => configOf(parts, sysfs, { server, settings }),
    step: (title, work) => progress.step(title, work),
    onRetry(reason) {
      if (reason !== last) progress.say(`Not yet: ${reason}`);
      last = reason;
    },
  };
}

async function kubeletPort(address: string): Promise<number> {
  const wanted = CLUSTER_DEFAULTS.kubeletPort;
  if (await isPortFree(address, wanted)) return wanted;
  return (await chooseListen({ host: address, port: 0 })).port;
}

/** The address of this machine that the API server sees: others reach the node by it too. */
function addressTowards(server: { readonly host: string; readonly port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ ...server, timeout: CONNECT_TIMEOUT_MS });
    const end = (error?: Error): void => {
      const address = socket.localAddress;
      socket.destroy();
      if (error === undefined && address !== undefined) resolve(address);
      else
        reject(
          new UserError(
            `Cannot tell the address of this node: ${messageOf(error)}. Give it with --node-ip.`,
          ),
        );
    };
    socket.once('connect', () => end());
    socket.once('error', end);
    socket.once('timeout', () => end(new Error('no answer in time')));
  });
}

/** By the node's own eyes: it may read its Node. */
async function untilReady(
  { config, identity }: NodeFacts,
  environment: Environment,
): Promise<'ready'> {
  const { certificate: cert, key } = identity.kubeletClient;
  const tls = { ca: identity.authority, cert, key };
  const http = httpClient({ ...config.apiServer, tls });
  const client = new RestClient({ handler: http.handler, environment, userAgent: 'cox-join' });
  const until = environment.clock.monotonicMs() + READY_TIMEOUT_MS;
  let last = 'no such Node yet';
  try {
    while (environment.clock.monotonicMs() < until) {
      try {
        const node: Node = await client.get(NODE, config.name);
        const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
        if (ready?.status === 'True') return 'ready';
        last = ready?.message ?? 'no condition Ready yet';
      } catch (error) {
        last = messageOf(error);
      }
      await sleep(environment, LOOK_MS);
    }
  } finally {
    http.close();
  }
  throw new UserError(
    `Node ${config.name} is not ready within ${READY_TIMEOUT_MS / 1000} s: ${last}. See ${joinPath('logs', 'node.log')} in the data directory.`,
  );
}
