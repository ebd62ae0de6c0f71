/** What a run says: a table by kind, one by cause of difference, and all of it as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { causesOf, type Difference } from './compare.ts';
import type { Answer, Case } from './model.ts';
import type { Answers } from './run.ts';

export interface Outcome {
  readonly cases: readonly Case[];
  readonly theirs: Answers;
  /** Those that nothing explains. */
  readonly differences: readonly Difference[];
  readonly explained: readonly { readonly difference: Difference; readonly why: string }[];
}

const GROUPS_SHOWN = 60;

export function summary(outcome: Outcome): string {
  const hard = outcome.differences.filter(({ isWording }) => !isWording);
  const wording = outcome.differences.filter(({ isWording }) => isWording);
  const shareOf = ({ length }: readonly Difference[]): string =>
    ((100 * length) / Math.max(1, outcome.cases.length)).toFixed(2);
  return [
    kindTable(outcome, hard),
    '',
    ...groupLines(hard),
    '',
    'Only the wording differs:',
    ...groupLines(wording),
    '',
    `${outcome.cases.length} cases, ${refusalsOf(outcome)} distinct refusals (kind, path, cause type).`,
    `${hard.length} unexplained differences (${shareOf(hard)} %), ${outcome.explained.length} explained.`,
    `${wording.length} more (${shareOf(wording)} %) differ only in the wording of a message.`,
    '',
  ].join('\n');
}

/** Everything, for programs: differences one a line. */
export function writeReport(directory: string, outcome: Outcome): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write('differences.jsonl', outcome.differences.map((each) => lineOf(each)).join(''));
  const explained = outcome.explained.map(({ difference, why }) => lineOf(difference, why));
  write('explained.jsonl', explained.join(''));
  write('groups.json', JSON.stringify(Object.fromEntries(groupsOf(outcome.differences)), null, 1));
  write('summary.txt', summary(outcome));
}

const GROUP_LENGTH_MAX = 120;
/** Characters of a request's body that a line may hold. */
const BODY_MAX = 2_000;

/** Every difference that nothing explains, one on a line: its case, then where it lies. */
export function writeUnexplained(directory: string, { differences, cases }: Outcome): void {
  const lines = differences
    .filter(({ isWording }) => !isWording)
    .map(
      ({ id, groups }) =>
        `${id}\t${groups.map((group) => group.slice(0, GROUP_LENGTH_MAX)).join(' | ')}\n`,
    );
  const head = `${lines.length} of ${cases.length} cases\n`;
  writeFileSync(join(directory, 'unexplained.txt'), [head, ...lines].join(''));
}

/** Objects are left out: the groups name the places where they differ. */
function lineOf(
  { id, groups, isWording, request, ours, theirs }: Difference,
  why?: string,
): string {
  const short = ({ status, headers, body }: Answer) =>
    status < 300 ? { status, headers } : { status, headers, body };
  const { method, url, body } = request;
  const line = {
    id,
    method,
    url,
    asker: request.headers?.['impersonate-user'],
    body: JSON.stringify(body ?? null).length < BODY_MAX ? body : undefined,
    groups,
    isWording,
    ours: short(ours),
    theirs: short(theirs),
    why,
  };
  return `${JSON.stringify(line)}\n`;
}

/** Distinct (kind, path, cause type) of upstream's 422s. */
function refusalsOf({ cases, theirs }: Outcome): number {
  const found = new Set<string>();
  for (const { id, kind } of cases) {
    for (const answer of theirs.get(id) ?? []) {
      if (answer.status !== 422) continue;
      for (const { reason, field } of causesOf(answer))
        found.add(`${kind} ${field.replace(/\[[^\]]*\]/g, '[]')} ${reason}`);
    }
  }
  return found.size;
}

function kindTable({ cases }: Outcome, hard: readonly Difference[]): string {
  const differing = Map.groupBy(hard, ({ kind }) => kind);
  const rows = [...Map.groupBy(cases, ({ kind }) => kind)].map(([kind, all]) => {
    const count = differing.get(kind)?.length ?? 0;
    const share = ((100 * count) / all.length).toFixed(2);
    return `${kind.padEnd(60)}${String(all.length).padStart(7)}${String(count).padStart(7)}${share.padStart(8)} %`;
  });
  return [`${'kind'.padEnd(60)}${'cases'.padStart(7)}${'differ'.padStart(7)}`, ...rows].join('\n');
}

/** Cases by cause of difference, the most frequent first. A difference may have several. */
function groupsOf(differences: readonly Difference[]): [group: string, ids: string[]][] {
  const groups = new Map<string, string[]>();
  for (const { groups: names, id } of differences)
    for (const name of names) groups.set(name, [...(groups.get(name) ?? []), id]);
  return [...groups].toSorted(([, left], [, right]) => right.length - left.length);
}

function groupLines(differences: readonly Difference[]): string[] {
  return groupsOf(differences)
    .slice(0, GROUPS_SHOWN)
    .map(
      ([group, ids]) => `${String(ids.length).padStart(6)}  ${group}\n        e.g. ${ids[0] ?? ''}`,
    );
}
