/**
 * What is said of evictions, in upstream's words.
 *
 * Upstream: pkg/kubelet/eviction/helpers.go (evictionMessage and its formats), v1.36.
 */
import { canonicalQuantity, quantityValue } from '#api/codec/quantity.ts';
import { resourcesOfContainers } from './pod-containers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { type Observations, type PodUse, SIGNALS, type StarvedResource } from './signals.ts';
import { amountIn, type Threshold } from './thresholds.ts';

export const EVICTED = 'Evicted';

/** A number of bytes as Kubernetes writes it: `100Mi`, `1536`. */
export function binaryQuantity(value: number): string {
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
  let rest = value;
  let unit = 0;
  while (rest !== 0 && rest % 1024 === 0 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${rest}${units[unit]}`;
}

/** Why `pod` goes for `threshold`. `met`: all thresholds that are met. */
export function pressureMessage(
  pod: Pod,
  threshold: Threshold,
  facts: { readonly met: readonly Threshold[]; readonly observations: Observations },
): string {
  const { resource } = SIGNALS[threshold.signal];
  const use = facts.observations.pods.get(pod.metadata?.uid ?? '');
  return [
    `The node was low on resource: ${resource}. `,
    thresholdText(resource, facts.met, facts.observations),
    ...(use === undefined ? [] : containerTexts(pod, use, resource)),
  ].join('');
}

/** Of the first threshold of the resource that was observed. */
function thresholdText(
  resource: StarvedResource,
  met: readonly Threshold[],
  { signals }: Observations,
): string {
  for (const { signal, amount } of met) {
    const observed = signals.get(signal);
    if (SIGNALS[signal].resource !== resource || observed === undefined) continue;
    const isBytes = resource === 'memory' || resource === 'ephemeral-storage';
    const available = isBytes
      ? binaryQuantity(observed.available)
      : canonicalQuantity(observed.available);
    const wanted = binaryQuantity(amountIn(amount, observed));
    return `Threshold quantity: ${wanted}, available: ${available}. `;
  }
  return '';
}

/** Of the containers that use more than they asked for. */
function containerTexts(pod: Pod, { containers }: PodUse, resource: StarvedResource): string[] {
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return [];
  const known = resourcesOfContainers(pod);
  return containers.flatMap(({ name, memoryBytes, rootfs, logs }) => {
    const resources = known.get(name);
    if (resources === undefined) return [];
    const request = resources.requests?.[resource] ?? '0';
    const used = resource === 'memory' ? memoryBytes : rootfs.bytes + logs.bytes;
    if (used <= quantityValue(request)) return [];
    const amounts = `was using ${binaryQuantity(used)}, request is ${request}`;
    return [`Container ${name} ${amounts}, has larger consumption of ${resource}. `];
  });
}
