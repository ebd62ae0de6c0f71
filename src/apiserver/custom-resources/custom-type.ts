/** What a custom resource has instead of a type in the field table. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
} from '#api/gen/apiextensions-v1.ts';
import type { CustomType } from '#api/kind.ts';
import { cloneJson } from '#api/meta/json.ts';
import { apiVersionOf, type JsonObject, type KubeObject } from '#api/meta/object.ts';
import type { TypeSchema } from '#api/schema/types.ts';
import { CustomSchema, type SchemaReader } from './custom-schema.ts';
import { type ConversionServices, convertByWebhook } from './webhook-conversion.ts';

export interface CustomTypeOptions {
  readonly schema: CustomSchema;
  readonly spec: CustomResourceDefinitionSpec;
  readonly storedSince: number;
  readonly isTerminating: boolean;
  readonly conversion: ConversionServices;
  readonly readSchema: SchemaReader;
}

export function customType(
  definition: CustomResourceDefinition,
  { schema, spec, storedSince, isTerminating, conversion, readSchema }: CustomTypeOptions,
): CustomType {
  const storage = spec.versions.find((version) => version.storage)?.name ?? '';
  const isStorage = schema.version.name === storage;
  const schemas = schemasOf(definition, schema, readSchema);
  const readStored = (stored: KubeObject): KubeObject =>
    asStored(schemas(stored.apiVersion ?? '') ?? schema, stored);
  const apiVersion = apiVersionOf({ group: spec.group, version: schema.version.name });
  const webhook = spec.conversion?.strategy === 'Webhook' ? spec.conversion.webhook : undefined;
  const { uid = '', generation = 0 } = definition.metadata ?? {};
  return {
    get fields(): TypeSchema {
      return schema.fields;
    },
    otherVersion: otherVersions(schemas, apiVersion),
    prune: (object, options) => schema.prune(object, options),
    storedApiVersion: apiVersionOf({ group: spec.group, version: storage }),
    ...(webhook === undefined
      ? {}
      : {
          convert: (objects, wanted) => convertByWebhook(conversion, webhook, objects, wanted),
        }),
    // What is stored in one version is nothing that another one can send.
    storedSince: isStorage ? storedSince : Number.MAX_SAFE_INTEGER,
    readStored,
    fromConverted: (converted) => served(schema, converted, apiVersion),
    fromStored: (stored) => served(schema, readStored(stored), apiVersion),
    ...(isStorage
      ? {}
      : {
          pruneForStorage: (object) => {
            schemas(apiVersionOf({ group: spec.group, version: storage }))?.prune(
              object as unknown as JsonObject,
              { dropInvalid: true },
            );
          },
        }),
    isTerminating,
    identity: `${uid}/${generation}/${JSON.stringify(definition.status?.acceptedNames)}`,
    openApi: (form) => schema.openApi(form),
  };
}

/**
 * Without a webhook, an object is in another version what it is in its own, but for the name of the
 * version. With one it is asked (`verbs/foreign-versions.ts`), and only the type counts.
 */
function otherVersions(schemas: Schemas, apiVersion: string): CustomType['otherVersion'] {
  return (wanted) => {
    const schema = schemas(wanted);
    return (
      schema && {
        get type(): TypeSchema {
          return schema.fields;
        },
        toForeign: (object) => ({ ...object, apiVersion: wanted }),
        fromForeign: (object) => ({ ...object, apiVersion }),
      }
    );
  };
}

/** The schema of a version of the definition (`stable.example.com/v1`), made when it is asked for. */
type Schemas = (apiVersion: string) => CustomSchema | undefined;

function schemasOf(
  definition: CustomResourceDefinition,
  own: CustomSchema,
  read: SchemaReader,
): Schemas {
  const { group = '', versions = [] } = definition.spec ?? {};
  const known = new Map([[apiVersionOf({ group, version: own.version.name }), own]]);
  return (wanted) => {
    const found = known.get(wanted);
    if (found !== undefined) return found;
    const version = versions.find(({ name }) => apiVersionOf({ group, version: name }) === wanted);
    if (version === undefined) return undefined;
    const made = new CustomSchema(definition, version, { read });
    known.set(wanted, made);
    return made;
  };
}

/** As upstream reads: pruned and defaulted anew, for the schema may have changed since. */
function asStored(schema: CustomSchema, stored: KubeObject): KubeObject {
  const object = cloneJson(stored as unknown as JsonObject);
  schema.prune(object, { dropInvalid: true });
  const result = object as unknown as KubeObject;
  schema.setDefaults(result);
  if (result.metadata !== undefined) result.metadata.generation ||= 1;
  return result;
}

function served(schema: CustomSchema, converted: KubeObject, apiVersion: string): KubeObject {
  const object = cloneJson(converted as unknown as JsonObject);
  object['apiVersion'] = apiVersion;
  schema.prune(object, { dropInvalid: true });
  return object as unknown as KubeObject;
}
