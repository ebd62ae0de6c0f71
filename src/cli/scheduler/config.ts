/**
 * The configuration of `cox scheduler`: the file of --config or upstream's defaults, with the flags
 * that go before it. What the file asks for and is not there is refused by name.
 *
 * Source: upstream v1.36 cmd/kube-scheduler/app/options (ApplyTo, ApplyDeprecated,
 * ApplyLeaderElectionTo).
 */
import { defaultSchedulerConfig, type SchedulerGates } from '#scheduler/config/defaults.ts';
import { ConfigError } from '#api/component-config/error.ts';
import { readSchedulerConfig } from '#scheduler/config/read.ts';
import type { SchedulerConfig } from '#scheduler/config/types.ts';
import { validateSchedulerConfig } from '#scheduler/config/validate.ts';
import { completedConfig, type Profile, profilesOf } from '#scheduler/profile.ts';
import { type LeaderFlag, leaderFlags } from '../component/leader.ts';
import { featureGatesOf, schedulerGates } from '../feature-gates.ts';
import { Flags as AnyFlags, readFile } from '../flags.ts';
import { UserError } from '../user-error.ts';
import type { Flags } from './flags.ts';

export interface LoadedConfig {
  /** Completed: what --write-config-to writes, and /configz shows. */
  readonly config: SchedulerConfig;
  readonly profiles: readonly Profile[];
  readonly gates: SchedulerGates;
  /** The flags of leader election, as the configuration has them. */
  readonly leaderFlags: AnyFlags<LeaderFlag>;
}

/** Throws UserError. */
export function loadConfig(flags: Flags): LoadedConfig {
  try {
    const gates = schedulerGates(featureGatesOf(flags.text('feature-gates')));
    const config = withFlags(flags, fromFile(flags, gates));
    const problems = validateSchedulerConfig(config).map((problem) => problem.text());
    if (problems.length > 0)
      throw new ConfigError(problems.length === 1 ? problems.join() : `[${problems.join(', ')}]`);
    refuseMissing(config);
    const completed = completedConfig(config);
    return {
      config: completed,
      profiles: profilesOf(completed),
      gates,
      leaderFlags: leaderFlagsOf(config),
    };
  } catch (error) {
    if (error instanceof ConfigError) throw new UserError(error.message);
    throw error;
  }
}

function fromFile(flags: Flags, gates: SchedulerGates): SchedulerConfig {
  const path = flags.text('config');
  if (path !== '') return readSchedulerConfig(readFile(path), gates);
  const config = defaultSchedulerConfig(gates);
  const kubeconfig = flags.text('kubeconfig');
  return { ...config, clientConnection: { ...config.clientConnection, kubeconfig } };
}

/** The flags of leader election go before the file, the others do not count beside it. */
function withFlags(flags: Flags, config: SchedulerConfig): SchedulerConfig {
  const given = { ...config.leaderElection };
  if (flags.isGiven('leader-elect')) given.leaderElect = flags.isOn('leader-elect');
  for (const [flag, name] of [
    ['leader-elect-lease-duration', 'leaseDuration'],
    ['leader-elect-renew-deadline', 'renewDeadline'],
    ['leader-elect-retry-period', 'retryPeriod'],
    ['leader-elect-resource-lock', 'resourceLock'],
    ['leader-elect-resource-name', 'resourceName'],
    ['leader-elect-resource-namespace', 'resourceNamespace'],
  ] as const)
    if (flags.isGiven(flag)) given[name] = flags.text(flag);
  return { ...config, leaderElection: given };
}

function leaderFlagsOf({ leaderElection: config }: SchedulerConfig): AnyFlags<LeaderFlag> {
  return new AnyFlags(
    leaderFlags('kube-scheduler'),
    new Map<LeaderFlag, string>([
      ['leader-elect', String(config.leaderElect)],
      ['leader-elect-lease-duration', config.leaseDuration],
      ['leader-elect-renew-deadline', config.renewDeadline],
      ['leader-elect-retry-period', config.retryPeriod],
      ['leader-elect-resource-lock', config.resourceLock],
      ['leader-elect-resource-name', config.resourceName],
      ['leader-elect-resource-namespace', config.resourceNamespace],
    ]),
  );
}

/** What has upstream's default value asks for nothing: the rest must be there. */
function refuseMissing({ clientConnection }: SchedulerConfig): void {
  const { qps, burst, contentType, acceptContentTypes } = clientConnection;
  const rates = defaultSchedulerConfig().clientConnection;
  // Requests are not limited here: a rate below zero says just that.
  if (qps >= 0 && qps !== rates.qps) throw missing('clientConnection.qps');
  if (burst !== rates.burst) throw missing('clientConnection.burst');
  if (contentType !== rates.contentType && contentType !== 'application/json')
    throw missing('clientConnection.contentType');
  if (acceptContentTypes !== '') throw missing('clientConnection.acceptContentTypes');
}

function missing(field: string): ConfigError {
  return new ConfigError(
    `Cannot use ${field}: kube-scheduler has this field, cox scheduler does not have it yet.`,
  );
}
