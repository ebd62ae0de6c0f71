/** Numbers that may be given as a percentage. Upstream: apimachinery/pkg/util/intstr, v1.36. */
import type { IntOrString } from '#api/gen/meta-v1.ts';

/** A number, or a percentage of `total`. What is neither counts as 0. */
export function scaledValue(
  value: IntOrString | undefined,
  total: number,
  round: 'up' | 'down',
): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value ?? '')?.[1];
  if (percent === undefined) return 0;
  const exact = (Number(percent) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
