/** Measurements of a subject with one real node, and real containers on it. */
import type { RestClient } from '#client/rest.ts';
import { whyNoRealPods } from './real-pod.ts';
import { alternate, type Bench, type Results } from './rounds.ts';
import { during, type Subject } from './subject.ts';

export interface NodeMeasurement<T> {
  readonly name: string;
  /** On a running one; `directory` is that of the subject. */
  readonly once: (client: RestClient, directory: string) => Promise<T>;
}

/** Says why not for both where this machine cannot. */
export async function onRealNodes<T>(
  bench: Bench,
  { name, once }: NodeMeasurement<T>,
): Promise<Results<T>> {
  const obstacle = whyNoRealPods();
  if (obstacle !== undefined) return { coxswain: obstacle, upstream: obstacle };
  // The images and the store are made once, as on a machine where the product has run before.
  const directories = new Map<Subject, string>();
  return alternate<T>(bench, {
    name,
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    async once(subject) {
      const directory = directories.get(subject) ?? bench.scope.temporaryDirectory();
      directories.set(subject, directory);
      const running = await subject.startWithNode({ scope: bench.scope, directory });
      return during(running, ({ client }) => once(client, directory));
    },
  });
}
