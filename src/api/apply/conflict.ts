/**
 * An apply that would change fields of other managers.
 *
 * Source: upstream managedfields/internal/conflict.go for causes and messages.
 */
import type { StatusCause } from '../meta/status.ts';
import { entryId, type ManagerEntry } from './entries.ts';
import { pathText } from './field-set.ts';
import type { PathElement } from './path-element.ts';

export interface Conflict {
  readonly entry: ManagerEntry;
  readonly path: readonly PathElement[];
}

/** For the client: a cause for each field, and a message that names them all. */
export class ApplyConflictError extends Error {
  readonly causes: StatusCause[];
  constructor(conflicts: readonly Conflict[]) {
    super(conflictMessage(conflicts));
    this.name = 'ApplyConflictError';
    this.causes = conflicts.map(({ entry, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${managerText(entry)}`,
      field: pathText(path),
    }));
  }
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [only] = conflicts;
  if (only !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${managerText(only.entry)}: ${pathText(only.path)}`;
  }
  const byManager = Map.groupBy(conflicts, ({ entry }) => entryId(entry));
  const lines = [...byManager]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, list]) => linesOf(list));
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function linesOf(conflicts: readonly Conflict[]): string[] {
  const [first] = conflicts;
  if (first === undefined) return [];
  return [
    `conflicts with ${managerText(first.entry)}:`,
    ...conflicts.map(({ path }) => `- ${pathText(path)}`),
  ];
}

function managerText({ manager, operation, apiVersion, subresource }: ManagerEntry): string {
  const name = JSON.stringify(manager);
  const named =
    subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${named} using ${apiVersion}` : named;
}
