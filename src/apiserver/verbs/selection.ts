/** Which objects a list or watch wants: label selector, field selector, one name. */
import { type FieldTerm, parseFieldSelector } from '#api/meta/field-selector.ts';
import { matchesSelector, type Selector } from '#api/meta/labels.ts';
import { parseSelector, SelectorSyntaxError } from '#api/meta/selector-parser.ts';
import { badRequest } from '#api/meta/status.ts';
import type { ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import type { FieldInterest } from '../watch-cache/resource-cache.ts';

export interface Selection {
  /** True when everything is wanted: nothing need be parsed to know it. */
  readonly everything: boolean;
  /** The selection is of one object only: its name. */
  readonly name: string | undefined;
  /** The selection is of one namespace only, by field selector. */
  readonly namespace: string | undefined;
  /** A field that all selected objects have one value of: the watch need not look at others. */
  readonly interest: FieldInterest | undefined;
  matches(object: ApiObject): boolean;
}

export function selectionOf(
  resource: Resource,
  labelSelector: string,
  fieldSelector: string,
): Selection {
  const labels = parseLabels(labelSelector);
  const fields = parseFields(resource, fieldSelector);
  const exact = (field: string): string | undefined =>
    fields.find((term) => term.field === field && term.equal)?.value;
  return {
    everything: labels.length === 0 && fields.length === 0,
    name: exact('metadata.name'),
    namespace: exact('metadata.namespace'),
    interest: interestOf(resource, fields),
    matches: (object) =>
      matchesSelector(labels, object.metadata?.labels) &&
      fields.every(
        (term) => (fieldValue(resource, object, term.field) === term.value) === term.equal,
      ),
  };
}

function interestOf(resource: Resource, fields: readonly FieldTerm[]): FieldInterest | undefined {
  const term = fields.find(({ equal }) => equal);
  // What something else must convert first cannot be looked at when its event comes.
  if (term === undefined || resource.kind.custom?.convert !== undefined) return undefined;
  const { field, value } = term;
  return { field, value, valueOf: (entry) => fieldValue(resource, resource.read(entry), field) };
}

function parseLabels(text: string): Selector {
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorSyntaxError)) throw error;
    throw badRequest(error.message);
  }
}

function parseFields(resource: Resource, text: string): readonly FieldTerm[] {
  let terms: readonly FieldTerm[];
  try {
    terms = parseFieldSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorSyntaxError)) throw error;
    throw badRequest(error.message);
  }
  const { selectableFields, namespaced, custom } = resource.kind;
  // Kinds that say their fields themselves say all of them.
  const hasNamespace = namespaced || selectableFields === undefined || custom !== undefined;
  for (const { field } of terms) {
    const known =
      field === 'metadata.name' ||
      (field === 'metadata.namespace' && hasNamespace) ||
      Object.hasOwn(selectableFields ?? {}, field);
    if (known) continue;
    const unsupported =
      selectableFields === undefined
        ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported${forKind(resource)}: ${field}`;
    throw badRequest(unsupported);
  }
  return terms;
}

/** One kind is named. Upstream: pkg/apis/resource/v1/conversion.go. */
function forKind({ kind }: Resource): string {
  if (kind.kind !== 'ResourceSlice') return '';
  return ` for ${kind.group}/${kind.version}, Kind=${kind.kind}`;
}

function fieldValue(resource: Resource, object: ApiObject, field: string): string {
  if (field === 'metadata.name') return object.metadata?.name ?? '';
  if (field === 'metadata.namespace') return object.metadata?.namespace ?? '';
  return resource.kind.selectableFields?.[field]?.(object) ?? '';
}
