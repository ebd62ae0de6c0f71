/**
 * What a change would do: it is made on a fork of the cluster, and the fork runs in virtual time until
 * it rests. The cluster itself is only read.
 *
 *   read ─▶ fork ─▶ rest (what happens anyway) ─▶ change ─▶ rest (what follows) ─▶ compare ─▶ tell
 */
import { FeatureGates } from '#api/features/feature-gates.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { VirtualEnvironment } from '#base/virtual/environment.ts';
import type { Client } from '#client/client.ts';
import { type Applied, makeChange } from './change/apply.ts';
import { Drain } from './change/drain.ts';
import type { Manifest } from './change/manifests.ts';
import { Fork } from './fork/fork.ts';
import { Owners } from './fork/owners.ts';
import { PodTimes, type TimeDefaults } from './fork/pod-times.ts';
import { WriteLog } from './fork/write-log.ts';
import { Writers } from './fork/writers.ts';
import { type Caller, callerOf } from './live/caller.ts';
import { missingNamespaces } from './live/namespaces.ts';
import { type LiveCluster, readCluster } from './live/read-cluster.ts';
import { consequences } from './report/consequences.ts';
import { notSimulated } from './report/not-simulated.ts';
import { allObjects, type Objects } from './report/objects.ts';
import { Observer } from './report/observer.ts';
import { isMadeIn, type Phase, secondsIn } from './report/phase.ts';
import type { Plan, PlannedRefusal } from './report/plan-result.ts';
import { summaryOf } from './report/summary.ts';

export interface PlanChange {
  readonly manifests: readonly Manifest[];
  readonly action: 'apply' | 'delete';
  /** A node to empty. */
  readonly drain?: string;
  /** Of objects that name none. */
  readonly namespace: string;
  /** Objects may name no other namespace. */
  readonly enforcesNamespace: boolean;
  /** Fields that others manage are taken over. */
  readonly forces: boolean;
}

export interface PlanOptions {
  /** Of the cluster, with the caller's rights. It is only read. */
  readonly client: Client;
  readonly change: PlanChange;
  /** When virtual time starts: now. */
  readonly startMs: number;
  readonly seed: number;
  /** Virtual time after the change, beyond which rest is no longer waited for. */
  readonly limitMs: number;
  readonly times: TimeDefaults;
  /** A turn of the real loop, in which all that is ready runs. */
  readonly turn: () => Promise<void>;
}

/** What goes on anyway is waited for no longer than this. */
const REST_BEFORE = { quietMs: 6_000, horizonMs: 60_000, limitMs: 600_000 };
/** Longer than the scheduler's back-off; and the progress deadline of a Deployment is waited for. */
const REST_AFTER = { quietMs: 12_000, horizonMs: 660_000 };

/** Rejects with ReadError where the cluster cannot be read, or with the transport's error. */
export async function plan(options: PlanOptions): Promise<Plan> {
  const gates = new FeatureGates();
  const { client, change } = options;
  const namespaces = namespacesOf(change);
  const live = await readCluster({ client, gates, namespaces });
  const caller = await callerOf(client, live.unread);
  const world = new World(options, { live, caller, namespaces, gates });
  return world.run();
}

function namespacesOf({ manifests, namespace }: PlanChange): string[] {
  const named = manifests.flatMap(({ object }) => object.metadata?.namespace ?? []);
  return [...new Set([namespace, ...named])];
}

interface Given {
  readonly live: LiveCluster;
  readonly caller: Caller;
  readonly namespaces: readonly string[];
  readonly gates: FeatureGates;
}

/** One fork, from its making to what is told of it. */
class World {
  readonly #options: PlanOptions;
  readonly #given: Given;
  readonly #environment: VirtualEnvironment;
  readonly #owners = new Owners();
  readonly #times: PodTimes;
  readonly #writes = new WriteLog();
  readonly #writers = new Writers();

  constructor(options: PlanOptions, given: Given) {
    this.#options = options;
    this.#given = given;
    const { seed, startMs, turn } = options;
    this.#environment = new VirtualEnvironment({ seed, startMs, drain: turn });
    const { objects } = given.live;
    for (const object of objects) this.#owners.see(object);
    const pods = objects.filter(
      (object): object is Pod => object.kind === POD.kind && object.apiVersion === POD.version,
    );
    this.#times = new PodTimes(pods, this.#owners, options.times);
  }

  async run(): Promise<Plan> {
    const { live, gates, namespaces } = this.#given;
    const environment = this.#environment;
    const mayMiss = live.unread.some(({ resource }) => resource === 'namespaces');
    const made = mayMiss ? missingNamespaces(live.objects, namespaces, environment) : [];
    const fork = await Fork.open({
      environment,
      objects: [...live.objects, ...made],
      unread: new Set(live.unread.map(({ resource }) => resource)),
      gates,
      times: this.#times,
      writes: this.#writes,
      writers: this.#writers,
    });
    try {
      return await this.#plan(fork);
    } finally {
      await fork.stop();
    }
  }

  async #plan(fork: Fork): Promise<Plan> {
    const environment = this.#environment;
    const stopping = new AbortController();
    const observer = new Observer({ client: fork.client, environment, owners: this.#owners });
    const found = await fork.run(allObjects(fork.client));
    await fork.run(observer.start(stopping.signal));
    const startMs = await this.#tick();
    await fork.begin();
    await fork.rest(REST_BEFORE);
    const before = await fork.run(allObjects(fork.client));
    const fromMs = await this.#tick();
    const early: Phase = { fromMs: startMs, untilMs: fromMs };
    const anyway = await this.#tell(fork, observer, { before: found, after: before, phase: early });
    this.#writes.listen();
    this.#writers.forget();
    const { applied, refused, moving, drain } = await this.#change(fork);
    const after = await fork.run(allObjects(fork.client));
    const phase: Phase = { fromMs, untilMs: await this.#tick() };
    const told = await this.#tell(fork, observer, { before, after, phase, applied, drain });
    stopping.abort();
    const pods = [...observer.pods.values()].filter((life) => isMadeIn(phase, life));
    const result = {
      ...told,
      refused: [...refused, ...told.refused],
      rests: moving.length === 0,
      ...(moving.length === 0 ? {} : { moving }),
      durationSeconds: secondsIn(phase, Math.max(fromMs, fork.lastNewsMs)),
    };
    return {
      apiVersion: 'plan.coxswain.dev/v1alpha1',
      kind: 'Plan',
      summary: summaryOf(result),
      ...result,
      withoutChange: anyway,
      notSimulated: [
        ...this.#rights(),
        ...notSimulated({
          objects: [
            ...[...after.values()].map(({ object }) => object),
            ...this.#given.live.elsewhere,
          ],
          unread: this.#given.live.unread,
          writes: this.#writes.writes,
          changes: told.objects,
          pods: pods.map(({ pod }) => pod),
        }),
      ],
      assumptions: this.#times.statements(pods.map(({ pod }) => pod)),
    };
  }

  /** What comes next comes later than all that was. */
  async #tick(): Promise<number> {
    await this.#environment.advance(1);
    return this.#environment.elapsedMs;
  }

  /** Makes the change, and waits until all that follows has followed. */
  async #change(fork: Fork): Promise<{
    applied: Applied;
    refused: readonly PlannedRefusal[];
    moving: readonly string[];
    drain: Drain;
  }> {
    const { change, limitMs } = this.#options;
    const client = fork.changerOf(this.#given.caller.identity);
    const applied = await fork.run(makeChange({ ...change, fork, client }));
    const drain = new Drain(fork, client);
    if (change.drain !== undefined) await fork.run(drain.start(change.drain));
    const moving = await fork.rest({ ...REST_AFTER, limitMs });
    return { applied, refused: [...applied.refused, ...drain.stop()], moving, drain };
  }

  #tell(
    fork: Fork,
    observer: Observer,
    facts: {
      readonly before: Objects;
      readonly after: Objects;
      readonly phase: Phase;
      readonly applied?: Applied;
      readonly drain?: Drain;
    },
  ): ReturnType<typeof consequences> {
    const { before, after, phase, applied, drain } = facts;
    const { gates, live } = this.#given;
    const unread = live.unread.filter(({ namespaces }) => namespaces === undefined);
    const unknown = new Set(unread.map(({ resource }) => resource));
    const asked = applied?.asked ?? [];
    return consequences({
      fork,
      observer,
      phase,
      objects: { before, after, asked, gates, writers: this.#writers, unknown },
      waitedMs: (uid) => drain?.waitedMs(uid),
    });
  }

  #rights(): { what: string; why: string }[] {
    const { why } = this.#given.caller;
    return why === undefined ? [] : [{ what: 'what you may change', why }];
  }
}
