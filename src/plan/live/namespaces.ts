/** Namespaces that were not read but have objects, made up: without them nothing could be written. */
import type { KubeObject } from '#api/meta/object.ts';
import { timeText } from '#api/meta/time.ts';
import type { Environment } from '#base/env.ts';

/** Namespaces that `objects` are in and that are not among them. */
export function missingNamespaces(
  objects: readonly KubeObject[],
  asked: readonly string[],
  { clock, random }: Pick<Environment, 'clock' | 'random'>,
): KubeObject[] {
  const there = new Set(
    objects
      .filter(({ kind, apiVersion }) => kind === 'Namespace' && apiVersion === 'v1')
      .map(({ metadata }) => metadata?.name ?? ''),
  );
  const named = [...asked, ...objects.map(({ metadata }) => metadata?.namespace ?? '')];
  const missing = new Set(named.filter((name) => name !== '' && !there.has(name)));
  return [...missing].toSorted().map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      uid: random.uuid(),
      creationTimestamp: timeText(clock.now()),
      labels: { 'kubernetes.io/metadata.name': name },
    },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }));
}
