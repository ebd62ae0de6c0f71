/**
 * What every component says of itself: its build, its gates, since when it runs.
 *
 * Source: the metrics reference of v1.36; upstream staging/src/k8s.io/component-base/metrics.
 */
import { allGates, type FeatureGates } from '#api/features/feature-gates.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';
import { versionInfo } from '../version.ts';

/** `startMs`: milliseconds since 1970. */
export function observeComponent(
  registry: MetricRegistry,
  { gates, startMs }: { readonly gates: FeatureGates; readonly startMs: number },
): void {
  observeBuild(registry);
  observeStart(registry, startMs);
  registry.observed(
    {
      name: 'kubernetes_feature_enabled',
      help: 'Whether a feature gate is on (1) or off (0), and its stage.',
      stability: 'BETA',
      labels: ['name', 'stage'],
    },
    () => gateValues(gates),
  );
  observeVersions(registry);
}

export function observeStart(registry: MetricRegistry, startMs: number): void {
  registry.observed(
    {
      name: 'process_start_time_seconds',
      help: 'When the process began, in seconds since 1970.',
      labels: [],
    },
    () => [[[], startMs / 1000]],
  );
}

function observeVersions(registry: MetricRegistry): void {
  const { major, minor, emulationMajor, emulationMinor, ...info } = versionInfo();
  const least = `${info.minCompatibilityMajor}.${info.minCompatibilityMinor}`;
  const versions = [`${major}.${minor}`, `${emulationMajor}.${emulationMinor}`, least];
  registry.observed(
    alpha(
      'version_info',
      'The versions of this component: its own, the one it behaves like, the least it goes with.',
      'component',
      'binary',
      'emulation',
      'min_compat',
    ),
    () => [[['kube', ...versions], 1]],
  );
}

function observeBuild(registry: MetricRegistry): void {
  const build = versionInfo();
  const names = {
    build_date: build.buildDate,
    compiler: build.compiler,
    git_commit: build.gitCommit,
    git_tree_state: build.gitTreeState,
    git_version: build.gitVersion,
    go_version: build.goVersion,
    major: build.major,
    minor: build.minor,
    platform: build.platform,
  };
  registry.observed(
    {
      name: 'kubernetes_build_info',
      help: "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
      stability: 'BETA',
      labels: Object.keys(names),
    },
    () => [[Object.values(names), 1]],
  );
}

function gateValues(gates: FeatureGates): (readonly [string[], number])[] {
  const values = gates.all();
  return allGates().map(({ name, stage }) => {
    const label = stage === 'GA' ? '' : stage.toUpperCase();
    return [[name, label], values.get(name) === true ? 1 : 0] as const;
  });
}
