/**
 * Which pods of a node a drain evicts, leaves, or stumbles over. Pure; the messages are kubectl's.
 *
 * Source: upstream staging/src/k8s.io/kubectl/pkg/drain/filters.go, v1.36.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';

export interface DrainChoices {
  readonly ignoreDaemonsets?: boolean;
  readonly deleteEmptydirData?: boolean;
  readonly force?: boolean;
}

export interface DrainPlan {
  readonly evict: readonly Pod[];
  /** Why the drain must not begin, each with its pods. */
  readonly refusals: readonly string[];
  /** What is worth a word. */
  readonly warnings: readonly string[];
}

type Verdict =
  | { readonly evicts: boolean; readonly warning?: string }
  | { readonly evicts: false; readonly refusal: string };

const MIRROR = 'kubernetes.io/config.mirror';

/** In the order of upstream's filters: of a pod that one of them leaves no other is asked. */
function verdictOn(pod: Pod, choices: DrainChoices): Verdict[] {
  if (pod.metadata?.annotations?.[MIRROR] !== undefined) return [{ evicts: false }];
  const controller = controllerOf(pod);
  const isOver = isPodTerminal(pod);
  if (controller?.kind === 'DaemonSet' && !isOver)
    return [
      choices.ignoreDaemonsets === true
        ? { evicts: false, warning: 'ignoring DaemonSet-managed Pods' }
        : {
            evicts: false,
            refusal: 'DaemonSet-managed Pods (use --ignore-daemonsets to ignore)',
          },
    ];
  const verdicts: Verdict[] = [{ evicts: true }];
  const hasLocal = pod.spec?.volumes?.some(({ emptyDir }) => emptyDir !== undefined) === true;
  if (hasLocal && !isOver)
    verdicts.push(
      choices.deleteEmptydirData === true
        ? { evicts: true, warning: 'deleting Pods with local storage' }
        : {
            evicts: false,
            refusal: 'Pods with local storage (use --delete-emptydir-data to override)',
          },
    );
  if (controller === undefined && !isOver)
    verdicts.push(
      choices.force === true
        ? { evicts: true, warning: 'deleting Pods that declare no controller' }
        : {
            evicts: false,
            refusal: 'Pods that declare no controller (use --force to override)',
          },
    );
  return verdicts;
}

/** What a drain does with the pods of a node. */
export function podsToEvict(pods: readonly Pod[], choices: DrainChoices): DrainPlan {
  const evict: Pod[] = [];
  const refusals = new Map<string, string[]>();
  const warnings = new Map<string, string[]>();
  const note = (notes: Map<string, string[]>, text: string, pod: Pod): void => {
    notes.set(text, [...(notes.get(text) ?? []), podText(pod)]);
  };
  for (const pod of pods) {
    const verdicts = verdictOn(pod, choices);
    for (const verdict of verdicts) {
      if ('refusal' in verdict) note(refusals, `cannot delete ${verdict.refusal}`, pod);
      else if (verdict.warning !== undefined) note(warnings, verdict.warning, pod);
    }
    if (verdicts.every(({ evicts }) => evicts)) evict.push(pod);
  }
  const lines = (notes: Map<string, string[]>): string[] =>
    [...notes].map(([text, names]) => `${text}: ${names.join(', ')}`).toSorted();
  return { evict, refusals: lines(refusals), warnings: lines(warnings) };
}

/** `namespace/name`. */
export function podText({ metadata }: Pod): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
