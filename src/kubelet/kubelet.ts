/**
 * The kubelet: makes this node match the pods that are bound to it.
 *
 *   API server ─▶ informers ─┐                       ┌─▶ statuses, events ─▶ API server
 *   runtime    ─▶ events    ─┼─▶ one worker per pod ─┼─▶ CRI, volumes, cgroups
 *   probes, timers          ─┘                       └─▶ ...
 *
 * This file only puts the parts together and decides which pods have a worker. Upstream:
 * pkg/kubelet/kubelet.go, v1.36.
 */
import { isMirrorPod } from '#api/core/pod-references.ts';
import type { Node, Pod, Service } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { type Change, Informer, type InformerOptions } from '#client/informer.ts';
import { isAppArmorEnabled } from './admission/apparmor.ts';
import { PodAdmission } from './admission/pod-admission.ts';
import { SysctlAllowlist } from './admission/sysctls.ts';
import { milliseconds } from './config/durations.ts';
import { aggregate } from './config/validate.ts';
import { terminationMessage } from './container/termination-message.ts';
import { createCri, type Cri } from './cri/cri.ts';
import { RuntimeCache } from './cri/runtime-cache.ts';
import { watchRuntime } from './cri/runtime-watch.ts';
import { NodeDevices } from './devices/node-devices.ts';
import { collectImages, ImageCollector } from './images/image-gc.ts';
import { makeImagePuller } from './images/make-image-puller.ts';
import type { KubeletOptions } from './kubelet-options.ts';
import { HookRunner } from './lifecycle/hooks.ts';
import { keepLease } from './node/lease.ts';
import { NodeAgent } from './node/node-agent.ts';
import { enforcePodsRoom, startCgroups } from './node/enforcement.ts';
import { machineProblems } from './node/machine-checks.ts';
import { nodeWithRoom, readNodeFacts } from './node/node-facts.ts';
import type { NodeFacts } from './node/node-object.ts';
import { nodeAllocatable, reservationProblem } from './node/reservations.ts';
import { WatchedObjects } from './object-source.ts';
import { BackoffTable } from './pod/backoff.ts';
import { livePods } from './pod/live-pods.ts';
import type { NodeContext } from './pod/node-context.ts';
import { cgroupsOf, nodeSettings } from './pod/node-settings.ts';
import { PodWorker } from './pod/pod-worker.ts';
import { podFromRuntime, removeOrphanLogs, stopEverything } from './pod/remains.ts';
import { StatusWriter } from './pod/status-writer.ts';
import { Preemption } from './preemption/preemption.ts';
import { ProbeManager } from './probes/probe-manager.ts';
import { resizing } from './resize/resizing.ts';
import { NODE, POD, SERVICE } from './resources.ts';
import { shutdownPeriods } from './shutdown/shutdown-groups.ts';
import { ShutdownManager } from './shutdown/shutdown-manager.ts';
import { ShutdownRecord } from './shutdown/shutdown-record.ts';
import { findRuntime } from './runtime/find-runtime.ts';
import { RuntimeClasses } from './runtime/runtime-classes.ts';
import { RuntimeState } from './runtime/runtime-state.ts';
import { SyncLoopCheck } from './server/health.ts';
import { rotateLogs } from './server/log-rotation.ts';
import { type PodListeners, podNamed, servedPods } from './server/served-pods.ts';
import { type KubeletServers, kubeletServers } from './server/kubelet-servers.ts';
import { serverOptions } from './server/server-options.ts';
import { EvictionManager } from './eviction/eviction-manager.ts';
import { evictableWorkers } from './eviction/evictable-workers.ts';
import { NodeObserver } from './eviction/node-observer.ts';
import { FileSource } from './static/file-source.ts';
import { MirrorPods } from './static/mirror-pods.ts';
import { fromApi, isStaticPod } from './static/static-pod.ts';
import { StaticPods } from './static/static-pods.ts';
import { KubeletMetrics } from './stats/kubelet-metrics.ts';
import { meteredCri } from './stats/metered-cri.ts';
import { makeUserNamespaces } from './user-namespaces/make.ts';
import { Mounter } from './volumes/mounts.ts';
import { PodCertificates } from './volumes/pod-certificates.ts';
import { TokenSource } from './volumes/tokens.ts';
import { TrustBundles } from './volumes/trust-bundles.ts';
import { VolumeManager } from './volumes/volume-manager.ts';

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #abort = new AbortController();
  readonly #workers = new Map<string, PodWorker>();
  readonly #loops: Promise<void>[] = [];
  readonly #metrics: KubeletMetrics;
  readonly #devices: NodeDevices;
  /** Resolves when each pod of the node has a worker, or the kubelet ends. */
  readonly #allKnown = Promise.withResolvers<void>();
  readonly #syncLoop: SyncLoopCheck;
  /** Who waits for a change of a pod in the runtime. */
  readonly #listeners: PodListeners = new Set();
  readonly #statics: StaticPods;
  readonly #mirrors: MirrorPods;
  #files: FileSource | undefined;
  #context: NodeContext | undefined;
  #facts: NodeFacts | undefined;
  #agent: NodeAgent | undefined;
  #eviction: EvictionManager | undefined;
  readonly #shutdown: ShutdownManager;
  readonly #shutdownRecord: ShutdownRecord;

  constructor(options: KubeletOptions) {
    const { clock } = options.environment;
    this.#options = options;
    const nodeName = options.node.name;
    this.#mirrors = new MirrorPods({
      ...options,
      nodeName,
      nodeUid: () => this.nodeObject?.metadata?.uid,
      statics: () => this.#statics.list(),
      onMirror: ({ metadata }) => this.#workers.get(metadata?.uid ?? '')?.wake(),
    });
    this.#statics = new StaticPods({
      clock,
      workers: {
        adopt: (pod) => {
          this.#adopt(pod);
          this.#weighClasses();
        },
        update: (pod) => this.#workers.get(pod.metadata?.uid ?? '')?.update(pod),
        end: (pod) => this.#workers.get(pod.metadata?.uid ?? '')?.forgotten(pod),
      },
      onChange: () => this.#mirrors.wake(),
    });
    const { staticPodPath = '', fileCheckFrequency } = options.configuration;
    if (staticPodPath !== '')
      this.#files = new FileSource({
        ...options,
        nodeName,
        path: staticPodPath,
        fileCheckFrequencyMs: milliseconds(fileCheckFrequency),
        onPods: (pods) => this.#statics.set(pods),
      });
    this.#metrics = new KubeletMetrics(new MetricRegistry(), clock);
    this.#syncLoop = new SyncLoopCheck(clock);
    this.#devices = new NodeDevices({
      ...options,
      nodeName,
      registry: this.#metrics.registry,
      isRegistered: () => this.nodeObject !== undefined,
      activePods: () =>
        [...this.#workers.values()].filter(({ isActive }) => isActive).map(({ pod }) => pod),
      findPod: (namespace, name) => podNamed(this.pods(), namespace, name),
      onRoom: () => this.#agent?.wake(),
      wake: (uid) => this.#workers.get(uid)?.wake(),
      ready: () => this.#allKnown.promise,
    });
    this.#shutdownRecord = new ShutdownRecord({ ...options, registry: this.#metrics.registry });
    this.#shutdown = new ShutdownManager({
      ...options,
      nodeName,
      periods: shutdownPeriods(options.configuration),
      pods: livePods(this.#workers),
      record: this.#shutdownRecord,
      onShutdown: () => this.#agent?.wake(),
    });
  }

  /** Resolves when the runtime was found and all that runs is looked after. */
  async start(): Promise<void> {
    const { signal } = this.#abort;
    const { client, environment, node, runtime, images: imageService } = this.#options;
    const { configuration, heartbeats = client, fileSystem } = this.#options;
    const problems = await machineProblems(fileSystem, configuration);
    if (problems.length > 0) throw new Error(aggregate(problems));
    const { registry, starts } = this.#metrics;
    const channels = {
      timeoutMs: milliseconds(configuration.runtimeRequestTimeout),
      ...(imageService === undefined ? {} : { images: imageService }),
    };
    const cri = meteredCri(createCri(runtime, channels), {
      registry,
      clock: environment.clock,
      onPull: (podUid, isOver) => starts.pulling(podUid, isOver),
    });
    const runtimeVersion = await findRuntime(cri, environment, signal);
    const facts = await readNodeFacts(this.#options, runtimeVersion);
    const problem = reservationProblem(facts);
    if (problem !== undefined) throw new Error(problem);
    this.#facts = facts;
    const services = this.#informer(SERVICE);
    const pods = this.#informer(POD, { fieldSelector: `spec.nodeName=${node.name}` });
    const runtimeState = new RuntimeState(cri, runtimeVersion);
    const runtimeClasses = new RuntimeClasses({ client, environment });
    await runtimeState.look();
    const found = { services, pods, runtime: runtimeState, runtimeClasses };
    const context = await this.#assemble(cri, facts, found);
    this.#context = context;
    await Promise.all([context.volumes.start(), this.#shutdownRecord.load()]);
    await context.userNamespaces.load(await context.volumes.podsOnDisk());
    const { allocations, cache, resizer } = context;
    await Promise.all([allocations.load(), resizer.load(), this.#devices.start()]);
    const enforcing = { ...this.#options, nodeName: node.name, facts };
    await startCgroups(enforcing, context.cgroups);
    await cache.relist();
    await this.#files?.start();

    const nodes = this.#informer(NODE, { fieldSelector: `metadata.name=${node.name}` });
    const agent = this.#nodeAgent(cri, { facts, runtime: runtimeState }, heartbeats);
    this.#agent = agent;
    pods.onChange((change) => this.#podChanged(change));
    nodes.onChange(({ type, object }) => {
      if (type === 'deleted') return;
      agent.update(object);
      this.#mirrors.wake();
    });
    for (const watched of [pods, nodes, services, runtimeClasses]) watched.start(signal);
    this.#startLoops(context, { agent, facts, heartbeats });
    this.#loops.push(this.#removeOrphans(context, pods));
  }

  /**
   * Ends the kubelet. Containers go on running; with `stopPods` they are stopped, and mounts and
   * cgroups are removed.
   */
  async stop({ stopPods }: { readonly stopPods: boolean }): Promise<void> {
    this.#abort.abort();
    const context = this.#context;
    await Promise.all([this.#files?.stop(), this.#mirrors.stop()]);
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    this.#allKnown.resolve();
    await this.#devices.stop();
    await Promise.allSettled(this.#loops);
    context?.probes.stop();
    context?.objects.stop();
    context?.statuses.stop();
    context?.allocations.stop();
    if (stopPods && context !== undefined)
      await stopEverything(context, this.#options.rootDirectory);
    // An open connection would keep the process alive.
    this.#options.runtime.close();
    this.#options.images?.close();
  }

  /**
   * The machine shuts down: ends the pods in order. Resolves when they have ended or had their time;
   * at once where the configuration gives them none. The kubelet goes on until it is stopped.
   */
  shutDown(): Promise<void> {
    return this.#shutdown.shutDown();
  }

  /** The pods that have a worker, as the API has them. */
  pods(): Pod[] {
    return [...this.#workers.values()].map((worker) => worker.pod);
  }

  /**
   * The kubelet's own server, what of it everybody may read, and its health. Before `start` has
   * resolved they answer 503.
   */
  servers(): KubeletServers {
    const startedMs = this.#options.environment.clock.now();
    return kubeletServers(() => {
      const context = this.#context;
      const facts = this.#facts;
      if (context === undefined || facts === undefined) return undefined;
      const pods = servedPods(context, this.#listeners, () => this.pods());
      const healthChecks = [this.#syncLoop];
      return serverOptions(this.#options, { context, facts, startedMs, pods, healthChecks });
    });
  }

  /** Undefined before `start` has resolved. */
  get context(): NodeContext | undefined {
    return this.#context;
  }

  get nodeObject(): Node | undefined {
    return this.#agent?.node;
  }

  #informer<T extends KubeObject>(
    type: ResourceType<T>,
    selection: InformerOptions<T> = {},
  ): Informer<T> {
    const { client, environment } = this.#options;
    return new Informer<T>({ client, environment, type, selection });
  }

  async #assemble(
    cri: Cri,
    facts: NodeFacts,
    {
      services,
      pods,
      runtime,
      runtimeClasses,
    }: {
      readonly services: Informer<Service>;
      readonly pods: Informer<Pod>;
      readonly runtime: RuntimeState;
      readonly runtimeClasses: RuntimeClasses;
    },
  ): Promise<NodeContext> {
    const { environment, fileSystem, client, events, network, node, openGrpc } = this.#options;
    const mounter = new Mounter(this.#options);
    const wake = (uid: string): void => this.#workers.get(uid)?.wake();
    const onChange = (uids: readonly string[]): void => uids.forEach(wake);
    const objects = new WatchedObjects({ client, environment, onChange });
    const tokens = new TokenSource({ client, environment });
    const { rootDirectory, configuration } = this.#options;
    const { registry } = this.#metrics;
    const cgroups = await cgroupsOf(this.#options);
    const settings = await nodeSettings(this.#options, facts, cgroups);
    const { maxContainerRestartPeriod } = configuration.crashLoopBackOff;
    const podCertificates = new PodCertificates({
      ...this.#options,
      registry,
      nodeName: node.name,
      nodeUid: () => this.nodeObject?.metadata?.uid,
      signal: this.#abort.signal,
      onChange,
    });
    this.#loops.push(podCertificates.run());
    const volumes = new VolumeManager({
      ...this.#options,
      mounter,
      objects,
      tokens,
      trustBundles: new TrustBundles({ ...this.#options, signal: this.#abort.signal, onChange }),
      podCertificates,
      node: () => this.nodeObject ?? nodeWithRoom(facts),
    });
    const podDirectory = (uid: string): string => volumes.podDirectory(uid);
    const namespaces = { ...this.#options, podDirectory, runtime, runtimeClasses };
    return {
      environment,
      fileSystem,
      client,
      events,
      cri,
      runtime,
      runtimeClasses,
      cache: new RuntimeCache({
        cri,
        terminationMessage: (status) => terminationMessage(fileSystem, status),
        onChange: (uid) => {
          wake(uid);
          for (const listener of this.#listeners) if (listener.uid === uid) listener.callback();
        },
      }),
      cgroups,
      images: await makeImagePuller({ ...this.#options, registry, cri, objects }),
      volumes,
      userNamespaces: await makeUserNamespaces(namespaces),
      mounter,
      devices: this.#devices,
      hooks: new HookRunner({ environment, cri, network }),
      probes: new ProbeManager(
        { environment, cri, network, openGrpc, metrics: this.#metrics.probes },
        wake,
      ),
      metrics: this.#metrics,
      statuses: new StatusWriter({
        client,
        environment,
        shownBy: (pod) => (isStaticPod(pod) ? this.#mirrors.of(pod) : pod),
      }),
      objects,
      tokens,
      podCertificates,
      backoff: new BackoffTable(
        maxContainerRestartPeriod === undefined
          ? undefined
          : milliseconds(maxContainerRestartPeriod),
      ),
      ...resizing({
        environment,
        fileSystem,
        directory: rootDirectory,
        cri,
        cgroups,
        limits: settings.limits,
        admission: new PodAdmission({
          client,
          hasAppArmor: await isAppArmorEnabled(fileSystem),
          sysctls: new SysctlAllowlist(
            configuration.allowedUnsafeSysctls ?? [],
            facts.machine.kernelVersion,
          ),
          nodeName: node.name,
          node: () => this.#devices.withAllocated(this.nodeObject ?? nodeWithRoom(facts)),
          pressure: () => this.#pressure(),
          preemption: new Preemption({ ...this.#options, pods: livePods(this.#workers) }),
          isShuttingDown: () => this.#shutdown.isShuttingDown,
          taken: () =>
            [...this.#workers.values()].filter(({ isTaken }) => isTaken).map(({ held }) => held),
        }),
        allocateDevices: (pod) => this.#devices.allocate(pod),
        find: (uid) => this.#workers.get(uid),
        ready: () => this.#orStopped(pods.synced()),
        onAllocated: () => this.#weighClasses(),
      }),
      settings,
      services: async (pod) => {
        if (!isStaticPod(pod)) await services.synced();
        return services.list();
      },
      hostIps: () => node.ips,
      onPodAddresses: this.#options.onPodAddresses,
      allocatable: () => nodeAllocatable(facts),
    };
  }

  /** What goes on until the kubelet is stopped. */
  #startLoops(
    context: NodeContext,
    parts: { readonly agent: NodeAgent; readonly facts: NodeFacts; readonly heartbeats: Client },
  ): void {
    const { signal } = this.#abort;
    const { agent, facts, heartbeats } = parts;
    const { environment, configuration, node, runtime } = this.#options;
    const { cri, cache, images: puller } = context;
    const { name: nodeName } = node;
    const enforcing = { ...this.#options, nodeName, facts };
    const { hasImageVolumes } = context.runtime;
    const collection = { cri, puller, nodeName, policy: configuration, hasImageVolumes };
    const collecting = { ...this.#options, ...collection };
    const images = new ImageCollector(collecting);
    const eviction = this.#evictionManager(context, images);
    this.#eviction = eviction;
    this.#loops.push(
      watchRuntime(
        { environment, cri, channel: runtime, cache, onTurn: () => this.#syncLoop.turned() },
        signal,
      ),
      rotateLogs({ ...this.#options, cri, pods: () => cache.list() }, signal),
      collectImages(collecting, signal, images),
      eviction.run(signal),
      enforcePodsRoom(enforcing, context.cgroups, signal),
      agent.run(signal),
      keepLease(
        {
          environment,
          client: heartbeats,
          nodeName: node.name,
          nodeUid: () => agent.node?.metadata?.uid,
          nodeLeaseDurationSeconds: configuration.nodeLeaseDurationSeconds,
        },
        signal,
      ),
    );
  }

  #nodeAgent(
    cri: Cri,
    parts: { readonly facts: NodeFacts; readonly runtime: RuntimeState },
    client: Client,
  ): NodeAgent {
    const { environment, events, onPodCidrs } = this.#options;
    return new NodeAgent({
      environment,
      client,
      cri,
      events,
      ...parts,
      devices: this.#devices,
      pressure: () => this.#pressure(),
      isShuttingDown: () => this.#shutdown.isShuttingDown,
      onPodCidrs,
    });
  }

  #pressure(): ReadonlySet<string> {
    return this.#eviction?.conditions ?? new Set();
  }

  #evictionManager(context: NodeContext, images: ImageCollector): EvictionManager {
    const { configuration, node, rootDirectory } = this.#options;
    return new EvictionManager({
      ...this.#options,
      nodeName: node.name,
      config: configuration,
      observer: new NodeObserver({
        ...this.#options,
        cri: context.cri,
        cgroups: context.cgroups,
        directory: rootDirectory,
        logRoot: configuration.podLogsDir,
        volumeDirectory: (uid, name) => context.volumes.emptyDirectory(uid, name),
      }),
      pods: evictableWorkers(this.#workers),
      freeImages: () => images.freeUnused(),
      onConditions: () => this.#agent?.wake(),
    });
  }

  #podChanged({ type, object: given }: Change<Pod>): void {
    if (isMirrorPod(given)) return this.#mirrors.changed({ type, object: given });
    const object = fromApi(given);
    const uid = object.metadata?.uid ?? '';
    const worker = this.#workers.get(uid);
    this.#forgetOthers(object);
    if (type === 'deleted') this.#metrics.starts.forget(uid);
    else this.#metrics.starts.watched(object);
    if (type === 'deleted') worker?.forgotten(object);
    else if (worker !== undefined) worker.update(object);
    else this.#adopt(object);
    this.#weighClasses();
  }

  /** A pod of the same name with another uid: the informer shows only the newer one. */
  #forgetOthers(pod: Pod): void {
    for (const worker of this.#workers.values()) {
      const { name, namespace, uid } = worker.pod.metadata ?? {};
      const same = name === pod.metadata?.name && namespace === pod.metadata?.namespace;
      if (isStaticPod(worker.pod)) continue;
      if (same && uid !== pod.metadata?.uid) worker.forgotten(worker.pod);
    }
  }

  #adopt(pod: Pod): PodWorker | undefined {
    if (this.#context === undefined || this.#abort.signal.aborted) return undefined;
    const uid = pod.metadata?.uid ?? '';
    const worker = new PodWorker(this.#context, pod, () => {
      this.#workers.delete(uid);
      this.#statics.removed(uid);
      this.#metrics.starts.forget(uid);
      this.#weighClasses();
    });
    this.#workers.set(uid, worker);
    worker.wake();
    return worker;
  }

  #weighClasses(): void {
    const { allocations, cgroups } = this.#context ?? {};
    const pods = this.pods().map((pod) => allocations?.apply(pod) ?? pod);
    cgroups?.updateClasses(pods).catch((error: unknown) => {
      this.#options.environment.log.warn('cannot weigh cgroups', { error: String(error) });
    });
  }

  /** What is left of pods that were deleted while nobody looked. */
  async #removeOrphans(context: NodeContext, pods: Informer<Pod>): Promise<void> {
    await this.#orStopped(Promise.all([pods.synced(), this.#files?.seen()]));
    this.#allKnown.resolve();
    if (this.#abort.signal.aborted) return;
    this.#mirrors.ready();
    for (const observed of context.cache.list()) {
      if (this.#workers.has(observed.uid)) continue;
      const pod = await podFromRuntime(context, observed.uid);
      this.#adopt(pod)?.forgotten(pod);
    }
    const known = (uid: string): boolean => this.#workers.has(uid);
    for (const uid of await context.volumes.podsOnDisk()) {
      if (known(uid)) continue;
      await context.volumes.tearDown(uid).then(
        () => context.userNamespaces.release(uid),
        () => {},
      );
    }
    for (const [uid, path] of (await context.cgroups?.podsWithCgroup()) ?? []) {
      if (!known(uid)) await context.cgroups?.removePath(path);
    }
    await removeOrphanLogs(this.#options.fileSystem, this.#options.configuration.podLogsDir, known);
    context.allocations.retain(known);
    context.resizer.retain(known);
  }

  async #orStopped(wait: Promise<unknown>): Promise<void> {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    if (this.#abort.signal.aborted) return;
    await Promise.race([wait, stopped]);
  }
}
