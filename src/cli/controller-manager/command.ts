/** `cox controller-manager`: the controllers alone, with upstream's flags, beside any API server. */
import type { MetricRegistry } from '#base/metrics.ts';
import type { Environment } from '#base/env.ts';
import { type GroupVersionKind, isSameKind } from '#api/meta/object.ts';
import type { Client } from '#client/client.ts';
import { discover } from '#client/discovery.ts';
import type { ControllerEntry, ControllerOptions } from '#controllers/index.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realEnvironment } from '#edge/environment.ts';
import { addressPoolController } from '#load-balancer/controller.ts';
import type { Controller } from '#reconcile/controller.ts';
import { Manager } from '#reconcile/manager.ts';
import { componentClients, type WorkingClients } from '../component/clients.ts';
import { checkLeaderFlags, workAsLeader } from '../component/leader.ts';
import type { HealthCheck } from '../component/health.ts';
import { componentRegistry } from '../component/process-metrics.ts';
import { runComponent } from '../component/run.ts';
import { serveComponent } from '../component/serving.ts';
import { UserError } from '../user-error.ts';
import { CONTROLLER_MANAGER, type Flags } from './flags.ts';
import { concurrenciesOf, controllerOptions, gatesOf, poolsOf } from './options.ts';
import { chosenControllers } from './selection.ts';

const NAME = 'kube-controller-manager';

/** Runs until SIGTERM or SIGINT, or until it has lost its lease. Throws UserError. */
export function runControllerManager(args: readonly string[]): Promise<void> {
  return runComponent(CONTROLLER_MANAGER, args, controllerManager);
}

/** Resolves after `signal`; rejects with UserError. */
export async function controllerManager(flags: Flags, signal: AbortSignal): Promise<void> {
  const entries = chosenControllers(flags.list('controllers'));
  const options = controllerOptions(flags);
  const concurrencies = concurrenciesOf(flags);
  const pools = poolsOf(flags);
  checkLeaderFlags(flags);
  if (flags.text('kubeconfig') === '') throw new UserError('--kubeconfig is a required flag');
  const environment = realEnvironment({ logLevel: flags.number('v') >= 4 ? 'debug' : 'info' });
  const metrics = componentRegistry(gatesOf(flags), environment);
  const kubeconfig = flags.text('kubeconfig');
  const clients = componentClients({ kubeconfig, environment, signal, metrics });
  let manager: Manager | undefined;
  const checks = new Map<string, HealthCheck>(entries.map(({ name }) => [name, () => undefined]));
  const readyChecks = new Map<string, HealthCheck>([
    [
      'informer-sync',
      () => (manager === undefined || isSynced(manager) ? undefined : 'not synced'),
    ],
  ]);
  const serving = await serveComponent({
    flags,
    name: NAME,
    environment,
    signal,
    metrics,
    checks,
    readyChecks,
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
        const working = clients.during(term);
        const serves = await servedOptional(entries, options, working.base(NAME));
        const controllers = entries.flatMap(({ make }) => make({ ...options, serves }));
        if (pools.length > 0) controllers.push(addressPoolController(pools));
        manager = managerOf(flags, {
          controllers,
          clients: working,
          environment,
          metrics,
          concurrencies,
        });
        manager.start(term);
        await manager.synced();
        if (!term.aborted) environment.log.info('controllers are ready');
        await manager.stopped();
      },
    });
  } finally {
    await serving.close();
    clients.close();
  }
}

/**
 * Which kinds the server has; asked only where that says whether a controller runs. Rejects where
 * the server does not say.
 */
async function servedOptional(
  entries: readonly ControllerEntry[],
  options: ControllerOptions,
  client: Client,
): Promise<(type: GroupVersionKind) => boolean> {
  let isAsked = false;
  const serves = (): boolean => {
    isAsked = true;
    return false;
  };
  for (const { make } of entries) make({ ...options, serves });
  if (!isAsked) return serves;
  const { resources } = await discover(client);
  return (type) => resources.some((served) => isSameKind(served, type));
}

function isSynced(manager: Manager): boolean {
  return manager.states().every(({ synced }) => synced);
}

interface ManagerParts {
  readonly controllers: readonly Controller[];
  readonly clients: WorkingClients;
  readonly environment: Environment;
  readonly metrics: MetricRegistry;
  readonly concurrencies: ReadonlyMap<string, number>;
}

function managerOf(flags: Flags, parts: ManagerParts): Manager {
  const { clients, environment } = parts;
  const hasAccounts = flags.isOn('use-service-account-credentials');
  return new Manager({
    ...parts,
    informers: new InformerFactory({ client: clients.base(NAME), environment }),
    clientFor: (name) =>
      hasAccounts && name !== null
        ? clients.serviceAccount(name, `${NAME}/${name}`)
        : clients.base(name === null ? NAME : `${NAME}/${name}`),
  });
}
