/**
 * Operations of OpenAPI v3: what one method of one path takes and answers.
 *
 * Source: OpenAPI 3.0; upstream staging/src/k8s.io/apiserver/pkg/endpoints/installer.go for which
 * options, bodies and answers an action has.
 */
import type { JsonObject } from '#api/meta/object.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { FieldType, TypeSchema } from '#api/schema/types.ts';
import { PATCH_TYPES } from '../verbs/patch.ts';

export const META_V1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const MEDIA = [
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
];
const STREAMS = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: string;
}

/** What an answer means: each must say it. */
const ANSWERS: Readonly<Record<string, string>> = {
  '200': 'OK',
  '201': 'Created',
  '202': 'Accepted',
  '401': 'Unauthorized',
};

export type Ref = (model: string) => JsonObject;

export const pathParameter = (name: string): Parameter => ({ name, in: 'path', type: 'string' });
const query = (name: string, type: string): Parameter => ({ name, in: 'query', type });
export const PRETTY = query('pretty', 'string');

const OPTIONS = new Map<string, readonly Parameter[]>();

/** The fields of an options type that may stand in a query. */
export function optionsOf(model: string): readonly Parameter[] {
  let parameters = OPTIONS.get(model);
  if (parameters === undefined) {
    parameters = parametersOf(typeByName(model));
    OPTIONS.set(model, parameters);
  }
  return parameters;
}

function parametersOf(type: TypeSchema): Parameter[] {
  return type.fields
    .filter(({ json }) => json !== 'kind' && json !== 'apiVersion')
    .flatMap(({ json, type: fieldType }) => {
      const name = parameterType(fieldType);
      return name === undefined ? [] : [query(json, name)];
    });
}

function parameterType(type: FieldType): string | undefined {
  if (type.kind === 'list') return parameterType(type.of);
  if (type.kind !== 'scalar') return undefined;
  switch (type.scalar) {
    case 'string':
      return 'string';
    case 'bool':
      return 'boolean';
    case 'int32':
    case 'int64':
      return 'integer';
    default:
      return undefined;
  }
}

export const metaOptions = (kind: string): readonly Parameter[] => optionsOf(`${META_V1}.${kind}`);

/** An operation whose parameters have not been divided between it and its path yet. */
export interface Operation {
  readonly method: string;
  readonly id: string;
  readonly action?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: JsonObject;
  readonly responses: JsonObject;
  /** `x-kubernetes-group-version-kind` */
  readonly kind?: JsonObject;
}

export function content(schema: JsonObject, media: readonly string[]): JsonObject {
  return { content: Object.fromEntries(media.map((name) => [name, { schema }])) };
}

/** Answers with `codes`, all of one schema, and 401. */
export function answers(
  schema: JsonObject,
  codes: readonly string[],
  media: readonly string[] = MEDIA,
): JsonObject {
  return Object.fromEntries(
    [...codes, '401'].map((code) => [
      code,
      {
        description: ANSWERS[code] ?? '',
        ...(code === '401' ? {} : content(schema, media)),
      },
    ]),
  );
}

type ActionParts = Pick<Operation, 'method' | 'action' | 'parameters' | 'responses'> & {
  requestBody?: JsonObject;
};

const ANY = '*/*';

/** The parts of an action that hold for every kind. `model` is the schema that it handles. */
export const ACTIONS = {
  list: (listSchema: JsonObject): ActionParts => ({
    method: 'get',
    action: 'list',
    parameters: [PRETTY, ...metaOptions('ListOptions')],
    responses: answers(listSchema, ['200'], [...MEDIA, ...STREAMS]),
  }),
  watch: (event: JsonObject, action: 'watch' | 'watchlist'): ActionParts => ({
    method: 'get',
    action,
    parameters: [PRETTY, ...metaOptions('ListOptions')],
    responses: answers(event, ['200'], [...MEDIA, ...STREAMS]),
  }),
  get: (schema: JsonObject, parameters: readonly Parameter[] = []): ActionParts => ({
    method: 'get',
    action: 'get',
    parameters: [PRETTY, ...parameters],
    responses: answers(schema, ['200']),
  }),
  post: (schema: JsonObject): ActionParts => ({
    method: 'post',
    action: 'post',
    parameters: [PRETTY, ...metaOptions('CreateOptions')],
    requestBody: { ...content(schema, [ANY]), required: true },
    responses: answers(schema, ['200', '201', '202']),
  }),
  put: (schema: JsonObject): ActionParts => ({
    method: 'put',
    action: 'put',
    parameters: [PRETTY, ...metaOptions('UpdateOptions')],
    requestBody: { ...content(schema, [ANY]), required: true },
    responses: answers(schema, ['200', '201']),
  }),
  patch: (schema: JsonObject, patch: JsonObject): ActionParts => ({
    method: 'patch',
    action: 'patch',
    parameters: [PRETTY, ...metaOptions('PatchOptions')],
    requestBody: { ...content(patch, PATCH_TYPES), required: true },
    responses: answers(schema, ['200', '201']),
  }),
  delete: (answer: JsonObject, options: JsonObject): ActionParts => ({
    method: 'delete',
    action: 'delete',
    parameters: [PRETTY, ...metaOptions('DeleteOptions')],
    requestBody: content(options, [ANY]),
    responses: answers(answer, ['200', '202']),
  }),
  deletecollection: (status: JsonObject, options: JsonObject): ActionParts => ({
    method: 'delete',
    action: 'deletecollection',
    parameters: [PRETTY, ...collectionOptions()],
    requestBody: content(options, [ANY]),
    responses: answers(status, ['200']),
  }),
  connect: (method: string, parameters: readonly Parameter[]): ActionParts => ({
    method,
    action: 'connect',
    parameters,
    responses: answers({ type: 'string' }, ['200'], [ANY]),
  }),
} as const;

/** What is selected, and how it is deleted. */
function collectionOptions(): Parameter[] {
  const selection = metaOptions('ListOptions').filter(
    ({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks',
  );
  return [...selection, ...metaOptions('DeleteOptions')];
}

/** A path with its operations: parameters that all of them have are the path's. */
export function pathItem(tag: string, operations: readonly Operation[]): JsonObject {
  const [first, ...others] = operations.map(
    ({ parameters }) => new Map(parameters.map((one) => [keyOf(one), one])),
  );
  const shared = [...(first ?? new Map<string, Parameter>())].filter(([key]) =>
    others.every((other) => other.has(key)),
  );
  const sharedKeys = new Set(shared.map(([key]) => key));
  const item: JsonObject = {};
  for (const operation of operations)
    item[operation.method] = operationBody(tag, operation, sharedKeys);
  if (shared.length > 0)
    item['parameters'] = parameterList(shared.map(([, parameter]) => parameter));
  return item;
}

function keyOf(parameter: Parameter): string {
  return `${parameter.name} ${parameter.in}`;
}

function operationBody(tag: string, operation: Operation, shared: ReadonlySet<string>): JsonObject {
  const own = operation.parameters.filter((parameter) => !shared.has(keyOf(parameter)));
  return {
    tags: [tag],
    operationId: operation.id,
    ...(own.length === 0 ? {} : { parameters: parameterList(own) }),
    ...(operation.requestBody === undefined ? {} : { requestBody: operation.requestBody }),
    responses: operation.responses,
    ...(operation.action === undefined ? {} : { 'x-kubernetes-action': operation.action }),
    ...(operation.kind === undefined ? {} : { 'x-kubernetes-group-version-kind': operation.kind }),
  };
}

function parameterList(parameters: readonly Parameter[]): JsonObject[] {
  return parameters
    .toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
    .map(({ name, in: place, type }) => ({
      name,
      in: place,
      ...(place === 'path' ? { required: true } : {}),
      schema: { type, uniqueItems: true },
    }));
}
