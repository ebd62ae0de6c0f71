/** `cox scheduler`: the scheduler alone, with upstream's flags, beside any API server. */
import { MetricRegistry } from '#base/metrics.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realEnvironment } from '#edge/environment.ts';
import { DEFAULT_SCHEDULER_NAME, Scheduler } from '#scheduler/scheduler.ts';
import { componentClients } from '../component/clients.ts';
import { checkLeaderFlags, workAsLeader } from '../component/leader.ts';
import type { HealthCheck } from '../component/pages.ts';
import { runComponent } from '../component/run.ts';
import { serveComponent } from '../component/serving.ts';
import { UserError } from '../user-error.ts';
import { type Flags, SCHEDULER } from './flags.ts';

const NAME = 'kube-scheduler';

/** Runs until SIGTERM or SIGINT, or until it has lost its lease. Throws UserError. */
export function runScheduler(args: readonly string[]): Promise<void> {
  return runComponent(SCHEDULER, args, schedulerProcess);
}

/** Resolves after `signal`; rejects with UserError. */
export async function schedulerProcess(flags: Flags, signal: AbortSignal): Promise<void> {
  checkLeaderFlags(flags);
  const kubeconfig = flags.text('kubeconfig');
  if (kubeconfig === '') throw new UserError('--kubeconfig is a required flag');
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  const metrics = new MetricRegistry();
  const clients = componentClients({ kubeconfig, environment, signal });
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
  });
  try {
    await workAsLeader({
      flags,
      environment,
      metrics,
      signal,
      client: clients.lasting(`${NAME}/leader-election`),
      async work(term) {
        isSynced = false;
        const client = clients.base(NAME);
        const scheduler = new Scheduler({
          environment,
          client,
          informers: new InformerFactory({ client, environment }),
          events: new EventRecorder({
            client,
            environment,
            component: DEFAULT_SCHEDULER_NAME,
            signal: term,
          }),
        });
        await scheduler.start(term);
        isSynced = true;
        if (!term.aborted) environment.log.info('the scheduler is ready');
        await new Promise<void>((resolve) => {
          if (term.aborted) resolve();
          else term.addEventListener('abort', () => resolve());
        });
      },
    });
  } finally {
    await serving.close();
    clients.close();
  }
}
