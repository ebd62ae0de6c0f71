/**
 * Fields that have no counterpart in this kubelet. At their defaults they say nothing; set to
 * something else they are told of, one line each: nothing is without effect in silence.
 *
 * Pure. `docs/scope.md` lists them for people.
 */
import { equalValues } from '#api/meta/equal.ts';
import type { Json } from '#api/meta/object.ts';
import { withDefaults } from './defaults.ts';
import type { KubeletConfiguration } from './types.ts';

type Field = keyof KubeletConfiguration;

const MANAGERS = 'containers are not bound to processors, memory or NUMA nodes';
const FIREWALL = 'this kubelet writes no rules of a firewall';

/** What is so instead; and the values besides the default that ask for just that. */
const UNUSED: Readonly<Partial<Record<Field, readonly [why: string, ...same: Json[]]>>> = {
  httpCheckFrequency: ['manifests are read from files alone'],
  staticPodURL: ['manifests are read from files alone'],
  staticPodURLHeader: ['manifests are read from files alone'],
  tlsCurvePreferences: ['the curves are those of Node.js'],
  enableContentionProfiling: ['there are no profiles'],
  enableProfilingHandler: ['there are no profiles', false],
  enableDebugFlagsHandler: ['the level of the log is set at the start', false],
  enableSystemLogHandler: ['logs of the system are not served', false],
  enableSystemLogQuery: ['logs of the system are not served'],
  streamingConnectionIdleTimeout: ['the runtime ends connections that are idle'],
  kubeletCgroups: ['the kubelet stays in the cgroup it was started in'],
  systemCgroups: ['processes of the system stay in their cgroups'],
  cgroupDriver: ['cgroups are made in the file system, which needs a runtime that does so too'],
  cpuManagerPolicy: [MANAGERS],
  cpuManagerPolicyOptions: [MANAGERS],
  cpuManagerReconcilePeriod: [MANAGERS],
  memoryManagerPolicy: [MANAGERS],
  topologyManagerPolicy: [MANAGERS],
  topologyManagerScope: [MANAGERS],
  topologyManagerPolicyOptions: [MANAGERS],
  reservedMemory: [MANAGERS],
  qosReserved: ['memory is not reserved by class'],
  hairpinMode: ['the CNI plug-ins set up the interfaces of pods', 'hairpin-veth', 'none'],
  podCIDR: ['addresses of pods come from the Node'],
  maxOpenFiles: ['the limit is that of who starts the kubelet'],
  contentType: ['requests are in JSON', 'application/json'],
  makeIPTablesUtilChains: [FIREWALL, false],
  iptablesMasqueradeBit: [FIREWALL],
  iptablesDropBit: [FIREWALL],
  memorySwap: ['containers may swap as the runtime lets them'],
  configMapAndSecretChangeDetectionStrategy: ['ConfigMaps and Secrets are watched'],
  showHiddenMetricsForVersion: ['no metric is hidden'],
  volumePluginDir: ['there are no FlexVolumes'],
  kernelMemcgNotification: ['memory is looked at every ten seconds'],
  memoryThrottlingFactor: ['memory is not throttled'],
  memoryReservationPolicy: ['memory is not reserved by class'],
  tracing: ['nothing is traced'],
};

/** Names of the fields, for tests and documents. */
export const UNUSED_FIELDS: readonly string[] = Object.keys(UNUSED);

/** A line for each field that is set to what has no effect. */
export function unusedSettings(config: KubeletConfiguration): string[] {
  const defaults = withDefaults({});
  const lines = Object.entries(UNUSED).flatMap(([name, [why, ...same]]) => {
    const field = name as Field;
    const value = config[field] as Json | undefined;
    const asDefault = defaults[field] as Json | undefined;
    const isEmpty = isNothing(value);
    const fine = isEmpty || [asDefault, ...same].some((each) => equalValues(each, value));
    return fine ? [] : [`${name} has no effect here: ${why}`];
  });
  const { vmodule = [], flushFrequency } = config.logging;
  const isFlushed = flushFrequency !== '5s' && flushFrequency !== 5e9;
  return [
    ...lines,
    ...(vmodule.length > 0 ? ['logging.vmodule has no effect here: the log has one level'] : []),
    ...(isFlushed
      ? ['logging.flushFrequency has no effect here: each line is written at once']
      : []),
  ];
}

function isNothing(value: Json | undefined): boolean {
  if (value === undefined || value === '' || value === false) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
