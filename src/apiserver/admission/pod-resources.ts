/**
 * What a pod as a whole requests and may use: containers together, init containers by the
 * greatest, sidecars with what runs beside them, and what the pod itself says.
 *
 * Source: KEP-753, KEP-2837; upstream plugin/pkg/admission/limitranger (podRequests, podLimits).
 */
import { addQuantity, compareQuantity } from '#api/codec/quantity.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';

export type Quantities = Readonly<Record<string, string>>;
type Sum = Record<string, string>;

/** Resources that a pod may set for itself. */
const POD_LEVEL = new Set(['cpu', 'memory']);

export function podResources(pod: Pod, which: 'requests' | 'limits'): Quantities {
  const of = ({ resources }: Pick<Container, 'resources'>): Quantities => resources?.[which] ?? {};
  const total: Sum = {};
  for (const container of pod.spec?.containers ?? []) add(total, of(container));
  const sidecars: Sum = {};
  const initial: Sum = {};
  for (const container of pod.spec?.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      add(total, own);
      add(sidecars, own);
    } else {
      const together: Sum = { ...sidecars };
      add(together, own);
      raise(initial, together);
    }
  }
  raise(total, initial);
  for (const [name, quantity] of Object.entries(pod.spec?.resources?.[which] ?? {})) {
    if (POD_LEVEL.has(name)) total[name] = quantity;
  }
  return total;
}

function add(total: Sum, more: Quantities): void {
  for (const [name, quantity] of Object.entries(more)) {
    const present = total[name];
    total[name] = present === undefined ? quantity : addQuantity(present, quantity);
  }
}

function raise(total: Sum, more: Quantities): void {
  for (const [name, quantity] of Object.entries(more)) {
    const present = total[name];
    if (present === undefined || compareQuantity(quantity, present) > 0) total[name] = quantity;
  }
}
