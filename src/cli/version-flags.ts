/** `cox up --feature-gates` and `--runtime-config`: checked here, kept in the cluster's choices. */
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import { chosenKinds } from '#api/chosen-kinds.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { messageOf, UserError } from './user-error.ts';

export interface VersionFlags {
  readonly featureGates?: string;
  readonly runtimeConfig?: string;
}

/** The flags that were given. Throws UserError when they are wrong, before anything starts. */
export function versionChoices({ featureGates, runtimeConfig }: VersionFlags): VersionFlags {
  const choices = {
    ...(featureGates === undefined ? {} : { featureGates }),
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
  };
  try {
    const { featureGates: gates, runtimeConfig: config } = versionOptions(choices);
    chosenKinds(gates, config);
  } catch (error) {
    throw new UserError(messageOf(error));
  }
  return choices;
}

/** What the choices mean for the API server. */
export function versionOptions(config: Pick<ClusterConfig, 'featureGates' | 'runtimeConfig'>) {
  return {
    featureGates: new FeatureGates(parseFeatureGates(config.featureGates ?? '')),
    runtimeConfig: parseRuntimeConfig(config.runtimeConfig ?? ''),
  };
}
