/**
 * Parts of OpenAPI v3 in the older form.
 *
 * Source: OpenAPI 2.0. What that version cannot say (defaults beside a reference, alternatives)
 * is left out, as kube-openapi does.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import { REF } from './schemas.ts';

const DEFINITIONS = '#/definitions/';
const GVK = 'x-kubernetes-group-version-kind';

export function entriesOf(value: Json | undefined): [string, JsonObject][] {
  return Object.entries((value ?? {}) as Record<string, JsonObject>);
}

export function schemaV2(schema: JsonObject): JsonObject {
  const { properties, ...rest } = schema;
  if (properties === undefined) return rest;
  return {
    ...rest,
    properties: Object.fromEntries(
      entriesOf(properties).map(([name, value]) => [name, propertyV2(value)]),
    ),
  };
}

function propertyV2(property: JsonObject): JsonObject {
  const { allOf, default: _, items, additionalProperties, ...rest } = property;
  const [inner] = Array.isArray(allOf) ? (allOf as JsonObject[]) : [];
  return {
    ...(inner === undefined ? {} : refV2(inner)),
    ...refV2(rest),
    ...(items === undefined ? {} : { items: propertyV2(items as JsonObject) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: propertyV2(additionalProperties as JsonObject) }),
  };
}

function refV2(schema: JsonObject): JsonObject {
  const { $ref } = schema;
  return typeof $ref === 'string' ? { ...schema, $ref: $ref.replace(REF, DEFINITIONS) } : schema;
}

/** `consumed`: what operations without a body are said to take. */
export function pathItemV2(item: JsonObject, consumed: readonly string[] = ['*/*']): JsonObject {
  return Object.fromEntries(
    entriesOf(item).map(([key, value]) => [
      key,
      key === 'parameters'
        ? parametersV2(value as unknown as JsonObject[])
        : operationV2(value, consumed),
    ]),
  );
}

function parametersV2(parameters: JsonObject[]): JsonObject[] {
  return parameters.map(({ schema, ...rest }) => ({ ...rest, ...(schema as JsonObject) }));
}

function operationV2(operation: JsonObject, consumed: readonly string[]): JsonObject {
  const { parameters, requestBody, responses, ...rest } = operation;
  const body = bodyParameter(requestBody as JsonObject | undefined);
  const own = parametersV2((parameters ?? []) as JsonObject[]);
  const all = [...body, ...own];
  const produces = mediaOf(responses as JsonObject);
  const consumes =
    requestBody === undefined
      ? consumesWithoutBody(rest, responses as JsonObject, consumed)
      : mediaOfBody(requestBody as JsonObject);
  return {
    ...rest,
    schemes: ['https'],
    ...(consumes.length === 0 ? {} : { consumes }),
    ...(produces.length === 0 ? {} : { produces }),
    ...(all.length === 0 ? {} : { parameters: all }),
    responses: responsesV2(responses as JsonObject),
  };
}

/** Paths of kinds take anything, indices what they produce, the rest says nothing. */
function consumesWithoutBody(
  operation: JsonObject,
  responses: JsonObject,
  consumed: readonly string[],
): string[] {
  if (operation[GVK] !== undefined) return [...consumed];
  const schema = schemaOfContent((responses['200'] ?? {}) as JsonObject);
  return schema?.['$ref'] === undefined ? [] : mediaOf(responses);
}

function mediaOfBody(requestBody: JsonObject): string[] {
  return Object.keys((requestBody['content'] ?? {}) as JsonObject);
}

function mediaOf(responses: JsonObject): string[] {
  const ok = responses['200'] as JsonObject | undefined;
  return Object.keys((ok?.['content'] ?? {}) as JsonObject);
}

function bodyParameter(requestBody: JsonObject | undefined): JsonObject[] {
  if (requestBody === undefined) return [];
  const schema = schemaOfContent(requestBody);
  return [
    {
      name: 'body',
      in: 'body',
      ...(requestBody['required'] === true ? { required: true } : {}),
      ...(schema === undefined ? {} : { schema }),
    },
  ];
}

function schemaOfContent(holder: JsonObject): JsonObject | undefined {
  const [first] = Object.values((holder['content'] ?? {}) as Record<string, JsonObject>);
  const schema = first?.['schema'];
  return schema === undefined ? undefined : refV2(schema as JsonObject);
}

function responsesV2(responses: JsonObject): JsonObject {
  return Object.fromEntries(
    entriesOf(responses).map(([code, response]) => {
      const schema = schemaOfContent(response);
      const { description = '' } = response;
      return [code, { description, ...(schema === undefined ? {} : { schema }) }];
    }),
  );
}
