/**
 * Tables: what `kubectl get` prints. Columns are the kind's (`api/kind.ts`).
 *
 * Source: API concepts, "Receiving resources as Tables".
 */
import type { AnyKind, Column } from '#api/kind.ts';
import type { KubeObject, ObjectMeta } from '#api/meta/object.ts';
import { humanDuration } from '#api/meta/duration.ts';
import type { ApiObject } from './api-object.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

const DEFAULT_COLUMNS: readonly Column<KubeObject>[] = [
  { name: 'Name', type: 'string', format: 'name', cell: (object) => object.metadata?.name ?? '' },
  { name: 'Age', type: 'string', cell: (object, nowMs) => ageOf(object, nowMs) },
];

/** How long ago the object was made, as `kubectl get` shows it. */
function ageOf(object: KubeObject, nowMs: number): string {
  const created = object.metadata?.creationTimestamp;
  return created === undefined ? '<unknown>' : humanDuration(nowMs - Date.parse(created));
}

/** A Table without its rows. `columns`: with their definitions (a watch says them once). */
export function tableHead(
  kind: AnyKind,
  options: {
    readonly metadata: object;
    readonly columns: boolean;
    /** `meta.k8s.io/v1`, or an older one. */
    readonly apiVersion: string;
  },
) {
  return {
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata: options.metadata,
    columnDefinitions: options.columns ? columnsOf(kind).map(definitionOf) : null,
  };
}

/** One object as a row. `include`: how much of the object goes with it. */
export function rowOf(
  kind: AnyKind,
  object: ApiObject,
  {
    nowMs,
    include,
    apiVersion,
  }: {
    readonly nowMs: number;
    readonly include: IncludeObject;
    readonly apiVersion: string;
  },
): object {
  return {
    cells: columnsOf(kind).map((column) => column.cell(object, nowMs)),
    object:
      include === 'None'
        ? null
        : include === 'Object'
          ? object
          : metadataOnly(kind, object, apiVersion),
  };
}

function columnsOf(kind: AnyKind): readonly Column<KubeObject>[] {
  return kind.columns ?? DEFAULT_COLUMNS;
}

function definitionOf(column: Column<KubeObject>): object {
  return {
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  };
}

function metadataOnly(kind: AnyKind, object: ApiObject, apiVersion: string): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: plainMetadata(kind, object),
  };
}

/** The metadata of the stored form: without the annotations that are fields there. */
export function plainMetadata(
  { fieldAnnotations }: AnyKind,
  { metadata = {} }: ApiObject,
): ObjectMeta {
  const { annotations, ...rest } = metadata;
  if (fieldAnnotations === undefined || annotations === undefined) return metadata;
  const kept = Object.entries(annotations).filter(([key]) => !fieldAnnotations.includes(key));
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) };
}
