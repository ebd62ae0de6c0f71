/**
 * One step towards what the pod's spec says: plan, then act.
 *
 *                       cgroup  ┐
 *   plan ─▶ stop all ─▶ sandbox ─┤
 *                       volumes ─┤
 *                       images  ─┴▶ stop some ─▶ resize some ─▶ start some
 *
 * Remembers only why a container could not be started, for the status. Upstream:
 * pkg/kubelet/kubelet.go (SyncPod), kuberuntime_manager.go (SyncPod), v1.36.
 */
import type { PodSandboxConfig } from '#api/gen/cri-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import { podLogDirectory } from '../container/container-config.ts';
import { sandboxConfig } from '../container/sandbox-config.ts';
import type { Started } from '../cri/runtime-cache.ts';
import type { PodEvents } from '../events.ts';
import type { FoundImage } from '../images/image-puller.ts';
import { formatGoDuration } from '../go-format.ts';
import { type MountedVolume, VolumeError } from '../volumes/volume-manager.ts';
import type { StartFailure } from './container-status.ts';
import type { ContainerKiller } from './container-killer.ts';
import { resetContainers } from './container-resetter.ts';
import { ContainerStarter } from './container-starter.ts';
import { podDescription } from './description.ts';
import { isIdle, type ResizePlan, withoutContainers } from '../resize/plan-resize.ts';
import { resizeMessage } from '../resize/messages.ts';
import { type PodResources, resourcesOf, sameResources } from '../resize/pod-resources.ts';
import { downwardFacts, type NodeContext } from './node-context.ts';
import { latestContainer, type ObservedPod, observedIps } from './observed.ts';
import { type ContainerKill, type ContainerStart, planPod, type PodPlan } from './plan.ts';
import { specOf, stopPod } from './pod-stopper.ts';
import { plainMessage, StartError } from './start-error.ts';

/** What is tried again after a failure, the n-th time after so long. */
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 10_000];

export interface SyncResult {
  /** Something was done: look and plan again. */
  readonly acted: boolean;
  /** All that was done and not looked at since; undefined: much may have changed. */
  readonly started?: readonly Started[];
  /** When to plan again though nothing has changed; undefined: not needed. */
  readonly retryAtMs?: number;
}

interface Pass {
  /** With the resources that the node has allocated to it. */
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly events: PodEvents;
  readonly signal: AbortSignal;
  /** All containers are to be removed, that the pod begins anew. */
  readonly isRestartingAll: boolean;
  /** The images that were there while the sandbox was made, by the names of containers. */
  readonly found?: ReadonlyMap<string, FoundImage> | undefined;
}

export class PodSync {
  readonly #node: NodeContext;
  readonly #killer: ContainerKiller;
  readonly #starter: ContainerStarter;
  /** Why containers wait, by name. */
  readonly failures = new Map<string, StartFailure>();
  #failedPasses = 0;
  /** A sandbox whose cgroup could not be made is there, and gets it at the next try. */
  #hasRoom = true;
  #resizeFailure: { readonly resources: PodResources; readonly retryAtMs: number } | undefined;

  constructor(node: NodeContext, killer: ContainerKiller) {
    this.#node = node;
    this.#killer = killer;
    this.#starter = new ContainerStarter(node, killer);
  }

  async pass(pass: Pass): Promise<SyncResult> {
    const { pod, observed } = pass;
    if (pass.isRestartingAll) return this.#reset(pass);
    const { probes, resizer } = this.#node;
    const wanted = resizer.plan(pod, observed);
    const wait = this.#resizeWait(pod);
    const verdicts = {
      liveness: (id: string) => probes.liveness(id),
      startup: (id: string) => probes.startup(id),
      resized: wanted.restarts,
    };
    const plan = planPod(pod, observed, verdicts);
    const isQuiet = plan.kills.length + plan.starts.length === 0 && !plan.killPod;
    if (isQuiet && wait !== undefined) return { acted: false, retryAtMs: wait };
    const resize = withoutContainers(wanted, new Set(plan.kills.map(({ id }) => id)));
    if (isQuiet && isIdle(resize)) return { acted: false };
    try {
      const result = await this.#act(plan, resize, pass);
      if (result.acted) this.#failedPasses = 0;
      return result;
    } catch (error) {
      return this.#failed(error, pass);
    }
  }

  async #reset(pass: Pass): Promise<SyncResult> {
    try {
      await resetContainers(this.#node, this.#killer, pass);
      this.#failedPasses = 0;
      this.failures.clear();
      return { acted: true };
    } catch (error) {
      return this.#failed(error, pass);
    }
  }

  #failed(error: unknown, { pod }: Pass): SyncResult {
    const { log, clock } = this.#node.environment;
    const delayMs = RETRY_MS[Math.min(this.#failedPasses++, RETRY_MS.length - 1)] ?? 0;
    log.warn('pod not synced', {
      pod: podDescription(pod),
      error: messageOf(error),
      retryMs: delayMs,
    });
    return { acted: false, retryAtMs: clock.now() + delayMs };
  }

  async #act(plan: PodPlan, resize: ResizePlan, pass: Pass): Promise<SyncResult> {
    const { pod, events } = pass;
    if (plan.killPod) await this.#killAll(plan, pass);
    if (plan.killPod && !plan.createSandbox) return { acted: true };
    const due = this.#dueStarts(plan.starts, pass);
    const isDue = plan.kills.length + due.starts.length > 0 || !isIdle(resize);
    if (!plan.createSandbox && !isDue) return { acted: false, ...retry(due.retryAtMs) };
    if (plan.createSandbox) this.#node.resizer.sandboxStarted(pod);
    const config = await this.#sandboxConfig(plan, pod).catch((error: unknown) => {
      throw plan.createSandbox ? this.#sandboxFault(error, pass) : error;
    });
    this.#hasRoom &&= !plan.createSandbox;
    const facts = downwardFacts(this.#node, observedIps(pass.observed));
    const [room, sandbox, volumes, images] = await Promise.allSettled([
      this.#hasRoom ? undefined : this.#makeRoom(pod),
      plan.createSandbox ? this.#createSandbox(config, pass) : undefined,
      this.#node.volumes.mount(pod, facts, events),
      plan.createSandbox ? this.#findImages(due.starts) : undefined,
    ]);
    this.#hasRoom = room.status === 'fulfilled';
    if (sandbox.status === 'rejected') throw sandbox.reason;
    // The address of a new sandbox is known only by looking.
    if (sandbox.value !== undefined) {
      const observed = await this.#node.cache.started(pod, { sandboxId: sandbox.value });
      // Only now: the next try has to see the sandbox, or it would make it a second time.
      if (room.status === 'rejected') throw room.reason;
      if (volumes.status === 'rejected') throw asVolumeError(volumes.reason);
      await this.#node.onPodAddresses?.(observedIps(observed));
      const found = images.status === 'fulfilled' ? images.value : undefined;
      return this.#startAll({ ...pass, observed, found }, due.starts, config, volumes.value);
    }
    await this.#killSome(plan.kills, pass);
    if (room.status === 'rejected') throw room.reason;
    if (volumes.status === 'rejected') throw asVolumeError(volumes.reason);
    const resized = await this.#resize(resize, pass);
    const result = await this.#startAll(pass, due.starts, config, volumes.value);
    const isMore = resized.acted || plan.kills.length > 0;
    return {
      ...(isMore || result.started === undefined ? {} : { started: result.started }),
      acted: result.acted || isMore,
      ...retry(resized.retryAtMs ?? result.retryAtMs ?? due.retryAtMs),
    };
  }

  /** Until when a resize that failed is left alone; another one need not wait. */
  #resizeWait(pod: Pod): number | undefined {
    const { resources, retryAtMs } = this.#resizeFailure ?? {};
    if (resources === undefined || retryAtMs === undefined) return undefined;
    if (!sameResources(resources, resourcesOf(pod))) return undefined;
    return retryAtMs > this.#node.environment.clock.now() ? retryAtMs : undefined;
  }

  /** A resize that fails is told of and tried again; containers that are to start, start. */
  async #resize(resize: ResizePlan, { pod, events }: Pass): Promise<SyncResult> {
    const { cache, environment, resizeConditions, resizer } = this.#node;
    const uid = pod.metadata?.uid ?? '';
    try {
      await resizer.act(pod, resize);
      this.#resizeFailure = undefined;
      return { acted: !isIdle(resize) };
    } catch (error) {
      const message = messageOf(error);
      const verdict = { message, generation: pod.metadata?.generation };
      const { generation, isNews } = resizeConditions.fail(uid, verdict);
      const text = resizeMessage('Pod resize error', pod, generation ?? 0, message);
      if (isNews) events.pod('Warning', 'ResizeError', text);
      const delayMs = RETRY_MS[Math.min(this.#failedPasses++, RETRY_MS.length - 1)] ?? 0;
      const retryAtMs = environment.clock.now() + delayMs;
      this.#resizeFailure = { resources: resourcesOf(pod), retryAtMs };
      return { acted: false, retryAtMs };
    } finally {
      // Also after a failure: a part of it may have been done.
      if (!isIdle(resize)) await cache.refresh(uid, { closely: true });
    }
  }

  async #sandboxConfig(plan: PodPlan, pod: Pod): Promise<PodSandboxConfig> {
    const { settings, cgroups, userNamespaces } = this.#node;
    return sandboxConfig({
      pod,
      attempt: plan.sandboxAttempt,
      dns: { ...settings, host: settings.resolver },
      logDirectory: podLogDirectory(settings.logRoot, pod),
      cgroupParent: cgroups?.pathOf(pod) ?? '',
      quotas: settings.limits.quotas,
      userNamespace: await userNamespaces.of(pod),
    });
  }

  async #killAll(plan: PodPlan, { pod, observed, events }: Pass): Promise<void> {
    const changed = plan.createSandbox && observed.sandboxes.length > 0;
    if (changed) {
      const text = 'Pod sandbox changed, it will be killed and re-created.';
      events.pod('Normal', 'SandboxChanged', text);
    }
    await stopPod(this.#node, this.#killer, {
      pod,
      observed: {
        ...observed,
        sandboxes: observed.sandboxes.map((one) => ({ ...one, ready: true })),
      },
      events,
      gracePeriodSeconds: pod.spec?.terminationGracePeriodSeconds ?? 30,
    });
  }

  /** Never rejects. */
  async #findImages(starts: readonly ContainerStart[]): Promise<Map<string, FoundImage>> {
    const found = new Map<string, FoundImage>();
    await Promise.all(
      starts.map(async ({ container: { name, image = '' } }) => {
        const one = await this.#node.images.find(image);
        if (one !== undefined) found.set(name, one);
      }),
    );
    return found;
  }

  /** What its containers run and log in; the runtime makes what it needs earlier for its sandbox. */
  async #makeRoom(pod: Pod): Promise<void> {
    const { cgroups, fileSystem, settings } = this.#node;
    await Promise.all([
      cgroups?.createForPod(pod),
      fileSystem.makeDirectory(podLogDirectory(settings.logRoot, pod), 0o755),
    ]);
  }

  /** Gives its id. */
  async #createSandbox(config: PodSandboxConfig, pass: Pass): Promise<string> {
    const { pod, events } = pass;
    const { devices, cri, runtimeClasses } = this.#node;
    await devices.prepare(pod).catch((error: unknown) => {
      const message = `Failed to prepare dynamic resources: ${messageOf(error)}`;
      events.pod('Warning', 'FailedPrepareDynamicResources', message);
      throw error;
    });
    try {
      const runtimeHandler = await runtimeClasses.handlerOf(pod);
      const { podSandboxId = '' } = await cri.call('runPodSandbox', { config, runtimeHandler });
      return podSandboxId;
    } catch (error) {
      throw this.#sandboxFault(error, pass);
    }
  }

  #sandboxFault(error: unknown, { pod, events }: Pass): Error {
    const text = messageOf(error);
    events.pod('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${text}`);
    const where = podDescription(pod);
    return new Error(`Cannot create sandbox for pod "${where}": ${text}`, { cause: error });
  }

  async #killSome(kills: readonly ContainerKill[], pass: Pass): Promise<void> {
    const { pod, observed, events, signal } = pass;
    await Promise.all(
      kills.map(({ id, name, message, reason }) => {
        const container = specOf(pod, name);
        const ofProbe =
          reason === 'livenessProbe'
            ? container.livenessProbe?.terminationGracePeriodSeconds
            : reason === 'startupProbe'
              ? container.startupProbe?.terminationGracePeriodSeconds
              : undefined;
        return this.#killer.kill({
          pod,
          container,
          containerId: id,
          podIp: observedIps(observed)[0] ?? '',
          message,
          events,
          gracePeriodSeconds: ofProbe ?? pod.spec?.terminationGracePeriodSeconds ?? 30,
          signal,
        });
      }),
    );
  }

  /** Leaves out what is in back-off, and says when the first of that is due. */
  #dueStarts(
    starts: readonly ContainerStart[],
    pass: Pass,
  ): { readonly starts: ContainerStart[]; readonly retryAtMs?: number } {
    const due: ContainerStart[] = [];
    let retryAtMs: number | undefined;
    for (const start of starts) {
      const waitMs = this.#backoffMs(start, pass);
      if (waitMs === 0) due.push(start);
      else {
        const atMs = this.#node.environment.clock.now() + waitMs;
        retryAtMs = Math.min(retryAtMs ?? atMs, atMs);
      }
    }
    return { starts: due, ...retry(retryAtMs) };
  }

  /** Counts a try when the container may start now. */
  #backoffMs({ container }: ContainerStart, { pod, observed, events }: Pass): number {
    const exited = observed.containers.find(
      ({ name, state }) => name === container.name && state === 'exited',
    );
    if (exited === undefined || latestContainer(observed, container.name) !== exited) return 0;
    const { backoff, environment } = this.#node;
    const key = `${pod.metadata?.uid}/${container.name}/${container.image}`;
    const nowMs = environment.clock.now();
    const waitMs = backoff.waitMs(key, exited.finishedMs, nowMs);
    if (waitMs === 0) {
      backoff.next(key, exited.finishedMs, nowMs);
      return 0;
    }
    const delay = formatGoDuration(backoff.delayMs(key));
    const where = podDescription(pod);
    const message = `back-off ${delay} restarting failed container=${container.name} pod=${where}`;
    if (this.failures.get(container.name)?.message !== message) {
      events.container(container, {
        type: 'Warning',
        reason: 'BackOff',
        message: `Back-off restarting failed container ${container.name} in pod ${where}`,
      });
    }
    this.failures.set(container.name, { reason: 'CrashLoopBackOff', message });
    return waitMs;
  }

  async #startAll(
    pass: Pass,
    starts: readonly ContainerStart[],
    sandboxConfigured: PodSandboxConfig,
    volumes: ReadonlyMap<string, MountedVolume>,
  ): Promise<SyncResult> {
    const { pod, observed, events, signal } = pass;
    const sandbox = observed.sandboxes.find(({ ready }) => ready);
    if (sandbox === undefined) return { acted: true };
    const started: Started[] = [];
    let retryAtMs: number | undefined;
    for (const start of starts) {
      if (signal.aborted) break;
      this.#node.metrics.containerStarts(start);
      try {
        const containerId = await this.#starter.start({
          pod,
          start,
          observed,
          sandbox,
          sandboxConfig: sandboxConfigured,
          volumes,
          foundImage: pass.found?.get(start.container.name),
          events,
          signal,
        });
        this.failures.delete(start.container.name);
        started.push({ sandboxId: sandbox.id, containerId });
      } catch (error) {
        retryAtMs = Math.min(
          retryAtMs ?? Number.POSITIVE_INFINITY,
          this.#noteFailure(start, error),
        );
        // The next one waits for an init container that must have started first.
        if (start.kind === 'init') break;
      }
    }
    const acted = started.length > 0;
    return retryAtMs === undefined ? { acted, started } : { acted, retryAtMs };
  }

  /** Gives the time of the next try. */
  #noteFailure(start: ContainerStart, error: unknown): number {
    const { container } = start;
    const { clock } = this.#node.environment;
    const reason = error instanceof StartError ? error.reason : 'CreateContainerError';
    this.#node.metrics.containerFailed(start, reason);
    this.failures.set(container.name, { reason, message: plainMessage(error) });
    const at = error instanceof StartError ? error.retryAtMs : undefined;
    const delayMs = RETRY_MS[Math.min(this.#failedPasses++, RETRY_MS.length - 1)] ?? 0;
    return at ?? clock.now() + delayMs;
  }
}

function retry(retryAtMs: number | undefined): { readonly retryAtMs?: number } {
  return retryAtMs === undefined ? {} : { retryAtMs };
}

function asVolumeError(error: unknown): Error {
  if (error instanceof Error) return error;
  return new VolumeError(String(error));
}
