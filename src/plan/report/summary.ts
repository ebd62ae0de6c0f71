/** A plan in a sentence or two. */
import { listText } from '#why/explanation.ts';
import type { Plan } from './plan-result.ts';
import { timeText } from './texts.ts';

type Facts = Omit<
  Plan,
  'apiVersion' | 'kind' | 'summary' | 'withoutChange' | 'notSimulated' | 'assumptions'
>;

export function summaryOf(plan: Facts): string {
  const asked = plan.objects.filter((object) => object.asked);
  const count = (action: string): number =>
    asked.filter((object) => object.action === action).length;
  const pods = (...actions: string[]): number =>
    plan.pods.filter(({ action }) => actions.includes(action)).length;
  const parts = [
    ...some(count('created'), 'object', 'created'),
    ...some(count('changed'), 'object', 'changed'),
    ...some(count('deleted'), 'object', 'deleted'),
    ...some(pods('created'), 'pod', 'created'),
    ...some(pods('moved', 'replaced'), 'pod', `replaced${movedText(pods('moved'))}`),
    ...some(pods('deleted'), 'pod', 'deleted'),
    ...some(plan.evictions.length, 'pod', 'evicted'),
  ];
  const would = parts.length === 0 ? 'Nothing would change.' : `${capital(listText(parts))}.`;
  const bad = [
    ...(plan.refused.length === 0 ? [] : [`${plan.refused.length} refused`]),
    ...(plan.pending.length === 0 ? [] : [`${plan.pending.length} not ready at rest`]),
  ];
  return [
    would,
    ...(bad.length === 0 ? [] : [`${capital(listText(bad))}.`]),
    capacityText(plan),
    plan.rests
      ? `At rest after ${timeText(plan.durationSeconds)}.`
      : `Not at rest when the time was over.`,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function movedText(moved: number): string {
  return moved === 0 ? '' : ` (${moved} on another node)`;
}

function some(count: number, what: string, done: string): string[] {
  if (count === 0) return [];
  return [`${count} ${what}${count === 1 ? '' : 's'} would be ${done}`];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The workload that loses the greatest part. */
function capacityText({ capacity }: Facts): string {
  const worst = capacity.toSorted((a, b) => a.least / a.of - b.least / b.of)[0];
  if (worst === undefined) return '';
  const more = capacity.length === 1 ? '' : `, and ${capacity.length - 1} more would have fewer`;
  const end = worst.untilSeconds === undefined ? ' and stay there' : '';
  return `${worst.workload} would fall to ${worst.least} of ${worst.of} ready pods for ${timeText(worst.totalSeconds)}${end}${more}.`;
}
