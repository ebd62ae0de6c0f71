/** `cox scheduler`: the scheduler alone, with upstream's flags, beside any API server. */
import { hostname } from 'node:os';
import { aborted } from '#base/env.ts';
import { LINGER_MS } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realEnvironment } from '#edge/environment.ts';
import { schedulerRecorders } from '#scheduler/recorder.ts';
import { Scheduler } from '#scheduler/scheduler.ts';
import { componentClients } from '../component/clients.ts';
import { requiredKubeconfig, writeConfig } from '../component/config-file.ts';
import { checkLeaderFlags, workAsLeader } from '../component/leader.ts';
import type { HealthCheck } from '../component/health.ts';
import { featureGatesOf } from '../feature-gates.ts';
import { componentRegistry } from '../component/process-metrics.ts';
import { runComponent } from '../component/run.ts';
import { serveComponent } from '../component/serving.ts';
import { loadConfig } from './config.ts';
import { openExtenders } from './extenders.ts';
import { type Flags, SCHEDULER } from './flags.ts';

const NAME = 'kube-scheduler';
const MS_PER_SECOND = 1000;

/** Runs until SIGTERM or SIGINT, or until it has lost its lease. Throws UserError. */
export function runScheduler(args: readonly string[]): Promise<void> {
  return runComponent(SCHEDULER, args, schedulerProcess);
}

/** Resolves after `signal`; rejects with UserError. */
export async function schedulerProcess(flags: Flags, signal: AbortSignal): Promise<void> {
  const { config, profiles, gates, leaderFlags } = loadConfig(flags);
  checkLeaderFlags(leaderFlags);
  const target = flags.text('write-config-to');
  if (target !== '') return writeConfig(target, config);
  const kubeconfig = requiredKubeconfig(flags, config);
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  const metrics = componentRegistry(featureGatesOf(flags.text('feature-gates')), environment);
  const extenders = openExtenders(config.extenders ?? [], environment);
  const clients = componentClients({ kubeconfig, environment, signal, metrics });
  let isSynced = true;
  const serving = await serveComponent({
    flags,
    name: NAME,
    environment,
    signal,
    metrics,
    checks: new Map<string, HealthCheck>([['ping', () => undefined]]),
    readyChecks: new Map([['sched-handler-sync', () => (isSynced ? undefined : 'not synced')]]),
    allFlags: flags.all(),
    config,
  });
  try {
    await workAsLeader({
      flags: leaderFlags,
      environment,
      metrics,
      signal,
      client: clients.lasting(`${NAME}/leader-election`),
      async work(term) {
        isSynced = false;
        const client = clients.during(term).base(NAME);
        const scheduler = new Scheduler({
          environment,
          client,
          informers: new InformerFactory({ client, environment }),
          eventsOf: schedulerRecorders({
            client,
            environment,
            host: hostname(),
            lingerMs: LINGER_MS,
            signal: term,
          }),
          profiles,
          gates,
          metrics,
          extenders: extenders.extenders,
          podInitialBackoffMs: config.podInitialBackoffSeconds * MS_PER_SECOND,
          podMaxBackoffMs: config.podMaxBackoffSeconds * MS_PER_SECOND,
        });
        await scheduler.start(term);
        isSynced = true;
        if (!term.aborted) environment.log.info('the scheduler is ready');
        await aborted(term);
      },
    });
  } finally {
    await serving.close();
    clients.close();
    extenders.close();
  }
}
