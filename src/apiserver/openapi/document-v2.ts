/**
 * The OpenAPI v2 document: all of the v3 documents in one, in the older form.
 *
 * Source: OpenAPI 2.0. What that version cannot say (defaults beside a reference, alternatives)
 * is left out, as kube-openapi does.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import { KUBERNETES_VERSION } from '../version.ts';
import { type CustomModels, REF } from './schemas.ts';
import type { DocumentParts } from './v2-answer.ts';

const DEFINITIONS = '#/definitions/';

const MODELS: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
};

const HEAD: JsonObject = {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
};
const SECURITY: JsonObject = {
  securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
  security: [{ BearerToken: [] }],
};

const GVK = 'x-kubernetes-group-version-kind';

/** Takes v3 documents one by one, so that the caller can rest between them. */
export class DocumentV2 {
  readonly #paths = new Map<string, string>();
  readonly #definitions = new Map<string, JsonObject>();

  addPaths({ paths }: JsonObject): void {
    for (const [path, item] of entriesOf(paths))
      this.#paths.set(path, JSON.stringify(pathItemV2(item)));
  }

  /** `own`: models that are given in the older form already. */
  addDefinitions({ components }: JsonObject, own: CustomModels): void {
    for (const [name, schema] of entriesOf((components as JsonObject)['schemas'])) {
      const model = own.get(name);
      if (model === undefined) this.#define(name, schema);
      else this.#definitions.set(name, model());
    }
  }

  #define(name: string, schema: JsonObject): void {
    const before = this.#definitions.get(name);
    if (before === undefined) {
      this.#definitions.set(name, MODELS[name] ?? schemaV2(schema));
      return;
    }
    // Kinds that every group version has name all of them.
    const kinds = [before[GVK], schema[GVK]].flatMap((list) => (Array.isArray(list) ? list : []));
    if (kinds.length > 1) before[GVK] = distinct(kinds);
  }

  /** The document in pieces, for its protobuf form. */
  parts(): DocumentParts {
    return {
      head: { ...HEAD, ...SECURITY },
      paths: sortedEntries(this.#paths),
      definitions: sortedEntries(this.#definitions),
    };
  }

  /** The document as text, written piece by piece. */
  text(): string {
    const paths = sortedEntries(this.#paths).map(
      ([path, item]) => `${JSON.stringify(path)}:${item}`,
    );
    const definitions = sortedEntries(this.#definitions).map(
      ([name, schema]) => `${JSON.stringify(name)}:${JSON.stringify(schema)}`,
    );
    const head = JSON.stringify(HEAD);
    const security = JSON.stringify(SECURITY);
    return `${head.slice(0, -1)},"paths":{${paths.join(',')}},"definitions":{${definitions.join(',')}},${security.slice(1)}`;
  }
}

function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function entriesOf(value: Json | undefined): [string, JsonObject][] {
  return Object.entries((value ?? {}) as Record<string, JsonObject>);
}

function distinct(kinds: Json[]): Json[] {
  return sortedEntries(new Map(kinds.map((kind) => [JSON.stringify(kind), kind]))).map(
    ([, kind]) => kind,
  );
}

function schemaV2(schema: JsonObject): JsonObject {
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

function pathItemV2(item: JsonObject): JsonObject {
  return Object.fromEntries(
    entriesOf(item).map(([key, value]) => [
      key,
      key === 'parameters' ? parametersV2(value as unknown as JsonObject[]) : operationV2(value),
    ]),
  );
}

function parametersV2(parameters: JsonObject[]): JsonObject[] {
  return parameters.map(({ schema, ...rest }) => ({ ...rest, ...(schema as JsonObject) }));
}

function operationV2(operation: JsonObject): JsonObject {
  const { parameters, requestBody, responses, ...rest } = operation;
  const body = bodyParameter(requestBody as JsonObject | undefined);
  const own = parametersV2((parameters ?? []) as JsonObject[]);
  const all = [...body, ...own];
  const produces = mediaOf(responses as JsonObject);
  const consumes =
    requestBody === undefined
      ? consumesWithoutBody(rest, responses as JsonObject)
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
function consumesWithoutBody(operation: JsonObject, responses: JsonObject): string[] {
  if (operation[GVK] !== undefined) return ['*/*'];
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
