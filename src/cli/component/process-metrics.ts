/**
 * What a component's process uses, beside what every component says of itself.
 *
 * Source: Prometheus's names for processes, as in the metrics reference of v1.36.
 */
import { observeComponent } from '#apiserver/metrics/component-metrics.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Environment } from '#base/env.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { processUsage } from '#edge/process-usage.ts';

/** Of a component that starts now. */
export function componentRegistry(
  gates: FeatureGates,
  { clock }: Pick<Environment, 'clock'>,
): MetricRegistry {
  const registry = new MetricRegistry();
  observeProcess(registry, { gates, startMs: clock.now() });
  return registry;
}

/** Of a component that starts at `startMs`. */
export function observeProcess(
  registry: MetricRegistry,
  facts: { readonly gates: FeatureGates; readonly startMs: number },
): void {
  observeComponent(registry, facts);
  registry.observed(
    {
      name: 'process_cpu_seconds_total',
      help: 'Processor time that the process has used, in seconds.',
      labels: [],
    },
    () => [[[], processUsage().cpuSeconds]],
    'counter',
  );
  registry.observed(
    {
      name: 'process_resident_memory_bytes',
      help: 'Memory of the process, in bytes.',
      labels: [],
    },
    () => [[[], processUsage().residentBytes]],
  );
}
