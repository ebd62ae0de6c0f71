/** ControllerRevision. Upstream: pkg/registry/apps/controllerrevision, pkg/apis/apps/validation. */
import type { ControllerRevision } from '#api/gen/apps-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { controllerOf, parseApiVersion } from '../meta/object.ts';
import {
  validateControllerRevision,
  validateControllerRevisionCreate,
  validateControllerRevisionUpdate,
} from '../validation/controller-revision.ts';

/** `statefulset.apps/web` */
function controllerName(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (owner === undefined) return '<none>';
  const { group } = parseApiVersion(owner.apiVersion ?? '');
  const kind = (owner.kind ?? '').toLowerCase();
  return `${group === '' ? kind : `${kind}.${group}`}/${owner.name}`;
}

export const CONTROLLER_REVISION = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Controller', controllerName),
    column('Revision', (object) => object.revision ?? 0),
    AGE_COLUMN,
  ],
  validate: validateControllerRevision,
  validateCreate: validateControllerRevisionCreate,
  validateUpdate: validateControllerRevisionUpdate,
});
