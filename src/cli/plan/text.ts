/** A plan for people: the summary, then a table for each thing that would happen. */
import type { Json } from '#api/meta/object.ts';
import type {
  Consequences,
  Plan,
  PlannedField,
  PlannedObject,
  PlannedPod,
  PodPlace,
} from '#plan/report/plan-result.ts';
import { timeText } from '#plan/report/texts.ts';
import { oneLine, tableLines } from '../table-lines.ts';

/** Rows of one table; -o yaml has them all. */
const ROWS_MAX = 40;
const FIELDS_MAX = 4;
const VALUE_WIDTH_MAX = 40;
/** They follow from others, and say little to people. */
const QUIET_KINDS = new Set(['Endpoints', 'EndpointSlice', 'ControllerRevision']);

export function planText(plan: Plan): string {
  const { withoutChange: anyway } = plan;
  const lines = [
    oneLine(plan.summary),
    ...consequenceLines(plan),
    ...headed(
      'Still moving when the time was over:',
      (plan.moving ?? []).map((text) => `  - ${oneLine(text)}`),
    ),
    ...headed('Already under way, without the change:', consequenceLines(anyway)),
    ...section(
      ['NOT SIMULATED', 'WHY'],
      plan.notSimulated.map(({ what, why }) => [what, why]),
    ),
    ...headed(
      'Taken for granted:',
      plan.assumptions.map((text) => `  - ${oneLine(text)}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function consequenceLines(parts: Consequences): string[] {
  const shown = parts.objects.filter(({ asked, kind }) => asked || !QUIET_KINDS.has(kind));
  return [
    ...section(
      ['REFUSED', 'REASON', 'MESSAGE'],
      parts.refused.map(({ request, source, reason, message }) => [
        source === undefined ? request : `${request} (${source})`,
        reason,
        message,
      ]),
    ),
    ...section(['OBJECT', 'WOULD BE', 'BY', 'DETAIL'], shown.map(objectRow)),
    ...section(['POD', 'WOULD BE', 'NODE', 'AT'], podRows(parts.pods)),
    ...section(
      ['EVICTED', 'FROM', 'BY', 'AT'],
      parts.evictions.map(({ namespace, name, node = '-', by, atSeconds, waitedSeconds }) => {
        const waited =
          waitedSeconds === undefined ? '' : `, held up for ${timeText(waitedSeconds)}`;
        return [`${namespace}/${name}`, node, `${by}${waited}`, `+${timeText(atSeconds)}`];
      }),
    ),
    ...section(
      ['NOT READY AT REST', 'WHY'],
      alike(parts.pending, ({ namespace, name, workload = name, sentence }) =>
        [namespace, workload, sentence.replaceAll(name, '')].join(' '),
      ).flatMap(([first, more]) => [
        [`${first.namespace}/${first.name}${moreText(more)}`, first.sentence],
        ...first.remedies.map((text) => ['', `would help: ${text}`]),
      ]),
    ),
    ...section(
      ['CAPACITY OF', 'READY', 'FROM', 'FOR'],
      parts.capacity.map((loss) => [
        nameIn(loss.namespace, loss.workload),
        `${loss.least} of ${loss.of}`,
        `+${timeText(loss.fromSeconds)}`,
        loss.untilSeconds === undefined ? 'the rest of the time' : timeText(loss.totalSeconds),
      ]),
    ),
    ...section(
      ['BUDGET', 'ALLOWS'],
      parts.budgets.map(({ namespace, name, allowedBefore, least }) => [
        `${namespace}/${name}`,
        `${least} instead of ${allowedBefore}, at the least`,
      ]),
    ),
  ];
}

function section(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, ROWS_MAX).map((row) => row.map(oneLine));
  const more = rows.length - shown.length;
  return [
    '',
    ...tableLines([head, ...shown]),
    ...(more === 0 ? [] : [`… and ${more} more; -o yaml has them all`]),
  ];
}

function headed(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', head, ...lines];
}

function objectRow(object: PlannedObject): string[] {
  const { kind, namespace, name, action, by = [], fields = [], notes = [] } = object;
  const scope = namespace === undefined ? '' : `${namespace}/`;
  const shown = fields.slice(0, FIELDS_MAX).map(fieldText);
  const more = fields.length - shown.length;
  const detail = [...notes, ...shown, ...(more === 0 ? [] : [`${more} more`])].join('; ');
  return [`${kind} ${scope}${name}`, action, by.join(', '), detail];
}

/** `Deployment web` with its namespace. */
function nameIn(namespace: string, workload: string): string {
  const [kind = '', name = ''] = workload.split(' ');
  return `${kind} ${namespace}/${name}`;
}

function fieldText({ path, old, new: next }: PlannedField): string {
  if (old === undefined && next === undefined) return path;
  if (old === undefined) return `${path}: ${valueText(next)}`;
  if (next === undefined) return `${path}: removed`;
  return `${path}: ${valueText(old)} → ${valueText(next)}`;
}

function valueText(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? '-';
  return text.length > VALUE_WIDTH_MAX ? `${text.slice(0, VALUE_WIDTH_MAX - 1)}…` : text;
}

/** Pods that only came and went are told together. */
function podRows(pods: readonly PlannedPod[]): string[][] {
  const stay = pods.filter(({ action }) => action !== 'passing');
  const passing = pods.filter(({ action }) => action === 'passing');
  const groups = alike(passing, ({ namespace, name, workload = name }) =>
    [namespace, workload].join(' '),
  );
  const told = groups.map(([first, more]) => {
    const [name = '', what = '', node = '', at = ''] = podRow(first);
    return more === 0 ? [name, what, node, at] : [`${name}${moreText(more)}`, what, '', at];
  });
  return [...stay.map(podRow), ...told];
}

/** The first of each sort, and how many more there are. */
function alike<T>(all: readonly T[], sortOf: (each: T) => string): [first: T, more: number][] {
  const sorts = new Map<string, [T, number]>();
  for (const each of all) {
    const known = sorts.get(sortOf(each));
    if (known === undefined) sorts.set(sortOf(each), [each, 0]);
    else known[1]++;
  }
  return [...sorts.values()];
}

function moreText(more: number): string {
  return more === 0 ? '' : ` and ${more} more`;
}

function podRow(pod: PlannedPod): string[] {
  const { namespace, name, action, before, atSeconds } = pod;
  const what = before === undefined || before.name === name ? name : `${before.name} → ${name}`;
  const where = before === undefined ? nodeText(pod) : `${nodeText(before)} → ${nodeText(pod)}`;
  const node = before?.node === pod.node ? nodeText(pod) : where;
  return [`${namespace}/${what}`, WORDS[action], node, `+${timeText(atSeconds)}`];
}

const WORDS: Readonly<Record<PlannedPod['action'], string>> = {
  created: 'created',
  deleted: 'deleted',
  moved: 'moved',
  replaced: 'replaced',
  started: 'ready at last',
  passing: 'created and deleted',
};

function nodeText({ node = '-' }: PodPlace): string {
  return node;
}
