/** CustomResourceDefinition. Upstream: apiextensions-apiserver/pkg/registry/customresourcedefinition. */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import {
  validateCustomResourceDefinition,
  validateCustomResourceDefinitionCreate,
  validateCustomResourceDefinitionUpdate,
} from '../validation/custom-resource-definition.ts';

const HTTPS_PORT = 443;

function setDefaults({ spec }: CustomResourceDefinition): void {
  if (spec === undefined) return;
  if (spec.names !== undefined) {
    spec.names.singular ||= (spec.names.kind ?? '').toLowerCase();
    if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= HTTPS_PORT;
}

/** The version that is stored from now on joins those that may lie in the store. */
function addStoredVersion(definition: CustomResourceDefinition): void {
  const stored = definition.spec?.versions?.find((version) => version.storage)?.name;
  const status = definition.status;
  if (stored === undefined || status === undefined) return;
  const versions = status.storedVersions ?? [];
  if (!versions.includes(stored))
    definition.status = { ...status, storedVersions: [...versions, stored] };
}

/** Upstream: the registry's Delete marks the definition when its deletion begins. */
function markTerminating(definition: CustomResourceDefinition): void {
  const status = definition.status ?? {
    conditions: [],
    acceptedNames: { plural: '', kind: '' },
    storedVersions: [],
  };
  const others = (status.conditions ?? []).filter(({ type }) => type !== 'Terminating');
  const time = definition.metadata?.deletionTimestamp;
  const terminating = {
    type: 'Terminating',
    status: 'True',
    ...(time === undefined ? {} : { lastTransitionTime: time }),
    reason: 'InstanceDeletionPending',
    message:
      'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  definition.status = { ...status, conditions: [...others, terminating] };
}

export const CUSTOM_RESOURCE_DEFINITION = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  hasStatus: true,
  countsGeneration: true,
  columns: DEFAULT_COLUMNS,
  setDefaults,
  prepareForDeletion: markTerminating,
  deletionFinalizer: 'customresourcecleanup.apiextensions.k8s.io',
  prepareForCreate: (definition) => {
    definition.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: [],
    };
    addStoredVersion(definition);
  },
  prepareForUpdate: addStoredVersion,
  validate: validateCustomResourceDefinition,
  validateCreate: validateCustomResourceDefinitionCreate,
  validateUpdate: validateCustomResourceDefinitionUpdate,
});
