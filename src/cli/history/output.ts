/** The answers of the history as tables for people. */
import type { Json } from '#api/meta/object.ts';
import type { FieldChange, ObjectDiff, ObjectHistory, Revision } from './answers.ts';

/** Longer values are cut: -o json has them whole. */
const VALUE_WIDTH_MAX = 60;
const GAP = 3;

/** Rows under a head, columns as wide as they must be, as `kubectl get` writes them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries())
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const lines = rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd((widths[index] ?? 0) + GAP))
      .join('')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** A row for each change; what a revision has in common stands in the first of its rows. */
export function historyTable({ revisions, oldestRevision, metadata }: ObjectHistory): string {
  const head = ['REVISION', 'TIME', 'EVENT', 'USER', 'BY', 'CHANGE'];
  const rows = revisions.flatMap((revision) => {
    const { time, event, user = '<unknown>', changes = [] } = revision;
    const common = [revision.revision, time.replace(/\.\d+Z$/, 'Z'), event, user, byOf(revision)];
    const [first = '', ...rest] = changes.map(changeText);
    return [[...common, first], ...rest.map((text) => ['', '', '', '', '', text])];
  });
  const last = revisions.at(-1);
  const isCut = metadata.continue === undefined && last !== undefined && last.event !== 'Created';
  const notes = [
    ...(metadata.continue === undefined
      ? []
      : [`There are more: --before ${metadata.continue} shows them.`]),
    ...(isCut ? [`The history reaches back to revision ${oldestRevision}.`] : []),
  ];
  return [table([head, ...rows]), ...notes.map((note) => `${note}\n`)].join('');
}

/** `kubectl/v1.36.0 (patch status)`: the program without what it says of its machine. */
function byOf({ userAgent = '', verb = '', subresource }: Revision): string {
  const program = userAgent.split(' ')[0] ?? '';
  const action = subresource === undefined ? verb : `${verb} ${subresource}`;
  return action === '' ? program : `${program} (${action})`.trimStart();
}

export function diffTable({ object, from, to, changes }: ObjectDiff): string {
  const name = [object.namespace, object.name].filter((part) => part !== undefined).join('/');
  const side = ({ revision, resourceVersion }: ObjectDiff['from']): string =>
    resourceVersion === undefined ? `${revision} (not there)` : revision;
  const head = `${object.kind} ${name}, from revision ${side(from)} to ${side(to)}\n`;
  if (changes.length === 0) return `${head}No field differs.\n`;
  const rows = changes.map((change) => [change.path, valueText(change.old), valueText(change.new)]);
  return `${head}${table([['FIELD', 'FROM', 'TO'], ...rows])}`;
}

function changeText({ path, old, new: next }: FieldChange): string {
  if (old === undefined) return `${path}: added ${valueText(next)}`;
  if (next === undefined) return `${path}: removed ${valueText(old)}`;
  return `${path}: ${valueText(old)} → ${valueText(next)}`;
}

/** Control characters of an object must not reach the terminal: JSON escapes them. */
function valueText(value: Json | undefined): string {
  if (value === undefined) return '-';
  const text = JSON.stringify(value);
  return text.length > VALUE_WIDTH_MAX ? `${text.slice(0, VALUE_WIDTH_MAX - 1)}…` : text;
}
