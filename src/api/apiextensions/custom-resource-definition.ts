/**
 * CustomResourceDefinition, as a kind.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go
 * and pkg/apis/apiextensions/v1/defaults.go.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionStatus,
} from '#api/gen/apiextensions-v1.ts';
import { defineKind, type Kind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import { CEL_RULES } from '../structural/cel-rules.ts';
import type { RuleEngine } from '../structural/rule-engine.ts';
import { withCondition } from './condition-list.ts';
import {
  definitionWarnings,
  validateDefinition,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from './validate-definition.ts';

const HTTPS_PORT = 443;
/** Holds a definition until all its objects are gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

function setDefaults(definition: CustomResourceDefinition): void {
  const { spec } = definition;
  if (spec === undefined) return;
  if (spec.names !== undefined) {
    spec.names.singular ||= (spec.names.kind ?? '').toLowerCase();
    if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= HTTPS_PORT;
  if ((definition.status?.storedVersions ?? []).length === 0) addStoredVersion(definition);
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
  const { status, metadata } = definition;
  const time = metadata?.deletionTimestamp ?? '';
  const conditions = withCondition(status?.conditions ?? [], INSTANCES_REMAIN, time);
  definition.status = { ...EMPTY_STATUS, ...status, conditions };
}

/** As Go writes it: a list that nobody made is null. */
const EMPTY_STATUS = {
  conditions: null,
  acceptedNames: { plural: '', kind: '' },
  storedVersions: [],
} as unknown as CustomResourceDefinitionStatus;
const INSTANCES_REMAIN = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionPending',
  message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
};

/** `rules` compiles the rules of schemas; without, only their form is judged. */
export function customResourceDefinitionKind(rules?: RuleEngine): Kind<CustomResourceDefinition> {
  return defineKind<CustomResourceDefinition>({
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
    deletionFinalizer: CLEANUP_FINALIZER,
    prepareForDeletion: markTerminating,
    prepareForCreate: (definition) => {
      definition.status = EMPTY_STATUS;
      addStoredVersion(definition);
    },
    prepareForUpdate: addStoredVersion,
    prepareForStatusUpdate: (definition) => {
      const { status } = definition;
      if (status?.conditions.length === 0) status.conditions = EMPTY_STATUS.conditions;
      if (status?.storedVersions.length === 0) addStoredVersion(definition);
    },
    validateCreate: (definition) => validateDefinition(definition, rules),
    validateUpdate: (next, old) => validateDefinitionUpdate(next, old, rules),
    validateStatus: validateDefinitionStatus,
    warn: definitionWarnings,
  });
}

export const CUSTOM_RESOURCE_DEFINITION = customResourceDefinitionKind(CEL_RULES);
