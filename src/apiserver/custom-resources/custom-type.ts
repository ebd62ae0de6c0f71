/** What a custom resource has instead of a type in the field table. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
} from '#api/gen/apiextensions-v1.ts';
import type { CustomType } from '#api/kind.ts';
import { cloneJson } from '#api/meta/json.ts';
import { apiVersionOf, type JsonObject, type KubeObject } from '#api/meta/object.ts';
import type { TypeSchema } from '#api/schema/types.ts';
import type { CustomSchema } from './custom-schema.ts';
import { type ConversionServices, convertByWebhook } from './webhook-conversion.ts';

export interface CustomTypeOptions {
  readonly schema: CustomSchema;
  readonly spec: CustomResourceDefinitionSpec;
  readonly storedSince: number;
  readonly isTerminating: boolean;
  readonly conversion: ConversionServices;
}

export function customType(
  definition: CustomResourceDefinition,
  { schema, spec, storedSince, isTerminating, conversion }: CustomTypeOptions,
): CustomType {
  const storage = spec.versions.find((version) => version.storage)?.name ?? '';
  const isStorage = schema.version.name === storage;
  const apiVersion = apiVersionOf({ group: spec.group, version: schema.version.name });
  const webhook = spec.conversion?.strategy === 'Webhook' ? spec.conversion.webhook : undefined;
  const { uid = '', generation = 0 } = definition.metadata ?? {};
  return {
    get fields(): TypeSchema {
      return schema.fields;
    },
    prune: (object, options) => schema.prune(object, options),
    storedApiVersion: apiVersionOf({ group: spec.group, version: storage }),
    ...(webhook === undefined
      ? {}
      : {
          convert: (objects, wanted) => convertByWebhook(conversion, webhook, objects, wanted),
        }),
    // What is stored in one version is nothing that another one can send.
    storedSince: isStorage ? storedSince : Number.MAX_SAFE_INTEGER,
    fromStored: (stored) => served(schema, stored, apiVersion),
    isTerminating,
    identity: `${uid}/${generation}/${JSON.stringify(definition.status?.acceptedNames)}`,
    openApi: (form) => schema.openApi(form),
  };
}

/** As upstream reads: pruned and defaulted anew, for the schema may have changed since. */
function served(schema: CustomSchema, stored: KubeObject, apiVersion: string): KubeObject {
  const object = cloneJson(stored as unknown as JsonObject);
  object['apiVersion'] = apiVersion;
  schema.prune(object, { dropInvalid: true });
  const result = object as unknown as KubeObject;
  schema.setDefaults(result);
  if (result.metadata !== undefined) result.metadata.generation ||= 1;
  return result;
}
