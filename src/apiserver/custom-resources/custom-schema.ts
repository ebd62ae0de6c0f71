/**
 * One version's schema at work: what reads, defaults, describes and judges its objects.
 *
 * The schema is compiled when it is first needed. Most versions of most definitions never are.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '#api/gen/apiextensions-v1.ts';
import type { JsonObject, KubeObject } from '#api/meta/object.ts';
import { badRequest } from '#api/meta/status.ts';
import type { TypeSchema } from '#api/schema/types.ts';
import { compilePlain, compileSchema } from '#api/structural/compile-schema.ts';
import {
  type CustomKind,
  type ReadOptions,
  readCustomResource,
} from '#api/structural/custom-resource.ts';
import { applyDefaults } from '#api/structural/defaults.ts';
import {
  type OpenApiForm,
  type PublishedSchemas,
  publishedSchemas,
} from '#api/structural/published-schema.ts';
import type { RuleEngine } from '#api/structural/rule-engine.ts';
import type { StructuralSchema } from '#api/structural/structural-schema.ts';
import { type TypeNames, typeOfSchema } from '#api/structural/type-schema.ts';

/** The schema of a version as it was sent: read when it is needed, for it is most of a definition. */
export type SchemaReader = (version: string) => JSONSchemaProps;

export class CustomSchema {
  readonly version: CustomResourceDefinitionVersion;
  readonly names: TypeNames;
  readonly #definition: CustomResourceDefinition;
  readonly #read: SchemaReader;
  readonly #rules: RuleEngine | undefined;
  #schema: StructuralSchema | undefined;
  #fields: TypeSchema | undefined;

  constructor(
    definition: CustomResourceDefinition,
    version: CustomResourceDefinitionVersion,
    { read, rules }: { readonly read: SchemaReader; readonly rules?: RuleEngine | undefined },
  ) {
    this.#definition = definition;
    this.version = version;
    this.#read = read;
    this.#rules = rules;
    const { group = '', names } = definition.spec ?? {};
    this.names = { group, version: version.name, kind: names?.kind ?? '' };
  }

  get schema(): StructuralSchema {
    this.#schema ??= compileSchema(this.#read(this.version.name));
    return this.#schema;
  }

  /** For patches, applying and field managers. */
  get fields(): TypeSchema {
    return (this.#fields ??= typeOfSchema(this.schema, this.names));
  }

  /** What objects are judged by. */
  get kind(): CustomKind {
    const scale = this.version.subresources?.scale;
    return {
      ...this.names,
      schema: this.schema,
      ...(this.#rules === undefined ? {} : { rules: this.#rules }),
      ...(scale === undefined ? {} : { scale }),
    };
  }

  /** Changes `object`: drops what the schema does not know, and answers its paths. Throws 400. */
  prune(object: JsonObject, options: ReadOptions = {}): readonly string[] {
    const preserveUnknownFields = this.#definition.spec?.preserveUnknownFields === true;
    const read = readCustomResource(object, this.schema, { ...options, preserveUnknownFields });
    if (read.error !== undefined) throw badRequest(read.error.text());
    return read.unknown;
  }

  setDefaults(object: KubeObject): void {
    applyDefaults(jsonOf(object), this.schema);
  }

  /** The models for OpenAPI, of the object and of a list. */
  openApi(form: OpenApiForm): PublishedSchemas {
    // Compiled for this once: what is published is rarely what is used, and would stay.
    const schema = this.#schema ?? compilePlain(this.#read(this.version.name));
    return publishedSchemas(this.#definition, this.version.name, schema, form);
  }
}

/** Objects are JSON, and what is known of them is in their schema. */
export function jsonOf(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}
