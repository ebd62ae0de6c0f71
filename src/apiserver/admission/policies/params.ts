/**
 * The parameters with which a binding has its policy evaluated.
 *
 * Source: API reference admissionregistration/v1, ParamKind, ParamRef; upstream
 * admission/plugin/policy/generic/policy_dispatcher.go (CollectParams).
 */
import type { ParamRef } from '#api/gen/admissionregistration-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import { matchesSelector, selectorOf } from '#api/meta/labels.ts';
import type { GroupVersionKind, JsonObject } from '#api/meta/object.ts';
import type { ApiObject } from '../../api-object.ts';
import { shownAs } from '../matching/versions.ts';
import type { AdmissionServices } from '../services.ts';

export type ParamServices = Pick<AdmissionServices, 'reader' | 'resources'>;

/** One parameter; undefined stands for null. */
export interface Param {
  readonly name: string;
  readonly namespace: string;
  readonly json: JsonObject;
}

/** Undefined: `wanted` is not served, or cannot be read; its definition may still come. */
export function kindOfParams(
  { resources }: ParamServices,
  wanted: GroupVersionKind,
): AnyKind | undefined {
  return resources
    .kinds()
    .find(
      ({ group, version, kind, verbs }) =>
        group === wanted.group &&
        version === wanted.version &&
        kind === wanted.kind &&
        verbs.includes('get'),
    );
}

/**
 * The parameters of `kind` that `reference` names, for a request in `namespace` (empty: of the
 * cluster). The policy is evaluated with each. Throws what is wrong with the reference.
 */
export async function paramsOf(
  services: ParamServices,
  kind: AnyKind | undefined,
  {
    reference,
    namespace,
  }: { readonly reference?: ParamRef | undefined; readonly namespace: string },
): Promise<readonly (Param | undefined)[]> {
  if (kind === undefined || reference === undefined) return [undefined];
  const within = namespaceOfParams(kind, reference, namespace);
  let found = select(services, kind, reference, within);
  if (found.length === 0) {
    // It may have been made a moment ago.
    await services.reader.catchUp();
    found = select(services, kind, reference, within);
  }
  if (found.length === 0 && reference.parameterNotFoundAction === 'Deny')
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  return Promise.all(found.map((object) => paramOf(services, kind, object)));
}

function namespaceOfParams(
  kind: AnyKind,
  { namespace: named = '' }: ParamRef,
  namespace: string,
): string {
  if (!kind.namespaced) {
    if (named === '') return '';
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  }
  const within = named === '' ? namespace : named;
  if (within !== '') return within;
  throw new Error(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}

function select(
  { reader }: ParamServices,
  kind: AnyKind,
  { name = '', selector }: ParamRef,
  namespace: string,
): readonly ApiObject[] {
  if (name !== '') {
    const object = reader.get(kind, namespace, name);
    return object === undefined ? [] : [object];
  }
  const wanted = selectorOf(selector);
  if (selector === undefined || wanted === undefined)
    throw new Error('one of name or selector must be provided');
  return [...reader.list(kind, namespace)].filter(({ metadata }) =>
    matchesSelector(wanted, metadata?.labels),
  );
}

/** The caches have objects in the version that is served first. */
async function paramOf(
  { resources }: ParamServices,
  kind: AnyKind,
  object: ApiObject,
): Promise<Param> {
  const from = resources.first(kind.group, kind.plural)?.kind ?? kind;
  const { name = '', namespace = '' } = object.metadata ?? {};
  return { name, namespace, json: (await shownAs(object, from, kind)) ?? {} };
}
