/** `cox proxy`: the service proxy of a node alone, with upstream's flags, beside any API server. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { parseDuration } from '#api/codec/duration.ts';
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { aborted, type Environment, sleep } from '#base/env.ts';
import type { Processes } from '#base/doors.ts';
import type { Client } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { realProcesses } from '#edge/processes.ts';
import type { IpFamily } from '#proxy/ip-family.ts';
import type { TableOptions } from '#proxy/nftables.ts';
import { Proxy } from '#proxy/proxy.ts';
import { removeProxyTables } from '#proxy/table.ts';
import { componentClients } from '../component/clients.ts';
import { requiredKubeconfig, writeConfig } from '../component/config-file.ts';
import { componentRegistry } from '../component/process-metrics.ts';
import { runComponent } from '../component/run.ts';
import { featureGatesOf } from '../feature-gates.ts';
import { messageOf, UserError } from '../user-error.ts';
import { loadConfig, type ProxyConfig } from './config.ts';
import { conntrackSettings } from './conntrack-settings.ts';
import { type Flags, PROXY } from './flags.ts';
import { metricsPages } from './pages.ts';
import { servePages } from './serve.ts';
import { isWaitingFor, proxyTables, TABLE } from './tables.ts';

const NAME = 'kube-proxy';
const NANOS_PER_MS = 1e6;
/** How long the Node may take to be there and to say what is needed of it; upstream's. */
const NODE_WAIT_MS = 5 * 60_000;
const NODE_RETRY_MS = 1_000;

/** Runs until SIGTERM or SIGINT. Throws UserError. */
export function runProxy(args: readonly string[]): Promise<void> {
  return runComponent(PROXY, args, (flags, signal) => proxyProcess(flags, signal));
}

/** What the process reaches the machine by: tests bring their own. */
export interface Machine {
  readonly processes: Processes;
  readonly families: readonly IpFamily[];
}

function thisMachine(): Machine {
  const families = existsSync('/proc/net/if_inet6') ? (['ip', 'ip6'] as const) : (['ip'] as const);
  return { processes: realProcesses(), families };
}

/** Resolves after `signal`, and leaves the rules, so that traffic flows on; rejects with UserError. */
export async function proxyProcess(
  flags: Flags,
  signal: AbortSignal,
  machine: Machine = thisMachine(),
): Promise<void> {
  if (flags.isOn('cleanup')) return removeProxyTables(machine.processes, TABLE);
  const { config, notices } = loadConfig(flags);
  const target = flags.text('write-config-to');
  if (target !== '') return writeConfig(target, config);
  const kubeconfig = requiredKubeconfig(flags, config);
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  for (const notice of notices) environment.log.warn('a setting is not used', { notice });
  const metrics = componentRegistry(featureGatesOf(gatesText(config)), environment);
  const clients = componentClients({ kubeconfig, environment, signal, metrics });
  const closings: (() => Promise<void>)[] = [];
  try {
    setOomScore(config.oomScoreAdj, environment);
    await setConntrack(config, machine.processes, environment);
    const name = config.hostnameOverride || hostname().toLowerCase();
    const client = clients.base(NAME);
    const node = await knownNode({ client, environment, config, name, signal });
    if (node === undefined) return;
    const informers = new InformerFactory({ client, environment });
    const tables = proxyTables(config, node, machine.families);
    const proxy = new Proxy({
      environment,
      informers,
      processes: machine.processes,
      events: new EventRecorder({ client, environment, component: NAME, host: name, signal }),
      listen: (port, handler) => serveHttp({ handler, host: anyAddress(machine), port }),
      node: { name, ownAddresses: [] },
      tables: tables as [TableOptions, ...TableOptions[]],
      watchServiceRanges: true,
      minSyncPeriodMs: parseDuration(config.nftables.minSyncPeriod) / NANOS_PER_MS,
      syncPeriodMs: parseDuration(config.nftables.syncPeriod) / NANOS_PER_MS,
      metrics,
    });
    const pages = metricsPages({ metrics, config, clock: environment.clock });
    closings.push(
      await servePages({ health: proxy.health.handler, metrics: pages, config, environment }),
    );
    informers.start(signal);
    // It waits for the caches, which may never come.
    const started = proxy.start(signal).then(() => environment.log.info('the proxy is ready'));
    await Promise.race([started, aborted(signal)]);
    await aborted(signal);
    // Whoever cleans up after it must not find that it comes back.
    await proxy.idle();
  } finally {
    await Promise.all(closings.map((close) => close()));
    clients.close();
  }
}

function gatesText({ featureGates }: ProxyConfig): string {
  return Object.entries(featureGates)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',');
}

function anyAddress({ families }: Machine): string {
  return families.includes('ip6') ? '::' : '0.0.0.0';
}

interface NodeSearch {
  readonly client: Client;
  readonly environment: Environment;
  readonly config: ProxyConfig;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** The Node of this proxy, when it says all that is needed of it; undefined: `signal` was first. */
async function knownNode(search: NodeSearch): Promise<Node | undefined> {
  const { client, environment, config, name, signal } = search;
  const untilMs = environment.clock.monotonicMs() + NODE_WAIT_MS;
  for (;;) {
    let missing: string;
    try {
      const node = await client.get(NODE, name);
      const what = isWaitingFor(config, node);
      if (what === undefined) return node;
      missing = `it has no ${what} yet`;
    } catch (error) {
      missing = messageOf(error);
    }
    if (signal.aborted) return undefined;
    if (environment.clock.monotonicMs() >= untilMs)
      throw new UserError(`Cannot learn of node ${JSON.stringify(name)}: ${missing}`);
    environment.log.info('waiting for the node', { node: name, why: missing });
    await sleep(environment, NODE_RETRY_MS, signal);
  }
}

function setOomScore(score: number, { log }: Environment): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(score));
  } catch (error) {
    log.warn('cannot set the score of this process', { score, error: messageOf(error) });
  }
}

async function setConntrack(
  config: ProxyConfig,
  processes: Processes,
  { log }: Environment,
): Promise<void> {
  for (const { name, value, atLeast } of conntrackSettings(
    config.conntrack,
    availableParallelism(),
  )) {
    if (atLeast && currentValue(name) >= value) continue;
    const result = await processes.run('sysctl', ['-qw', `${name}=${value}`]);
    if (result.exitCode !== 0)
      log.warn('cannot set up connection tracking', {
        name,
        value,
        error: Buffer.from(result.stderr).toString('utf8').trim(),
      });
  }
}

function currentValue(name: string): number {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}
