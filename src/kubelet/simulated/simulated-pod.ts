/**
 * One pod on a simulated node: from its start to its end, by timers instead of containers.
 *
 *   starting ─▶ init containers ─▶ running ─▶ ready ─▶ (completed) ─▶ …
 *        └──────────── deleted: stopping, within its grace ─▶ gone
 *
 * Two annotations say that the containers end by themselves: `coxswain.dev/simulated-run-ms`, and
 * `coxswain.dev/simulated-exit-code` (0 unless given).
 */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { SimulatedVolumes } from './simulated-volumes.ts';
import { type PodProgress, podStatus } from './status.ts';

const RUN_MS = 'coxswain.dev/simulated-run-ms';
const EXIT_CODE = 'coxswain.dev/simulated-exit-code';
const RETRY_MS = 1_000;
const RESTART_MS = 10_000;

export interface PodDelays {
  /** From the binding to running containers, and for each init container. */
  readonly startMs: number;
  /** From running to ready. */
  readonly readyMs: number;
  /** From the deletion to the end, unless the grace is shorter. */
  readonly stopMs: number;
  /** From ready to the end of its containers; for ever unless given. */
  readonly runMs?: number;
}

export interface SimulatedPodOptions {
  readonly client: Client;
  readonly environment: Environment;
  readonly delays: PodDelays;
  readonly hostIp: string;
  /** The pod's own address (or the host's). */
  readonly podIp: string;
  readonly signal: AbortSignal;
  /** Without them the pod waits for none. */
  readonly volumes?: SimulatedVolumes;
  /** The newest state of the pod that the node has seen; undefined when it is gone. */
  current(): Pod | undefined;
}

export class SimulatedPod {
  readonly #options: SimulatedPodOptions;
  readonly #life = new AbortController();
  readonly #uid: string;
  #progress: PodProgress;

  /** `pod`: as it was when the node first saw it; what ran before goes on. */
  constructor(pod: Pod, options: SimulatedPodOptions) {
    this.#options = options;
    this.#uid = pod.metadata?.uid ?? '';
    const status = pod.status?.containerStatuses?.[0];
    this.#progress = {
      phase: pod.status?.phase === 'Running' ? 'Running' : 'Pending',
      initDone: 0,
      ready: false,
      podIp: options.podIp,
      hostIp: options.hostIp,
      startedMs: options.environment.clock.now(),
      restarts: status?.restartCount ?? 0,
      exitCode: 0,
    };
    options.signal.addEventListener('abort', () => this.#life.abort());
  }

  /** Runs until the pod has finished, or `stop` ends it. */
  async run(): Promise<void> {
    const { signal } = this.#life;
    if (this.#progress.phase === 'Pending') await this.#start();
    while (!signal.aborted) {
      await this.#becomeReady();
      const runMs = this.#annotated(RUN_MS) ?? this.#options.delays.runMs;
      if (runMs === undefined) return;
      await sleep(this.#options.environment, runMs, signal);
      if (signal.aborted || (await this.#finished())) return;
    }
  }

  /** The pod is gone. */
  forget(): void {
    this.#life.abort();
  }

  /** The pod is being deleted: stops within its grace, and confirms that it is gone. */
  async stop(): Promise<void> {
    this.#life.abort();
    const { client, environment, delays, signal } = this.#options;
    const pod = this.#options.current();
    const graceMs = (pod?.metadata?.deletionGracePeriodSeconds ?? 0) * 1000;
    await sleep(environment, Math.min(delays.stopMs, graceMs), signal);
    if (signal.aborted) return;
    const ended = pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed';
    if (!ended) await this.#post({ phase: 'Succeeded', ready: false });
    await this.#releaseVolumes();
    const { name = '', namespace = '', uid = '' } = pod?.metadata ?? {};
    await this.#insist(() =>
      client.delete(POD, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } }),
    );
  }

  /** Somebody says that the pod is not ready any more, as when its node was given up: it is. */
  async contradict(): Promise<void> {
    if (this.#progress.ready && !this.#life.signal.aborted) await this.#post({});
  }

  async #start(): Promise<void> {
    const { environment, delays } = this.#options;
    const { signal } = this.#life;
    const spec = this.#options.current()?.spec;
    const inits = (spec?.initContainers ?? []).filter(
      ({ restartPolicy }) => restartPolicy !== 'Always',
    );
    if (delays.startMs > 0) await this.#post({ phase: 'Pending' });
    const pod = this.#options.current();
    if (pod !== undefined) await this.#options.volumes?.mounted(pod, signal);
    await sleep(environment, delays.startMs, signal);
    for (let done = 1; done <= inits.length && !signal.aborted; done++) {
      await sleep(environment, delays.startMs, signal);
      await this.#post({ initDone: done });
    }
    this.#progress = { ...this.#progress, phase: 'Running', startedMs: environment.clock.now() };
    if (delays.readyMs > 0 && !signal.aborted) await this.#post({});
  }

  async #becomeReady(): Promise<void> {
    const { environment, delays } = this.#options;
    await sleep(environment, delays.readyMs, this.#life.signal);
    if (!this.#life.signal.aborted) await this.#post({ phase: 'Running', ready: true });
  }

  /** The containers have ended. False when they are started again. */
  async #finished(): Promise<boolean> {
    const { environment } = this.#options;
    const exitCode = this.#annotated(EXIT_CODE) ?? 0;
    const policy = this.#options.current()?.spec?.restartPolicy ?? 'Always';
    const restarts = policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
    if (!restarts) {
      await this.#post({ phase: exitCode === 0 ? 'Succeeded' : 'Failed', ready: false, exitCode });
      await this.#releaseVolumes();
      return true;
    }
    await this.#post({ ready: false, restarts: this.#progress.restarts + 1 });
    await sleep(environment, RESTART_MS, this.#life.signal);
    this.#progress = { ...this.#progress, startedMs: environment.clock.now() };
    return false;
  }

  async #releaseVolumes(): Promise<void> {
    await this.#options.volumes?.released(this.#uid);
  }

  #annotated(name: string): number | undefined {
    const value = Number(this.#options.current()?.metadata?.annotations?.[name] ?? Number.NaN);
    return value >= 0 ? value : undefined;
  }

  async #post(change: Partial<PodProgress>): Promise<void> {
    this.#progress = { ...this.#progress, ...change };
    const { client, environment } = this.#options;
    const pod = this.#options.current();
    if (pod === undefined) return;
    const { name = '', namespace = '', uid } = pod.metadata ?? {};
    const status = podStatus(pod, this.#progress, environment.clock.now());
    const patch = { metadata: { uid }, status };
    await this.#insist(() =>
      client.patch(POD, { name, namespace }, 'strategic', patch, { subresource: 'status' }),
    );
  }

  /** A kubelet does not give up: it tries until the server answers, or the node ends. */
  async #insist(write: () => Promise<unknown>): Promise<void> {
    const { environment, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await write();
        return;
      } catch (error) {
        if (isNotFound(error) || this.#options.current() === undefined) return;
        environment.log.debug('simulated pod cannot report', { error: String(error) });
        await sleep(environment, RETRY_MS, signal);
      }
    }
  }
}
