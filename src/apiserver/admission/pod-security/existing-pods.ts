/**
 * Warnings about pods that are in a namespace already when what it enforces becomes stricter: they
 * stay, and would not be let in again.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/admission/admission.go, v1.36
 * (EvaluatePodsInNamespace, prioritizePods).
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import type { Environment } from '#base/env.ts';
import { Turns } from '../../turns.ts';
import { findingsOf, reasonsText } from './evaluate.ts';
import { checkedPod } from './templates.ts';
import { type LevelVersion, levelVersionText } from './version.ts';

/** So many pods are looked at, for so long at most. */
export const PODS_MAX = 3000;
const PATIENCE_MS = 1000;

interface Alike {
  /** The first by name. */
  readonly name: string;
  readonly count: number;
}

/** What to warn of when `namespace` is to enforce `enforce` from now on. */
export async function existingPodWarnings(
  environment: Pick<Environment, 'clock' | 'timers'>,
  namespace: string,
  enforce: LevelVersion,
  pods: readonly Pod[],
): Promise<string[]> {
  const { clock } = environment;
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  const turns = new Turns(environment);
  const byReasons = new Map<string, Alike>();
  let checked = 0;
  for (const pod of pods.slice(0, PODS_MAX)) {
    if (turns.isOver()) await turns.next();
    note(byReasons, pod, reasonsText(findingsOf(enforce, checkedPod(pod))));
    checked++;
    if (clock.monotonicMs() >= endMs) break;
  }
  const warnings: string[] = [];
  if (checked < pods.length)
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${pods.length} existing pods`,
    );
  if (byReasons.size > 0)
    warnings.push(
      `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(levelVersionText(enforce))}`,
    );
  return [...warnings, ...Array.from(byReasons, lineOf).toSorted()];
}

function note(byReasons: Map<string, Alike>, { metadata }: Pod, reasons: string): void {
  if (reasons === '') return;
  const name = metadata?.name ?? '';
  const seen = byReasons.get(reasons);
  if (seen === undefined) byReasons.set(reasons, { name, count: 1 });
  else
    byReasons.set(reasons, {
      name: name < seen.name ? name : seen.name,
      count: seen.count + 1,
    });
}

function lineOf([reasons, { name, count }]: readonly [string, Alike]): string {
  if (count === 1) return `${name}: ${reasons}`;
  return `${name} (and ${count - 1} other ${count === 2 ? 'pod' : 'pods'}): ${reasons}`;
}

/** One pod of each controller first, the others of the same after all; none of exempt classes. */
export function prioritised(
  pods: Iterable<Pod>,
  exemptClasses: ReadonlySet<string>,
): readonly Pod[] {
  const first: Pod[] = [];
  const more: Pod[] = [];
  const controllers = new Set<string>();
  for (const pod of pods) {
    if (exemptClasses.has(pod.spec?.runtimeClassName ?? '')) continue;
    const controller = controllerOf(pod)?.uid;
    if (controller !== undefined && controllers.has(controller)) {
      more.push(pod);
      continue;
    }
    if (controller !== undefined) controllers.add(controller);
    first.push(pod);
  }
  return [...first, ...more];
}
