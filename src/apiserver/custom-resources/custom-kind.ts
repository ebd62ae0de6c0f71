/**
 * A custom resource definition as kinds, one for each version that is served: what files under
 * `src/api/<group>/` say of built-in kinds is made here of a structural schema.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go and
 * registry/customresource/strategy.go.
 */
import { isConditionTrue } from '#api/apiextensions/condition-list.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '#api/gen/apiextensions-v1.ts';
import { type AnyKind, anyKind, defineKind, type ScalePaths } from '#api/kind.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { compareVersions } from '#api/meta/version.ts';
import { customColumns } from '#api/structural/columns.ts';
import {
  finalizerWarnings,
  validateCustomResource,
  validateCustomResourceStatusUpdate,
  validateCustomResourceUpdate,
} from '#api/structural/custom-resource.ts';
import type { RuleEngine } from '#api/structural/rule-engine.ts';
import { modelName } from '#api/structural/type-schema.ts';
import { replicasPath, scaleOf, setScale } from '#api/structural/scale.ts';
import { selectableFields } from '#api/structural/selectable-fields.ts';
import { customType } from './custom-type.ts';
import { storagePrefixOf } from './definitions.ts';
import { CustomSchema, jsonOf, type SchemaReader } from './custom-schema.ts';
import type { ConversionServices } from './webhook-conversion.ts';

export interface CustomKindOptions {
  /** Objects written from this revision on lie in the store as the storage version serves them. */
  readonly storedSince: number;
  readonly rules?: RuleEngine;
  readonly conversion: ConversionServices;
  readonly readSchema: SchemaReader;
}

/** The kinds of all served versions, the one that clients prefer first. */
export function customKinds(
  whole: CustomResourceDefinition,
  options: CustomKindOptions,
): AnyKind[] {
  const definition = withoutSchemas(whole);
  const { spec } = definition;
  if (spec === undefined) return [];
  const names = namesOf(definition, spec);
  return spec.versions
    .filter(({ served }) => served)
    .toSorted((left, right) => compareVersions(left.name, right.name))
    .map((version) => kindOf(definition, { spec, names, version, ...options }));
}

/** The kind of the version that objects are stored in, served or not; undefined without one. */
export function storedKind(
  whole: CustomResourceDefinition,
  options: CustomKindOptions,
): AnyKind | undefined {
  const definition = withoutSchemas(whole);
  const { spec } = definition;
  const version = spec?.versions.find(({ storage }) => storage);
  if (spec === undefined || version === undefined) return undefined;
  return kindOf(definition, { spec, names: namesOf(definition, spec), version, ...options });
}

/** What is kept of a definition as long as it is served: of thousands, not the schemas. */
function withoutSchemas({ metadata, spec, status }: CustomResourceDefinition) {
  const { name, uid, generation } = metadata ?? {};
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
      ...(generation === undefined ? {} : { generation }),
    },
    ...(status === undefined ? {} : { status }),
    ...(spec === undefined
      ? {}
      : { spec: { ...spec, versions: spec.versions.map(withoutSchema) } }),
  };
}

function withoutSchema(version: CustomResourceDefinitionVersion): CustomResourceDefinitionVersion {
  const { schema: _, ...rest } = version;
  return rest;
}

/** Names that another definition holds are not accepted: the old ones stay. */
function namesOf(
  { status }: CustomResourceDefinition,
  spec: CustomResourceDefinitionSpec,
): CustomResourceDefinitionNames {
  return status?.acceptedNames.kind ? status.acceptedNames : spec.names;
}

interface Parts extends CustomKindOptions {
  readonly spec: CustomResourceDefinitionSpec;
  readonly names: CustomResourceDefinitionNames;
  readonly version: CustomResourceDefinitionVersion;
}

function kindOf(definition: CustomResourceDefinition, parts: Parts): AnyKind {
  const { spec, names, version, rules } = parts;
  const schema = new CustomSchema(definition, version, { read: parts.readSchema, rules });
  const scale = version.subresources?.scale;
  const deprecation = deprecationOf(spec, version);
  const kind = defineKind<KubeObject>({
    group: spec.group,
    version: version.name,
    kind: names.kind,
    plural: spec.names.plural,
    ...(names.singular === undefined ? {} : { singular: names.singular }),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    schema: modelName(schema.names),
    custom: customType(definition, { schema, ...parts, isTerminating: terminating(definition) }),
    storagePrefix: storagePrefixOf(definition),
    hasStatus: version.subresources?.status !== undefined,
    ...(scale === undefined ? {} : { scale: scalePaths(spec, scale) }),
    countsGeneration: true,
    columns: customColumns(version.additionalPrinterColumns),
    selectableFields: selectableFields(version.selectableFields),
    setDefaults: (object) => schema.setDefaults(object),
    validateCreate: (object) => validateCustomResource(jsonOf(object), schema.kind),
    validateUpdate: (next, old, warning) =>
      validateCustomResourceUpdate(jsonOf(next), jsonOf(old), schema.kind, warning),
    validateStatus: (next, old, context) =>
      validateCustomResourceStatusUpdate(jsonOf(next), jsonOf(old), schema.kind, (text) =>
        context.warn(text),
      ),
    warn: ({ metadata }, old) =>
      finalizerWarnings(metadata?.finalizers ?? [], old?.metadata?.finalizers),
    ...(deprecation === undefined ? {} : { deprecation }),
  });
  return anyKind({ ...kind, listKind: names.listKind ?? kind.listKind });
}

function scalePaths(
  { group, versions }: CustomResourceDefinitionSpec,
  paths: CustomResourceSubresourceScale,
): ScalePaths<KubeObject> {
  return {
    customPath: paths.specReplicasPath,
    replicasPaths: new Map(
      versions.map(({ name, subresources }) => [
        apiVersionOf({ group, version: name }),
        subresources?.scale && replicasPath(subresources.scale),
      ]),
    ),
    get: (object) => scaleOf(jsonOf(object), paths),
    set(object, replicas) {
      Object.assign(object, setScale(jsonOf(object), paths, replicas));
    },
  };
}

function terminating(definition: CustomResourceDefinition): boolean {
  return isConditionTrue(definition, 'Terminating');
}

/** The warning that goes with each request for a deprecated version. */
function deprecationOf(
  { group, names, versions }: CustomResourceDefinitionSpec,
  version: CustomResourceDefinitionVersion,
): string | undefined {
  if (version.deprecated !== true) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const better = versions
    .filter(({ served, deprecated }) => served && deprecated !== true)
    .map(({ name }) => name)
    .filter((name) => compareVersions(name, version.name) < 0)
    .toSorted(compareVersions)[0];
  const instead = better === undefined ? '' : `; use ${group}/${better} ${names.kind}`;
  return `${group}/${version.name} ${names.kind} is deprecated${instead}`;
}
