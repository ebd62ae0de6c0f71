/**
 * Pieces that the Table columns of many kinds share.
 *
 * Source: upstream pkg/printers/internalversion/printers.go. The server always fills in the wide
 * cells; the client hides columns of priority 1.
 */
import type { Container, PodTemplateSpec } from '#api/gen/core-v1.ts';
import type { Column } from '../kind.ts';
import { timeSince } from './duration.ts';
import { formatSelector, selectorOf } from './labels.ts';
import type { KubeObject, LabelSelector } from './object.ts';

type Cell = string | number | boolean | null;

/** A column that is always shown. */
export function column<T>(name: string, cell: (object: T, nowMs: number) => Cell): Column<T> {
  return { name, type: 'string', cell };
}

export function integerColumn<T>(name: string, cell: (object: T) => number | undefined): Column<T> {
  return { name, type: 'integer', cell: (object) => cell(object) ?? 0 };
}

/** A column that only `-o wide` shows. */
export function wideColumn<T>(name: string, cell: (object: T, nowMs: number) => Cell): Column<T> {
  return { name, type: 'string', priority: 1, cell };
}

export const NAME_COLUMN: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: (object) => object.metadata?.name ?? '',
};

export const AGE_COLUMN: Column<KubeObject> = column('Age', (object, nowMs) =>
  timeSince(object.metadata?.creationTimestamp, nowMs),
);

/** Kinds without a printer of their own show when they were made. */
export const DEFAULT_COLUMNS: readonly Column<KubeObject>[] = [
  NAME_COLUMN,
  {
    name: 'Created At',
    type: 'date',
    cell: (object) => object.metadata?.creationTimestamp ?? '<unknown>',
  },
];

/** `a=1,b=2`, sorted by key; `<none>` when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  );
  if (entries.length === 0) return '<none>';
  return entries.map(([key, value]) => `${key}=${value}`).join(',');
}

/** A LabelSelector object; `<none>` when it is empty or absent. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const text = selectorText(selector);
  return text === '' ? '<none>' : text;
}

/** A LabelSelector object as a selector string; empty when it is empty or absent. */
export function selectorText(selector: LabelSelector | undefined): string {
  return formatSelector(selectorOf(selector) ?? []);
}

function containersOf(template: PodTemplateSpec | undefined): readonly Container[] {
  return template?.spec?.containers ?? [];
}

/** The wide columns of everything that has a pod template. */
export function templateColumns<T>(
  template: (object: T) => PodTemplateSpec | undefined,
): Column<T>[] {
  return [
    wideColumn('Containers', (object) => containerNames(template(object))),
    wideColumn('Images', (object) => containerImages(template(object))),
  ];
}

export function containerNames(template: PodTemplateSpec | undefined): string {
  return containersOf(template)
    .map((container) => container.name ?? '')
    .join(',');
}

export function containerImages(template: PodTemplateSpec | undefined): string {
  return containersOf(template)
    .map((container) => container.image ?? '')
    .join(',');
}

/** `a,b,c + 2 more...`: the first `max` of `items`. */
export function withMore(items: readonly string[], max: number): string {
  const shown = items.slice(0, max).join(',');
  return items.length > max ? `${shown} + ${items.length - max} more...` : shown;
}
