/**
 * Facts of a pod for its own containers: `fieldRef` and `resourceFieldRef`.
 *
 * Source: Kubernetes documentation "Downward API" v1.36. Upstream: pkg/fieldpath/fieldpath.go,
 * pkg/api/v1/resource/helpers.go.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import type { Container, Pod, ResourceFieldSelector } from '#api/gen/core-v1.ts';

export interface DownwardFacts {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  /** Stands for a limit that is not set. */
  readonly nodeAllocatable: Readonly<Record<string, string>>;
}

/** Throws an Error with upstream's message for a path that is not supported. */
export function fieldValue(path: string, pod: Pod, facts: DownwardFacts): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? metadata?.labels : metadata?.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return metadata?.name ?? '';
    case 'metadata.namespace':
      return metadata?.namespace ?? '';
    case 'metadata.uid':
      return metadata?.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata?.labels ?? {});
    case 'metadata.annotations':
      return formatMap(metadata?.annotations ?? {});
    case 'spec.nodeName':
      return spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIps[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIps.join(',');
    case 'status.podIP':
      return facts.podIps[0] ?? '';
    case 'status.podIPs':
      return facts.podIps.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** One `key="value"` a line, keys sorted, values quoted as Go quotes. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** In units of the divisor, rounded up. Throws an Error for a resource that is not supported. */
export function resourceValue(
  selector: ResourceFieldSelector,
  pod: Pod,
  own: Container | undefined,
  facts: DownwardFacts,
): string {
  const name = selector.containerName ?? '';
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container = name === '' ? own : all.find((candidate) => candidate.name === name);
  if (container === undefined) throw new Error(`container ${name} not found`);
  const [which, ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  const divisor = divisorOf(selector);
  const { limits, requests } = container.resources ?? {};
  const set = which === 'limits' ? limits?.[resource] : requests?.[resource];
  const unset = set === undefined || quantityMilli(set) === 0;
  const quantity = unset && which === 'limits' ? facts.nodeAllocatable[resource] : set;
  const known = which === 'limits' || which === 'requests';
  if (!known) throw new Error(`unsupported container resource : ${selector.resource}`);
  if (resource === 'cpu') {
    return String(Math.ceil(quantityMilli(quantity ?? '0') / quantityMilli(divisor)));
  }
  const countable =
    resource === 'memory' || resource === 'ephemeral-storage' || resource.startsWith('hugepages-');
  if (!countable) throw new Error(`unsupported container resource : ${selector.resource}`);
  return String(Math.ceil(quantityValue(quantity ?? '0') / quantityValue(divisor)));
}

function divisorOf({ divisor }: ResourceFieldSelector): string {
  const text = divisor === undefined ? '0' : String(divisor);
  return quantityMilli(text) === 0 ? '1' : text;
}
