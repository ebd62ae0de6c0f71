/**
 * The part of a JSON schema that gives data its CEL types: what a structural schema of a custom
 * resource and the OpenAPI schema of a built-in kind have in common.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/common/adaptor.go.
 */
export interface CelSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, CelSchema>>;
  readonly additionalProperties?: CelSchema | boolean;
  readonly items?: CelSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** A custom resource tells it by an extension, a built-in kind by a format. */
export const isIntOrString = (schema: CelSchema): boolean =>
  schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string';

/** The schema of a map's values; undefined for what is no map. */
export const valueSchema = (schema: CelSchema): CelSchema | undefined =>
  typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;

const STRING: CelSchema = { type: 'string' };
const META: CelSchema = { type: 'object', properties: { name: STRING, generateName: STRING } };
const withMeta = new WeakMap<CelSchema, CelSchema>();

/** The schema of an object that is a whole resource: it has at least kind, apiVersion and a name. */
export function withTypeAndMeta(schema: CelSchema): CelSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const names = metadata?.properties;
  const isComplete =
    kind?.type === 'string' &&
    apiVersion?.type === 'string' &&
    metadata?.type === 'object' &&
    names?.name?.type === 'string' &&
    names.generateName?.type === 'string';
  if (isComplete) return schema;
  const known = withMeta.get(schema);
  if (known !== undefined) return known;
  const properties = { ...schema.properties, kind: STRING, apiVersion: STRING, metadata: META };
  const extended = { ...schema, properties };
  withMeta.set(schema, extended);
  return extended;
}
