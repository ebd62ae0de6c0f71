/**
 * The processes beside the API server: controller managers and schedulers, each of which can be
 * killed, cut off and started again. Alone a process works at once; with several candidates a Lease
 * says which one works, by the same code as in `cox controller-manager` and `cox scheduler`.
 */
import type { Lease } from '#api/gen/coordination-v1.ts';
import { aborted, type Random, sleep } from '#base/env.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { type Identity, serviceAccountIdentity } from '#client/in-process.ts';
import { leaderFlags, workAsLeader } from '#cli/component/leader.ts';
import { Flags } from '#cli/flags.ts';
import { UserError } from '#cli/user-error.ts';
import type { Client } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import type { Controller } from '#reconcile/controller.ts';
import { Manager } from '#reconcile/manager.ts';
import type { SchedulerGates } from '#scheduler/config/defaults.ts';
import { schedulerRecorders } from '#scheduler/recorder.ts';
import { Scheduler } from '#scheduler/scheduler.ts';
import type { VirtualEnvironment } from './virtual-environment.ts';

export type ComponentName = 'kube-controller-manager' | 'kube-scheduler';

/** What one client's requests pass when they reach the server; throws where they do not. */
export type Gate = (request: HttpRequest) => void;

export interface ControlPlaneOptions {
  readonly environment: VirtualEnvironment;
  readonly clientOf: (identity: Identity, signal: AbortSignal, gate: Gate) => Client;
  readonly controllers: () => readonly Controller[];
  readonly hasScheduler: boolean;
  readonly schedulerGates: SchedulerGates;
  /** Of the controller managers, all of them. */
  readonly metrics: MetricRegistry | undefined;
  /** Of each component; 0: one of each, without a Lease. */
  readonly candidates: number;
  /** Told when a process writes that is not the leader (any more). */
  readonly onStaleWrite: (text: string) => void;
}

/** Whoever ends a process starts it again after this long, as a supervisor would. */
const RESTART_MS = 1_000;
const LEASES = /\/leases(\/|$|\?)/;

export class ControlPlane {
  readonly #processes: Process[] = [];
  readonly #holders = new Map<string, string>();

  constructor(options: ControlPlaneOptions) {
    const names: ComponentName[] = ['kube-controller-manager'];
    if (options.hasScheduler) names.push('kube-scheduler');
    for (const name of names)
      for (let nth = 1; nth <= Math.max(1, options.candidates); nth++)
        this.#processes.push(
          new Process(options, { name, nth, holderOf: () => this.#holders.get(name) ?? '' }),
        );
  }

  /** The manager that works; undefined while there is none. */
  get manager(): Manager | undefined {
    return this.#processes.map(({ manager }) => manager).find((each) => each !== undefined);
  }

  /** A Lease, as the store has it now. */
  sawLease({ metadata, spec }: Lease): void {
    this.#holders.set(metadata?.name ?? '', spec?.holderIdentity ?? '');
  }

  /** Kills those that run, and starts all anew (or those of one name). Resolves when they work. */
  async restart(name?: ComponentName): Promise<void> {
    const which = this.#processes.filter((each) => name === undefined || each.name === name);
    await Promise.all(which.map((each) => each.kill()));
    for (const each of which) await each.start();
  }

  /** Kills the one that leads; another takes over. */
  async killLeader(name: ComponentName): Promise<void> {
    const leader = this.#leader(name);
    await leader?.kill();
    await leader?.start();
  }

  /** The leader cannot reach the API server, or only not its Lease, for a while. */
  cutOff(name: ComponentName, forMs: number, what: 'all' | 'lease'): void {
    this.#leader(name)?.cutOff(forMs, what);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.kill()));
  }

  #leader(name: ComponentName): Process | undefined {
    return this.#processes.find((each) => each.name === name && each.leads);
  }
}

class Process {
  readonly name: ComponentName;
  manager: Manager | undefined;
  readonly #options: ControlPlaneOptions;
  readonly #nth: number;
  readonly #holderOf: () => string;
  /** Aborted: the process is gone, and says nothing more. */
  #life = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #lives = 0;
  #cutUntilMs = 0;
  #cutWhat: 'all' | 'lease' = 'all';

  constructor(
    options: ControlPlaneOptions,
    facts: {
      readonly name: ComponentName;
      readonly nth: number;
      readonly holderOf: () => string;
    },
  ) {
    this.#options = options;
    this.name = facts.name;
    this.#nth = facts.nth;
    this.#holderOf = facts.holderOf;
  }

  /** Resolves when it works, or stands for election. */
  async start(): Promise<void> {
    this.#life = new AbortController();
    const { signal } = this.#life;
    if (this.#options.candidates > 0) {
      this.#running = this.#stand(signal);
      return;
    }
    const works = Promise.withResolvers<void>();
    this.#running = this.#work(signal, () => undefined, works.resolve);
    await works.promise;
  }

  /** From one moment to the next: no goodbye. Resolves when nothing of it runs any more. */
  async kill(): Promise<void> {
    this.#life.abort();
    await this.#running;
  }

  get leads(): boolean {
    return !this.#life.signal.aborted && this.#holderOf().endsWith(this.#id);
  }

  cutOff(forMs: number, what: 'all' | 'lease'): void {
    this.#cutUntilMs = this.#options.environment.elapsedMs + forMs;
    this.#cutWhat = what;
  }

  get #id(): string {
    return `_${this.name}-${this.#nth}-${this.#lives}`;
  }

  /** Stands for election, until it is killed; whoever loses its lease ends, and starts again. */
  async #stand(signal: AbortSignal): Promise<void> {
    const { environment, clientOf } = this.#options;
    while (!signal.aborted) {
      this.#lives++;
      const id = this.#id.slice(1);
      const client = clientOf(identityOf(this.name), signal, (request) => this.#checkLine(request));
      // Its name in the Lease is known, so that it can be told from others.
      const { clock, timers, log } = environment;
      const random: Random = {
        next: () => environment.random.next(),
        bytes: (count) => environment.random.bytes(count),
        uuid: () => id,
      };
      try {
        await workAsLeader({
          flags: new Flags(leaderFlags(this.name), new Map()),
          client,
          environment: { clock, timers, log, random },
          metrics: new MetricRegistry(),
          signal,
          work: (term) => this.#work(term, (request) => this.#checkTerm(request, id)),
        });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
      await sleep(environment, RESTART_MS, signal);
    }
  }

  #checkLine({ url }: HttpRequest): void {
    if (this.#options.environment.elapsedMs >= this.#cutUntilMs) return;
    if (this.#cutWhat === 'all' || LEASES.test(url)) throw new Error('injected: no route to host');
  }

  #checkTerm(request: HttpRequest, id: string): void {
    this.#checkLine(request);
    const holder = this.#holderOf();
    if (request.method !== 'GET' && !holder.endsWith(`_${id}`))
      this.#options.onStaleWrite(`${id} writes ${request.url}, ${holder} leads`);
  }

  async #work(signal: AbortSignal, gate: Gate, ready: () => void = () => {}): Promise<void> {
    const clientOf = (identity: Identity): Client => this.#options.clientOf(identity, signal, gate);
    if (this.name === 'kube-scheduler') await this.#schedule(clientOf, signal, ready);
    else await this.#manage(clientOf, signal, ready);
  }

  async #manage(
    clientOf: (identity: Identity) => Client,
    signal: AbortSignal,
    ready: () => void,
  ): Promise<void> {
    const { environment, controllers, metrics } = this.#options;
    const own = identityOf(this.name);
    const manager = new Manager({
      controllers: controllers(),
      informers: new InformerFactory({ client: clientOf(own), environment }),
      environment,
      ...(metrics === undefined ? {} : { metrics }),
      clientFor: (name) =>
        clientOf(name === null ? own : serviceAccountIdentity('kube-system', name)),
    });
    this.manager = manager;
    manager.start(signal);
    await manager.synced();
    ready();
    await aborted(signal);
    await manager.stopped();
    this.manager = undefined;
  }

  async #schedule(
    clientOf: (identity: Identity) => Client,
    signal: AbortSignal,
    ready: () => void,
  ): Promise<void> {
    const { environment, schedulerGates: gates } = this.#options;
    const client = clientOf(identityOf(this.name));
    const informers = new InformerFactory({ client, environment });
    const { metrics } = this.#options;
    const scheduler = new Scheduler({
      environment,
      client,
      informers,
      eventsOf: schedulerRecorders({ client, environment, signal }),
      gates,
      ...(metrics === undefined ? {} : { metrics }),
    });
    await scheduler.start(signal);
    ready();
    await aborted(signal);
  }
}

function identityOf(name: ComponentName): Identity {
  return { name: `system:${name}`, groups: [] };
}
