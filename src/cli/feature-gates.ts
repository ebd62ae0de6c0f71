/** The flag --feature-gates of every component. */
import {
  FeatureGateError,
  FeatureGates,
  type GateOwner,
  parseFeatureGates,
} from '#api/features/feature-gates.ts';
import type { SchedulerGates } from '#scheduler/config/defaults.ts';
import { UserError } from './user-error.ts';

/** `owner`: the component, if it has gates of its own. Throws UserError that names the flag. */
export function featureGatesOf(text: string, owner?: GateOwner): FeatureGates {
  try {
    return new FeatureGates(parseFeatureGates(text), owner);
  } catch (error) {
    if (!(error instanceof FeatureGateError)) throw error;
    throw new UserError(
      `invalid argument ${JSON.stringify(text)} for "--feature-gates" flag: ${error.message}`,
    );
  }
}

/** What of the gates matters to the scheduler. */
export function schedulerGates(gates: FeatureGates): SchedulerGates {
  return {
    genericWorkload: gates.enabled('GenericWorkload'),
    gangScheduling: gates.enabled('GangScheduling'),
  };
}
