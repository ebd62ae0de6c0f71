/** Which class is the default: the newest that is marked so, by name where equally new. */
import type { KubeObject } from '#api/meta/object.ts';

/** `annotations`: any of them with the value `true` marks a default. */
export function newestDefault(
  classes: Iterable<KubeObject>,
  annotations: readonly string[],
): string | undefined {
  let best: { name: string; bornAt: string } | undefined;
  for (const { metadata } of classes) {
    if (!annotations.some((annotation) => metadata?.annotations?.[annotation] === 'true')) continue;
    const candidate = { name: metadata?.name ?? '', bornAt: metadata?.creationTimestamp ?? '' };
    const newer = best === undefined || candidate.bornAt > best.bornAt;
    const earlierName =
      best !== undefined && candidate.bornAt === best.bornAt && candidate.name < best.name;
    if (newer || earlierName) best = candidate;
  }
  return best?.name;
}
