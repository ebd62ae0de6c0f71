/**
 * The control plane as one composition: API server, controllers and scheduler over one store.
 *
 * Used by the control-plane process, by the in-process cluster of tests and by whoever embeds a
 * cluster; sockets and files are the caller's.
 */
import { chosenKinds } from '#api/chosen-kinds.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { type GroupVersionKind, isSameKind } from '#api/meta/object.ts';
import type { Handler } from '#base/http/message.ts';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { LINGER_MS } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { allControllers } from '#controllers/index.ts';
import { rangesIn } from './cluster-ranges.ts';
import type { KeyPair } from './pki.ts';
import type { Controller } from '#reconcile/controller.ts';
import { addressPoolController } from '#load-balancer/controller.ts';
import { parsePools } from '#load-balancer/pools.ts';
import { Manager } from '#reconcile/manager.ts';
import { schedulerRecorders } from '#scheduler/recorder.ts';
import { Scheduler } from '#scheduler/scheduler.ts';
import { schedulerGates } from './feature-gates.ts';
import { explainerOn } from './explainer.ts';
import { clientAs, type Identity, serviceAccountIdentity } from '#client/in-process.ts';

const CONTROLLER_MANAGER: Identity = { name: 'system:kube-controller-manager', groups: [] };
const SCHEDULER: Identity = { name: 'system:kube-scheduler', groups: [] };

export interface ControlPlaneOptions extends ApiServerOptions {
  /** All of them unless given. */
  readonly controllers?: readonly Controller[];
  /** PEM, published in every namespace; the cluster's CA. */
  readonly rootCa: string;
  /** The authority that signs the certificates that are asked for; without it none is signed. */
  readonly signingCa?: KeyPair;
  /** Pods of a node get addresses from its part of this range, or of one of each family. */
  readonly podCidr: string;
  /** Pools of addresses for Services of type LoadBalancer, as text; none unless given. */
  readonly loadBalancerPools?: readonly string[];
  /** False leaves pods to another scheduler. */
  readonly scheduler?: boolean;
}

export interface ControlPlane {
  readonly apiServer: ApiServer;
  readonly handler: Handler;
  readonly manager: Manager;
  readonly scheduler: Scheduler | undefined;
  /** The API server is ready, every controller has its caches, the scheduler runs. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { environment } = options;
  const apiServer: ApiServer = createApiServer({
    explain: explainerOn((request) => apiServer.handler(request), environment, {
      lastAttempt: (key) => scheduler?.lastAttempt(key),
      pluginsFor: (pod) => scheduler?.pluginsFor(pod),
    }),
    ...options,
  });
  const { handler } = apiServer;
  const stopping = new AbortController();
  let synced = false;
  // In one process with the server, the controllers are part of what "ready" promises.
  apiServer.health.addReadyCheck('controllers', () => (synced ? undefined : 'not synced'));
  const managerClient = clientAs(handler, CONTROLLER_MANAGER, {
    environment,
    userAgent: 'kube-controller-manager',
    signal: stopping.signal,
  });
  const manager = new Manager({
    controllers: options.controllers ?? controllersOf(options),
    informers: new InformerFactory({ client: managerClient, environment }),
    environment,
    clientFor: (name) =>
      name === null
        ? managerClient
        : clientAs(handler, serviceAccountIdentity('kube-system', name), {
            environment,
            userAgent: `kube-controller-manager/${name}`,
            signal: stopping.signal,
          }),
  });
  const scheduler =
    options.scheduler === false ? undefined : createScheduler(handler, options, stopping.signal);
  return {
    apiServer,
    handler,
    manager,
    scheduler,
    async start() {
      await apiServer.start();
      manager.start(stopping.signal);
      await Promise.all([manager.synced(), scheduler?.start(stopping.signal)]);
      synced = true;
    },
    async stop() {
      stopping.abort();
      await manager.stopped();
      await apiServer.stop();
    },
  };
}

function createScheduler(
  handler: Handler,
  options: ControlPlaneOptions,
  signal: AbortSignal,
): Scheduler {
  const { environment, hostname, featureGates = new FeatureGates() } = options;
  const client = clientAs(handler, SCHEDULER, { environment, userAgent: 'kube-scheduler', signal });
  return new Scheduler({
    environment,
    client,
    informers: new InformerFactory({ client, environment }),
    eventsOf: schedulerRecorders({
      client,
      environment,
      ...(hostname === undefined ? {} : { host: hostname }),
      lingerMs: LINGER_MS,
      signal,
    }),
    // A group that is not served cannot be waited for.
    gates: serves(options, POD_GROUP) ? schedulerGates(featureGates) : {},
  });
}

function serves(
  { featureGates = new FeatureGates(), runtimeConfig }: ControlPlaneOptions,
  wanted: GroupVersionKind,
): boolean {
  return chosenKinds(featureGates, runtimeConfig).some((type) => isSameKind(type, wanted));
}

function controllersOf(options: ControlPlaneOptions): Controller[] {
  const { rootCa, podCidr, featureGates = new FeatureGates() } = options;
  const pools = parsePools(options.loadBalancerPools ?? []);
  const ofAll = allControllers({
    rootCa,
    serviceAccountKey: options.serviceAccountKey,
    ...(options.signingCa === undefined ? {} : { signingCa: options.signingCa }),
    nodeIpam: { clusterCidrs: rangesIn(podCidr) },
    namespaceGraceMs: 0,
    maxUnavailableStatefulSet: featureGates.enabled('MaxUnavailableStatefulSet'),
    gates: featureGates,
    serves: (type) => serves(options, type),
  });
  return pools.length === 0 ? ofAll : [...ofAll, addressPoolController(pools)];
}
