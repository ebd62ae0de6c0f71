/** The answers of the history as tables for people. */
import type { Json } from '#api/meta/object.ts';
import { printable, tableLines } from '../table-lines.ts';
import type { FieldChange, ObjectDiff, ObjectHistory, Revision } from './answers.ts';

/** Longer values are cut: -o json has them whole. */
const VALUE_WIDTH_MAX = 60;

/** A row for each revision, with what it changed below. */
export function historyTable({ revisions, oldestRevision, metadata }: ObjectHistory): string {
  const rows = revisions.map((revision) => {
    const { time, event, user = '<unknown>' } = revision;
    const cells = [revision.revision, time.replace(/\.\d+Z$/, 'Z'), event, user, byOf(revision)];
    return cells.map(printable);
  });
  const [head = '', ...lines] = tableLines([['REVISION', 'TIME', 'EVENT', 'USER', 'BY'], ...rows]);
  const body = revisions.flatMap(({ changes = [] }, index) => [
    lines[index] ?? '',
    ...changes.map((change) => `  ${printable(changeText(change))}`),
  ]);
  const last = revisions.at(-1);
  const isCut = metadata.continue === undefined && last !== undefined && last.event !== 'Created';
  const notes = [
    ...(metadata.continue === undefined
      ? []
      : [`There are more: --before ${metadata.continue} shows them.`]),
    ...(isCut ? [`The history reaches back to revision ${oldestRevision}.`] : []),
  ];
  return `${[head, ...body, ...notes].join('\n')}\n`;
}

/** `kubectl/v1.36.0 (patch status)`: the program without what it says of its machine. */
function byOf({ userAgent = '', verb = '', subresource }: Revision): string {
  const program = userAgent.split(' ')[0] ?? '';
  const action = subresource === undefined ? verb : `${verb} ${subresource}`;
  return action === '' ? program : `${program} (${action})`.trimStart();
}

export function diffTable({ object, from, to, changes }: ObjectDiff): string {
  const name = printable(
    [object.namespace, object.name].filter((part) => part !== undefined).join('/'),
  );
  const side = ({ revision, resourceVersion }: ObjectDiff['from']): string =>
    resourceVersion === undefined ? `${revision} (not there)` : revision;
  const head = `${object.kind} ${name}, from revision ${side(from)} to ${side(to)}\n`;
  if (changes.length === 0) return `${head}No field differs.\n`;
  const rows = changes.map(({ path, old, new: next }) =>
    [path, valueText(old), valueText(next)].map(printable),
  );
  return `${head}${tableLines([['FIELD', 'FROM', 'TO'], ...rows]).join('\n')}\n`;
}

function changeText({ path, old, new: next }: FieldChange): string {
  if (old === undefined) return `${path}: added ${valueText(next)}`;
  if (next === undefined) return `${path}: removed ${valueText(old)}`;
  return `${path}: ${valueText(old)} → ${valueText(next)}`;
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return '-';
  const text = JSON.stringify(value);
  return text.length > VALUE_WIDTH_MAX ? `${text.slice(0, VALUE_WIDTH_MAX - 1)}…` : text;
}
