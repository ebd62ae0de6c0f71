/**
 * Leader election by a Lease: of several equal processes one works, the others wait.
 *
 * A candidate trusts its own clock only: it notes when it saw the lease change, and takes it over when
 * that was longer ago than the lease lasts. What the leader wrote as the time of a renewal serves to
 * tell how long before being seen it was: the least distance of the two clocks that was ever seen is
 * the distance of the clocks, or more, until the leader's clock is set back. A leader that could not renew within the
 * deadline stops by itself, earlier than anybody may take over. Upstream:
 * staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, v1.36.
 */
import { LEASE } from '#api/coordination/lease.ts';
import type { Lease, LeaseSpec } from '#api/gen/coordination-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { microTimeText } from '#api/meta/time.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from './client.ts';

const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_PERIOD_MS = 2_000;
/** At first a candidate looks so many times, so much more often: it sees a renewal soon after it was made. */
const CLOSE_LOOKS = 40;
const CLOSER = 20;
/** Attempts are spread over up to this much more, so that candidates do not march in step. */
const JITTER = 1.2;

export interface LeaderElectionOptions {
  readonly client: Client;
  readonly environment: Environment;
  /** The Lease, `kube-system/kube-scheduler`. */
  readonly name: string;
  readonly namespace: string;
  /** Unique for each candidate: host name and a UUID. */
  readonly identity: string;
  readonly signal: AbortSignal;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Works until its signal is aborted: the lease was lost, or the process is to stop. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Told when the leader, as this candidate sees it, changes. */
  readonly onNewLeader?: (identity: string) => void;
}

/** Takes part until `signal` is aborted or `lead` ends. Gives the lease up when it stops in order. */
export async function runLeaderElection(options: LeaderElectionOptions): Promise<void> {
  const candidate = new Candidate(options);
  const { environment, signal } = options;
  while (!signal.aborted) {
    if (!(await candidate.tryToHold())) {
      await sleep(environment, candidate.untilNextLookMs(), signal);
      continue;
    }
    const ended = await candidate.leadWhileHeld();
    if (ended) break;
  }
  await candidate.release();
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  #seen: Lease | undefined;
  /** When the lease was renewed, by this candidate's clock: not before, perhaps a little after. */
  #renewedMs = 0;
  /** This clock's time less the leader's, or more. */
  #offsetMs = Infinity;
  /** When the last look at the lease began: what has changed since was written later. */
  #lookedMs = 0;
  #leader: string | undefined;
  /** How often it has looked since it knows the leader. */
  #looks = 0;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  /** Takes or renews the lease. False when another holds it, or the server cannot say. */
  async tryToHold(): Promise<boolean> {
    const { client, environment, name, namespace, identity } = this.#options;
    const askedMs = environment.clock.monotonicMs();
    try {
      const lease = await client.get(LEASE, name, namespace).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (lease === undefined) {
        this.#see(
          await client.create(LEASE, {
            metadata: { name, namespace },
            spec: this.#spec(undefined),
          }),
        );
        return true;
      }
      this.#see(lease);
      this.#lookedMs = askedMs;
      if (lease.spec?.holderIdentity !== identity && this.leftMs > 0) return false;
      this.#see(await client.update(LEASE, { ...lease, spec: this.#spec(lease.spec) }));
      return true;
    } catch (error) {
      environment.log.debug('cannot hold lease', { lease: name, error: String(error) });
      return false;
    }
  }

  /** Runs `lead` and renews beside it. True when `lead` ended by itself. */
  async leadWhileHeld(): Promise<boolean> {
    const { environment, signal, lead, name } = this.#options;
    const { retryPeriodMs = RETRY_PERIOD_MS, renewDeadlineMs = RENEW_DEADLINE_MS } = this.#options;
    const term = new AbortController();
    let ended = false;
    const work = lead(term.signal).finally(() => {
      ended = true;
      term.abort();
    });
    let renewedMs = environment.clock.monotonicMs();
    const stop = (): void => term.abort();
    signal.addEventListener('abort', stop);
    while (!ended && !signal.aborted) {
      await sleep(environment, retryPeriodMs, term.signal);
      if (ended || signal.aborted) break;
      const askedMs = environment.clock.monotonicMs();
      if (await this.#renewed(renewedMs + renewDeadlineMs - askedMs)) renewedMs = askedMs;
      if (environment.clock.monotonicMs() - renewedMs < renewDeadlineMs) continue;
      environment.log.error('leader election lost', { lease: name });
      break;
    }
    signal.removeEventListener('abort', stop);
    const lost = !ended;
    term.abort();
    await work;
    return !lost;
  }

  /** One renewal that is not waited for beyond the deadline. */
  #renewed(limitMs: number): Promise<boolean> {
    const { environment } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = environment.timers.after(Math.max(0, limitMs), () => resolve(false));
      this.tryToHold()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  /** Gives the lease to whoever comes, so that the next leader need not wait. */
  async release(): Promise<void> {
    const { client, environment, identity } = this.#options;
    if (this.#seen?.spec?.holderIdentity !== identity) return;
    const now = microTimeText(environment.clock.now());
    const { leaseTransitions = 0 } = this.#seen.spec;
    const spec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
      leaseTransitions,
    };
    await client.update(LEASE, { ...this.#seen, spec }).catch((error: unknown) => {
      environment.log.debug('cannot release lease', { error: String(error) });
    });
  }

  #spec(previous: LeaseSpec | undefined): LeaseSpec {
    const { environment, identity, leaseDurationMs = LEASE_DURATION_MS } = this.#options;
    const now = microTimeText(environment.clock.now());
    const mine = previous?.holderIdentity === identity;
    const transitions = previous?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseDurationMs / 1000,
      acquireTime: (mine ? previous?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: previous === undefined || mine ? transitions : transitions + 1,
    };
  }

  #see(lease: Lease): void {
    const leader = lease.spec?.holderIdentity ?? '';
    if (this.#seen?.metadata?.resourceVersion !== lease.metadata?.resourceVersion) {
      const nowMs = this.#options.environment.clock.monotonicMs();
      const saidMs = Date.parse(lease.spec?.renewTime ?? '');
      if (leader !== this.#leader || Number.isNaN(saidMs)) this.#offsetMs = Infinity;
      // Said to have been written before the last look, which did not show it: the clock was set back.
      if (saidMs + this.#offsetMs < this.#lookedMs) this.#offsetMs = Infinity;
      if (!Number.isNaN(saidMs)) this.#offsetMs = Math.min(this.#offsetMs, nowMs - saidMs);
      this.#renewedMs = Number.isNaN(saidMs) ? nowMs : saidMs + this.#offsetMs;
    }
    this.#seen = lease;
    if (leader === this.#leader) return;
    this.#leader = leader;
    this.#looks = 0;
    if (leader !== '') this.#options.onNewLeader?.(leader);
  }

  /** Not later than the lease of another ends. */
  untilNextLookMs(): number {
    const { environment, retryPeriodMs = RETRY_PERIOD_MS } = this.#options;
    const isClose = this.#seen !== undefined && this.#looks++ < CLOSE_LOOKS;
    const pauseMs = isClose
      ? retryPeriodMs / CLOSER
      : retryPeriodMs * (1 + JITTER * environment.random.next());
    const { leftMs } = this;
    return leftMs > 0 ? Math.min(pauseMs, leftMs) : pauseMs;
  }

  /** How long the lease of another that was seen last still holds; not above 0: it does not. */
  get leftMs(): number {
    const { spec } = this.#seen ?? {};
    if ((spec?.holderIdentity ?? '') === '') return 0;
    const lastsMs = (spec?.leaseDurationSeconds ?? 0) * 1000;
    return this.#renewedMs + lastsMs - this.#options.environment.clock.monotonicMs();
  }
}
