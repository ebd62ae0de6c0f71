/**
 * Gives running containers what the node has allocated to them, without starting them anew.
 *
 * Remembers durably what was last told to the runtime, for the runtime's own figures are coarser.
 * Source: KEP-1287, KEP-5419. Upstream: pkg/kubelet/kuberuntime/kuberuntime_manager.go (doPodResizeAction),
 * v1.36.
 */
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { CgroupManager } from '../cgroups/cgroup-manager.ts';
import { type CgroupLimits, podCgroupLimits } from '../cgroups/pod-cgroup.ts';
import { type ContainerLimits, containerResources } from '../container/container-config.ts';
import type { Cri } from '../cri/cri.ts';
import { POD_UID_LABEL } from '../cri/labels.ts';
import type { ObservedContainer, ObservedPod } from '../pod/observed.ts';
import type { ResourceCheckpoint } from './checkpoint.ts';
import {
  lowersMemory,
  memoryFault,
  type MemoryUsage,
  planResize,
  type ResizePlan,
  type ResizeStep,
  resizeSteps,
} from './plan-resize.ts';
import { effective, type PodResources, withOne } from './pod-resources.ts';
import { actuatedFromRuntime } from './rebuild.ts';

const CGROUP_TRIES_MAX = 10;
const CGROUP_RETRY_MS = 50;

export interface PodResizerOptions {
  readonly environment: Environment;
  readonly cri: Cri;
  readonly cgroups: CgroupManager | undefined;
  readonly actuated: ResourceCheckpoint;
  /** Bytes. */
  readonly limits: ContainerLimits;
}

export class PodResizer {
  readonly #options: PodResizerOptions;

  constructor(options: PodResizerOptions) {
    this.#options = options;
  }

  /** Once, before any pod. */
  load(): Promise<void> {
    return this.#options.actuated.load();
  }

  /** What is left to do; `pod` as the node has allocated it. */
  plan(pod: Pod, observed: ObservedPod): ResizePlan {
    const entry = this.#entry(pod);
    return planResize(pod, observed, {
      of: (container: Container, latest: ObservedContainer): ResourceRequirements =>
        this.#actuated(pod, container.name) ??
        actuatedFromRuntime(pod, container, latest.resources),
      whole: entry?.pod,
      isUnfinished: entry?.isUnfinished === true,
    });
  }

  /** The pod's cgroup is made with what is allocated to it. */
  sandboxStarted(pod: Pod): void {
    this.#update(pod, { pod: pod.spec?.resources ?? {} });
  }

  /** A container is made with what is allocated to it. */
  started(pod: Pod, container: Container): void {
    this.#remember(pod, container.name, effective(pod, container.resources));
  }

  forget(uid: string): void {
    this.#options.actuated.remove(uid).catch(this.#warn);
  }

  retain(isKnown: (uid: string) => boolean): void {
    this.#options.actuated.retain(isKnown).catch(this.#warn);
  }

  /** Rejects at the first step that fails: the rest is tried again from where it stands. */
  async act(pod: Pod, plan: ResizePlan): Promise<void> {
    const { cgroups } = this.#options;
    const current = (await cgroups?.limitsOf(pod)) ?? {};
    const wanted = podCgroupLimits(pod, this.#options.limits.quotas);
    const all = resizeSteps(plan, current, wanted);
    const steps = cgroups === undefined ? all.filter((step) => !('pod' in step)) : all;
    if (steps.length > 0) this.#update(pod, { isUnfinished: true });
    if (lowersMemory(steps, current)) {
      const fault = memoryFault(steps, current, await this.#memoryUsage(pod));
      if (fault !== undefined) throw new Error(fault);
    }
    for (const step of steps) await this.#do(pod, step);
    const isMarked = this.#entry(pod)?.isUnfinished === true;
    if (!isMarked && plan.whole === 'settled') return;
    this.#update(pod, { isUnfinished: false, pod: pod.spec?.resources ?? {} });
  }

  async #do(pod: Pod, step: ResizeStep): Promise<void> {
    const { cri, limits } = this.#options;
    if ('pod' in step) return this.#setForPod(pod, step.pod);
    const { id, container, from, to } = step.container;
    const now = withOne(this.#actuated(pod, container.name) ?? from, to, step.resource);
    await cri.call('updateContainerResources', {
      containerId: id,
      linux: containerResources(pod, { ...container, resources: now }, limits),
    });
    this.#remember(pod, container.name, now);
  }

  /** The cgroup of a container that was stopped just now may still hold more than the pod's shall. */
  async #setForPod(pod: Pod, limits: Partial<CgroupLimits>): Promise<void> {
    const { cgroups, environment } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await cgroups?.setForPod(pod, limits);
      } catch (error) {
        if (tries >= CGROUP_TRIES_MAX) throw error;
        await sleep(environment, CGROUP_RETRY_MS);
      }
    }
  }

  #entry(pod: Pod): PodResources | undefined {
    return this.#options.actuated.get(pod.metadata?.uid ?? '');
  }

  #actuated(pod: Pod, name: string): ResourceRequirements | undefined {
    return this.#entry(pod)?.containers[name];
  }

  /** Nothing waits for the disk: what is lost is read back from runtime and kernel. */
  #remember(pod: Pod, name: string, resources: ResourceRequirements): void {
    this.#update(pod, { containers: { ...this.#entry(pod)?.containers, [name]: resources } });
  }

  #update(pod: Pod, change: Partial<PodResources>): void {
    const entry = { containers: {}, ...this.#entry(pod), ...change };
    this.#options.actuated.set(pod.metadata?.uid ?? '', entry).catch(this.#warn);
  }

  async #memoryUsage(pod: Pod): Promise<MemoryUsage> {
    const { cgroups, cri } = this.#options;
    const filter = { labelSelector: { [POD_UID_LABEL]: pod.metadata?.uid ?? '' } };
    const { stats = [] } = await cri.call('listContainerStats', { filter });
    const containers = new Map<string, number>();
    for (const { attributes, memory } of stats) {
      const used = memory?.usageBytes?.value ?? memory?.workingSetBytes?.value;
      if (attributes?.id !== undefined && used !== undefined) containers.set(attributes.id, used);
    }
    return { pod: await cgroups?.memoryUsageOf(pod), containers };
  }

  readonly #warn = (error: unknown): void => {
    const text = messageOf(error);
    this.#options.environment.log.warn('cannot write what was actuated', { error: text });
  };
}
