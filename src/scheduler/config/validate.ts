/**
 * What a `KubeSchedulerConfiguration` may say, with upstream's field paths and messages.
 *
 * Source: upstream v1.36 pkg/scheduler/apis/config/validation/validation.go and
 * component-base/config/validation.
 */
import { parseDuration } from '#api/codec/duration.ts';
import { equalValues } from '#api/meta/equal.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '#api/meta/field.ts';
import { isQualifiedName } from '#api/meta/names.ts';
import { isExtendedResource } from '#api/validation/resource-names.ts';
import { API_VERSION, POINTS } from './schema.ts';
import type {
  ExtenderConfig,
  LeaderElectionConfig,
  PluginSet,
  ProfileConfig,
  SchedulerConfig,
} from './types.ts';
import { validateArgs } from './validate-args.ts';

/** Plug-ins of older versions. */
const INVALID_PLUGINS: ReadonlySet<string> = new Set([
  'AzureDiskLimits',
  'CinderLimits',
  'EBSLimits',
  'GCEPDLimits',
]);

/** Everything that is wrong, in upstream's order. */
export function validateSchedulerConfig(config: SchedulerConfig): FieldError[] {
  const { clientConnection, parallelism, profiles, extenders = [] } = config;
  const { podInitialBackoffSeconds: initial, podMaxBackoffSeconds: max } = config;
  const connection = fieldPath('clientConnection');
  const at = fieldPath('profiles');
  return [
    ...(clientConnection.burst < 0
      ? [invalidValue(connection.child('burst'), clientConnection.burst, 'must be non-negative')]
      : []),
    ...validateLeaderElection(config.leaderElection, fieldPath('leaderElection')),
    ...(parallelism <= 0
      ? [invalidValue('parallelism', parallelism, 'should be an integer value greater than zero')]
      : []),
    ...validateProfiles(profiles, at),
    ...validatePercentage(config.percentageOfNodesToScore, fieldPath('percentageOfNodesToScore')),
    ...(initial <= 0
      ? [invalidValue('podInitialBackoffSeconds', initial, 'must be greater than 0')]
      : []),
    ...(max < initial
      ? [
          invalidValue(
            'podMaxBackoffSeconds',
            max,
            'must be greater than or equal to PodInitialBackoffSeconds',
          ),
        ]
      : []),
    ...validateExtenders(extenders, fieldPath('extenders')),
  ];
}

function validateLeaderElection(config: LeaderElectionConfig, at: FieldPath): FieldError[] {
  if (!config.leaderElect) return [];
  const errors: FieldError[] = [];
  for (const name of ['leaseDuration', 'renewDeadline', 'retryPeriod'] as const)
    if (parseDuration(config[name]) <= 0)
      errors.push(invalidValue(at.child(name), config[name], 'must be greater than zero'));
  if (parseDuration(config.leaseDuration) <= parseDuration(config.renewDeadline))
    errors.push(
      invalidValue(
        at.child('leaseDuration'),
        config.renewDeadline,
        'must be greater than `RenewDeadline`',
      ),
    );
  for (const name of ['resourceLock', 'resourceNamespace', 'resourceName'] as const)
    if (config[name] === '') errors.push(required(at.child(name)));
  if (config.resourceLock !== 'leases')
    errors.push(
      invalidValue(
        at.child('resourceLock'),
        config.resourceLock,
        'resourceLock value must be "leases"',
      ),
    );
  return errors;
}

function validateProfiles(profiles: readonly ProfileConfig[], at: FieldPath): FieldError[] {
  const seen = new Set<string>();
  const errors = profiles.flatMap((profile, i) => {
    const here = at.index(i);
    const name = here.child('schedulerName');
    const found = [
      ...(profile.schedulerName === '' ? [required(name)] : []),
      ...validatePercentage(
        profile.percentageOfNodesToScore,
        here.child('percentageOfNodesToScore'),
      ),
      ...validatePlugins(profile, here.child('plugins')),
      ...validatePluginConfig(profile, here.child('pluginConfig')),
    ];
    if (seen.has(profile.schedulerName))
      // Upstream gives the path of the first one, which prints as a struct without members.
      found.push(duplicate(name, {}));
    seen.add(profile.schedulerName);
    return found;
  });
  return [...errors, ...validateQueueSort(profiles, at)];
}

function validatePercentage(percent: number | undefined, at: FieldPath): FieldError[] {
  return percent !== undefined && (percent < 0 || percent > 100)
    ? [invalidValue(at, percent, 'not in valid range [0-100]')]
    : [];
}

const wasInvalid = (at: FieldPath, name: string): FieldError =>
  invalidValue(
    at,
    name,
    `was invalid in version "v1" (KubeSchedulerConfiguration is version ${JSON.stringify(API_VERSION)})`,
  );

function validatePlugins({ plugins }: ProfileConfig, at: FieldPath): FieldError[] {
  return POINTS.flatMap((point) =>
    (plugins[point].enabled ?? []).flatMap(({ name }, i) =>
      INVALID_PLUGINS.has(name)
        ? [wasInvalid(at.child(point).child('enabled').index(i), name)]
        : [],
    ),
  );
}

function validatePluginConfig({ pluginConfig }: ProfileConfig, at: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return pluginConfig.flatMap(({ name, args }, i) => {
    const here = at.index(i);
    const errors = seen.has(name) ? [duplicate(here, name)] : [];
    seen.add(name);
    if (INVALID_PLUGINS.has(name)) return [...errors, wasInvalid(here, name)];
    return [...errors, ...validateArgs(name, args, here.child('args'))];
  });
}

/** One queue: all profiles sort it alike. */
function validateQueueSort(profiles: readonly ProfileConfig[], at: FieldPath): FieldError[] {
  const [first, ...others] = profiles;
  const canon = first?.plugins.queueSort ?? {};
  const count = canon.enabled?.length ?? 0;
  const errors =
    count > 1
      ? [
          invalidValue(
            at.index(0).child('plugins', 'queueSort', 'Enabled'),
            count,
            'only one queue sort plugin can be enabled',
          ),
        ]
      : [];
  for (const [i, { plugins }] of others.entries())
    if (!equalValues(canon, plugins.queueSort))
      errors.push(
        invalidValue(
          at.index(i + 1).child('plugins', 'queueSort'),
          internalForm(plugins.queueSort),
          'must be the same for all profiles',
        ),
      );
  return errors;
}

/** As upstream prints a set: its type inside has no names for JSON. */
function internalForm({ enabled, disabled }: PluginSet): object {
  const refs = (list: PluginSet['enabled']): object[] | null =>
    list?.map(({ name, weight }) => ({ Name: name, Weight: weight })) ?? null;
  return { Enabled: refs(enabled), Disabled: refs(disabled) };
}

function validateExtenders(extenders: readonly ExtenderConfig[], at: FieldPath): FieldError[] {
  const managed = new Set<string>();
  const errors = extenders.flatMap((extender, i) => {
    const here = at.index(i);
    const { prioritizeVerb = '', weight = 0, managedResources = [] } = extender;
    const found =
      prioritizeVerb !== '' && weight <= 0
        ? [invalidValue(here.child('weight'), weight, 'must have a positive weight applied to it')]
        : [];
    for (const [j, { name }] of managedResources.entries()) {
      const where = here.child('managedResources').index(j).child('name');
      found.push(...validateResource(name, where));
      if (managed.has(name))
        found.push(invalidValue(where, name, 'duplicate extender managed resource name'));
      managed.add(name);
    }
    return found;
  });
  const binders = extenders.filter(({ bindVerb = '' }) => bindVerb !== '').length;
  if (binders > 1)
    errors.push(
      invalidValue(
        at,
        `found ${binders} extenders implementing bind`,
        'only one extender can implement bind',
      ),
    );
  return errors;
}

function validateResource(name: string, at: FieldPath): FieldError[] {
  const problems = isQualifiedName(name).map((detail) => invalidValue(at, name, detail));
  if (problems.length > 0 || isExtendedResource(name)) return problems;
  return [invalidValue(at, name, 'is an invalid extended resource name')];
}
