/**
 * A request as rules, selectors and conditions see it, and as webhooks and policies are told of it.
 *
 * Upstream: apiserver/pkg/admission/attributes.go, and endpoints/handlers for what is in it.
 */
import type { AnyKind } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import type { Attributes, Operation } from '../admission.ts';

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** What of a request does not change while it is admitted. */
export interface RequestView {
  readonly attributes: Attributes;
  readonly operation: Operation;
  readonly resource: GroupVersionResource;
  readonly subresource: string;
  /** Of the object: for most requests that of the resource. */
  readonly kind: AnyKind;
  /** Of a Namespace itself, its name. */
  readonly namespace: string;
  /** Empty where the request names no object: it makes one up, or is of a collection. */
  readonly name: string;
}

/** As which resource and kind somebody wants a request. */
export interface ResourceMatch {
  readonly resource: GroupVersionResource;
  readonly kind: AnyKind;
}

export function resourceOf({ group, version, plural }: AnyKind): GroupVersionResource {
  return { group, version, resource: plural };
}

export function viewOf(attributes: Attributes): RequestView {
  const { operation, kind, subresource, objectKind = kind } = attributes;
  const name = attributes.isOfCollection === true ? '' : attributes.name;
  const isNamespace = kind.group === '' && kind.plural === 'namespaces';
  return {
    attributes,
    operation,
    resource: resourceOf(kind),
    subresource,
    kind: objectKind,
    namespace: attributes.namespace === '' && isNamespace ? name : attributes.namespace,
    name,
  };
}

/**
 * The `request` of an AdmissionReview without uid and objects; also the variable `request` of
 * expressions. `match`: as what it is shown.
 *
 * Source: API reference admission/v1, AdmissionRequest.
 */
export function admissionRequest(view: RequestView, match: ResourceMatch): JsonObject {
  const { attributes, subresource, name, namespace } = view;
  return {
    kind: kindOf(match.kind),
    resource: { ...match.resource },
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: kindOf(view.kind),
    requestResource: { ...view.resource },
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation: view.operation,
    userInfo: userInfo(attributes),
    dryRun: attributes.dryRun,
    options: attributes.options?.() ?? null,
  };
}

function kindOf({ group, version, kind }: AnyKind): JsonObject {
  return { group, version, kind };
}

function userInfo({ user }: Attributes): JsonObject {
  const extra = Object.entries(user.extra ?? {});
  return {
    ...(user.name === '' ? {} : { username: user.name }),
    ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(extra.length === 0
      ? {}
      : { extra: Object.fromEntries(extra.map(([key, values]) => [key, [...values]])) }),
  };
}
