/**
 * The paths of a custom resource: fewer than those of built-in kinds, and in fewer forms.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/controller/openapi/builder/builder.go.
 */
import { type AnyKind, listSchemaOf } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { typeForKind } from '#api/schema/schema.ts';
import {
  answers,
  content,
  META_V1,
  metaOptions,
  type Operation,
  type Parameter,
  pathItem,
  pathParameter,
  PRETTY,
} from './operations.ts';
import { groupVersionTitle, type Scope, tagOf, title } from './paths.ts';

export const CUSTOM_MEDIA = ['application/json', 'application/yaml'];
const PATCH_MEDIA = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];
const NAME = pathParameter('name');
const NAMESPACE = pathParameter('namespace');

type Parts = Omit<Operation, 'id' | 'kind'>;

function action(
  name: string,
  options: string,
  parts: Pick<Parts, 'method' | 'responses'> & Pick<Partial<Parts>, 'requestBody'>,
): Parts {
  return { ...parts, action: name, parameters: [PRETTY, ...metaOptions(options)] };
}

const body = (schema: JsonObject, media: readonly string[] = CUSTOM_MEDIA): JsonObject => ({
  ...content(schema, media),
  required: true,
});
const answered = (schema: JsonObject, ...codes: string[]): JsonObject =>
  answers(schema, codes, CUSTOM_MEDIA);

/** All paths of the custom resource `kind`. */
export function pathsOfCustomKind(
  { group, version, root, ref }: Scope,
  kind: AnyKind,
): [path: string, item: JsonObject][] {
  const scoped = kind.namespaced ? 'Namespaced' : '';
  const place = kind.namespaced ? [NAMESPACE] : [];
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const object = ref(kind.schema);
  const list = action('list', 'ListOptions', {
    method: 'get',
    responses: answered(ref(listSchemaOf(kind)), '200'),
  });
  const item = (
    name: string,
    at: readonly Parameter[],
    operations: readonly (readonly [verb: string, parts: Parts])[],
  ): JsonObject =>
    pathItem(
      tagOf(group, version),
      operations.map(([verb, parts]) => ({
        ...parts,
        id: `${verb}${groupVersionTitle({ group, version })}${parts.action === 'deletecollection' ? 'Collection' : ''}${name}`,
        kind: gvk,
        parameters: [...at, ...parts.parameters],
      })),
    );
  const status = ref(`${META_V1}.Status`);
  const base = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  const name = `${scoped}${kind.kind}`;
  const collection: [string, JsonObject][] = kind.namespaced
    ? [[`${root}/${kind.plural}`, item(`${kind.kind}ForAllNamespaces`, [], [['list', list]])]]
    : [];
  collection.push([
    base,
    item(name, place, [
      ['list', list],
      ['create', created(object)],
      [
        'delete',
        action('deletecollection', 'ListOptions', {
          method: 'delete',
          responses: answered(status, '200'),
        }),
      ],
    ]),
  ]);
  const views = [
    ...(kind.hasStatus === true ? [['status', object] as const] : []),
    ...(kind.scale === undefined ? [] : [['scale', ref(scaleModel())] as const]),
  ];
  const patch = ref(`${META_V1}.Patch`);
  return [
    ...collection,
    [
      `${base}/{name}`,
      item(
        name,
        [NAME, ...place],
        [...viewed(object, patch), ['delete', deleted(status, ref(`${META_V1}.DeleteOptions`))]],
      ),
    ],
    ...views.map(([view, schema]): [string, JsonObject] => [
      `${base}/{name}/${view}`,
      item(`${name}${title(view)}`, [NAME, ...place], viewed(schema, patch)),
    ]),
  ];
}

function created(schema: JsonObject): Parts {
  return action('post', 'CreateOptions', {
    method: 'post',
    requestBody: body(schema),
    responses: answered(schema, '200', '201', '202'),
  });
}

function deleted(status: JsonObject, options: JsonObject): Parts {
  return action('delete', 'DeleteOptions', {
    method: 'delete',
    requestBody: content(options, CUSTOM_MEDIA),
    responses: answered(status, '200', '202'),
  });
}

/** What an object and each of its views have. */
function viewed(schema: JsonObject, patch: JsonObject): (readonly [verb: string, parts: Parts])[] {
  return [
    ['read', action('get', 'GetOptions', { method: 'get', responses: answered(schema, '200') })],
    [
      'replace',
      action('put', 'UpdateOptions', {
        method: 'put',
        requestBody: body(schema),
        responses: answered(schema, '200', '201'),
      }),
    ],
    [
      'patch',
      action('patch', 'PatchOptions', {
        method: 'patch',
        requestBody: body(patch, PATCH_MEDIA),
        responses: answered(schema, '200'),
      }),
    ],
  ];
}

function scaleModel(): string {
  return typeForKind('autoscaling', 'v1', 'Scale')?.name ?? '';
}
