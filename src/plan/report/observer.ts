/**
 * What happens to pods and workloads on the fork, as it happens: for each pod its life, for each
 * workload how many of its pods are ready and how many it wants.
 */
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import { isPodReady } from '#api/core/pod-helpers.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import type { VirtualEnvironment } from '#base/virtual/environment.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { type Owners, type Workload, workloadText } from '../fork/owners.ts';

/** A pod from its first sight to its end. Times are those of the environment's `elapsedMs`. */
export interface PodLife {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly owner: Workload | undefined;
  /** It was there before anything was watched. */
  readonly isFound: boolean;
  readonly seenMs: number;
  /** The newest state. */
  pod: Pod;
  isReady: boolean;
  /** When it last became ready, or ceased to be; undefined: it is as it was first seen. */
  turnedMs?: number;
  deletedMs?: number;
}

/** From `atMs` on it was so. */
export interface Step {
  readonly atMs: number;
  readonly count: number;
}

/** How many disruptions a budget allows. */
export interface BudgetCourse {
  readonly namespace: string;
  readonly name: string;
  readonly allowed: Step[];
}

export interface Course {
  readonly workload: Workload;
  readonly ready: Step[];
  readonly wanted: Step[];
}

/** Kinds that want a number of pods. */
const SCALED = [DEPLOYMENT, REPLICA_SET, STATEFUL_SET, REPLICATION_CONTROLLER] as const;

export class Observer {
  readonly pods = new Map<string, PodLife>();
  /** By `workloadText`. */
  readonly courses = new Map<string, Course>();
  /** By namespace and name. */
  readonly budgets = new Map<string, BudgetCourse>();
  readonly #environment: VirtualEnvironment;
  readonly #informers: InformerFactory;
  readonly #owners: Owners;
  readonly #ready = new Map<string, Set<string>>();
  #hasBegun = false;

  constructor(options: {
    readonly client: Client;
    readonly environment: VirtualEnvironment;
    readonly owners: Owners;
  }) {
    this.#environment = options.environment;
    this.#informers = new InformerFactory(options);
    this.#owners = options.owners;
  }

  /** Resolves when what is there has been seen. */
  async start(signal: AbortSignal): Promise<void> {
    const workloads: readonly ResourceType<KubeObject>[] = [...SCALED, DAEMON_SET, JOB];
    for (const type of workloads)
      this.#informers.for(type).onChange((change) => {
        const isGone = change.type === 'deleted';
        this.#workload(type, change.object, isGone);
      });
    this.#informers.for(POD_DISRUPTION_BUDGET).onChange(({ object }) => this.#budget(object));
    // Whose pods they are must be known before the pods are.
    this.#informers.start(signal);
    await this.#informers.synced();
    const pods = this.#informers.for(POD);
    pods.onChange(({ type, object }) => this.#pod(object, type === 'deleted'));
    await pods.synced();
    this.#hasBegun = true;
  }

  #workload(type: ResourceType<KubeObject>, object: KubeObject, isGone: boolean): void {
    this.#owners.see(object);
    if (type.kind === JOB.kind || this.#owners.topOf(object) !== undefined) return;
    const { namespace = '', name = '' } = object.metadata ?? {};
    const workload = { apiVersion: apiVersionOf(type), kind: type.kind, namespace, name };
    this.#step(this.#course(workload).wanted, isGone ? 0 : wantedBy(object));
  }

  #pod(pod: Pod, isGone: boolean): void {
    const { uid = '', namespace = '', name = '', deletionTimestamp } = pod.metadata ?? {};
    const nowMs = this.#environment.elapsedMs;
    const isReady = isPodReady(pod);
    let life = this.pods.get(uid);
    if (life === undefined) {
      const owner = this.#owners.topOf(pod);
      const first = { isFound: !this.#hasBegun, seenMs: nowMs, isReady };
      life = { uid, namespace, name, owner, pod, ...first };
      this.pods.set(uid, life);
    }
    life.pod = pod;
    if (life.isReady !== isReady) life.turnedMs = nowMs;
    life.isReady = isReady;
    if (deletionTimestamp !== undefined || isGone) life.deletedMs ??= nowMs;
    this.#count(life);
  }

  #budget({ metadata, status }: PodDisruptionBudget): void {
    const { namespace = '', name = '' } = metadata ?? {};
    const key = `${namespace}/${name}`;
    const course = this.budgets.get(key) ?? { namespace, name, allowed: [] };
    this.budgets.set(key, course);
    this.#step(course.allowed, status?.disruptionsAllowed ?? 0);
  }

  #count({ uid, owner, isReady, deletedMs }: PodLife): void {
    if (owner === undefined) return;
    const key = workloadText(owner);
    const ready = this.#ready.get(key) ?? new Set();
    this.#ready.set(key, ready);
    if (isReady && deletedMs === undefined) ready.add(uid);
    else ready.delete(uid);
    this.#step(this.#course(owner).ready, ready.size);
  }

  #course(workload: Workload): Course {
    const key = workloadText(workload);
    const known = this.courses.get(key);
    if (known !== undefined) return known;
    const course = { workload, ready: [], wanted: [] };
    this.courses.set(key, course);
    return course;
  }

  #step(steps: Step[], count: number): void {
    const atMs = this.#environment.elapsedMs;
    const last = steps.at(-1);
    if (last?.count === count) return;
    // What lasts no time has not been.
    if (last?.atMs === atMs) steps.pop();
    if (steps.at(-1)?.count !== count) steps.push({ atMs, count });
  }
}

function wantedBy(object: KubeObject): number {
  if (object.metadata?.deletionTimestamp !== undefined) return 0;
  const { spec, status } = object as {
    readonly spec?: { readonly replicas?: number };
    readonly status?: DaemonSet['status'];
  };
  return spec?.replicas ?? status?.desiredNumberScheduled ?? 0;
}
