/**
 * Which of several equal components works: leader election by upstream's flags. A component that
 * has lost its lease ends, so that nothing of what it did goes on beside the next leader.
 *
 * Source: upstream staging/src/k8s.io/component-base/config/options/leaderelectionconfig.go, v1.36.
 */
import { hostname } from 'node:os';
import type { Environment } from '#base/env.ts';
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { runLeaderElection } from '#client/leader-election.ts';
import { bool, duration, type Flags, text } from '../flags.ts';
import { UserError } from '../user-error.ts';

const MASTER_STATUS = alpha(
  'leader_election_master_status',
  'Whether this process holds the lease of this name (1) or waits for it (0).',
  'name',
);

/** `lease`: the name of the Lease unless another is given. */
export function leaderFlags(lease: string) {
  return {
    'leader-elect': bool('true', 'take part in leader election before working'),
    'leader-elect-lease-duration': duration('15s', 'after this others take a lease over'),
    'leader-elect-renew-deadline': duration(
      '10s',
      'a leader that cannot renew gives up after this',
    ),
    'leader-elect-retry-period': duration('2s', 'between two attempts'),
    'leader-elect-resource-lock': text('leases', 'only leases'),
    'leader-elect-resource-name': text(lease, 'the Lease'),
    'leader-elect-resource-namespace': text('kube-system', 'its namespace'),
  };
}

export type LeaderFlag = keyof ReturnType<typeof leaderFlags>;

export interface LeaderOptions {
  readonly flags: Flags<LeaderFlag>;
  readonly client: Client;
  readonly environment: Environment;
  readonly metrics: MetricRegistry;
  readonly signal: AbortSignal;
  /** Works until its signal is aborted. */
  readonly work: (signal: AbortSignal) => Promise<void>;
}

/** Throws UserError. */
export function checkLeaderFlags(flags: Flags<LeaderFlag>): void {
  if (flags.text('leader-elect-resource-lock') !== 'leases')
    throw new UserError('Cannot use this --leader-elect-resource-lock: leases is what there is.');
  const [lease, renew, retry] = (
    [
      'leader-elect-lease-duration',
      'leader-elect-renew-deadline',
      'leader-elect-retry-period',
    ] as const
  ).map((name) => flags.milliseconds(name));
  if ((lease ?? 0) <= (renew ?? 0))
    throw new UserError(
      'leader-elect-lease-duration must be greater than leader-elect-renew-deadline',
    );
  if ((renew ?? 0) <= (retry ?? 0))
    throw new UserError(
      'leader-elect-renew-deadline must be greater than leader-elect-retry-period',
    );
}

/** 1 for the lease that this process holds, 0 for one that it waits for. */
export function leaderStatus(registry: MetricRegistry): Counter {
  return registry.gauge(MASTER_STATUS);
}

/** Works while it leads. Resolves at the signal; rejects when the lease was lost. */
export async function workAsLeader(options: LeaderOptions): Promise<void> {
  const { flags, signal, work, environment, metrics, client } = options;
  if (!flags.isOn('leader-elect')) return work(signal);
  const name = flags.text('leader-elect-resource-name');
  const status = leaderStatus(metrics);
  status.set([name], 0);
  const losing = new AbortController();
  let isLost = false;
  await runLeaderElection({
    client,
    environment,
    name,
    namespace: flags.text('leader-elect-resource-namespace'),
    identity: `${hostname()}_${environment.random.uuid()}`,
    signal: AbortSignal.any([signal, losing.signal]),
    leaseDurationMs: flags.milliseconds('leader-elect-lease-duration'),
    renewDeadlineMs: flags.milliseconds('leader-elect-renew-deadline'),
    retryPeriodMs: flags.milliseconds('leader-elect-retry-period'),
    async lead(term) {
      environment.log.info('leads', { lease: name });
      status.set([name], 1);
      term.addEventListener('abort', () => {
        if (signal.aborted) return;
        isLost = true;
        losing.abort();
      });
      await work(term);
      status.set([name], 0);
    },
    onNewLeader: (identity) => environment.log.info('new leader', { lease: name, identity }),
  });
  if (isLost) throw new UserError('leaderelection lost');
}
