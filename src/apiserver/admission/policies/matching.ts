/**
 * Which policies are asked of a request, with which bindings and parameters.
 *
 * Upstream: admission/plugin/policy/generic/{policy_dispatcher,policy_matcher}.go.
 */
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import type { Value } from '#cel/value/value.ts';
import type { ApiObject } from '../../api-object.ts';
import { matchRequest, namespaceOf } from '../matching/matcher.ts';
import type { RequestView, ResourceMatch } from '../matching/request.ts';
import { namespaceValue } from '../matching/variables.ts';
import type { AdmissionServices } from '../services.ts';
import { kindOfParams, type Param, paramsOf } from './params.ts';
import type { Binding, ReadyBinding, ReadyPolicy } from './source.ts';

/** A policy that a request matches. */
export interface MatchedPolicy {
  readonly match: ResourceMatch;
  /** Undefined: it has no parameters. */
  readonly paramKind: AnyKind | undefined;
}

/** Why a policy cannot be asked; without a binding none of them can. */
export class PolicyFault extends Error {
  readonly policy: ReadyPolicy<unknown>;
  readonly binding: ReadyBinding<Binding> | undefined;

  constructor(
    cause: string,
    policy: ReadyPolicy<unknown>,
    binding: ReadyBinding<Binding> | undefined,
  ) {
    super(`failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${cause}`);
    this.name = 'PolicyFault';
    this.policy = policy;
    this.binding = binding;
  }
}

/** Undefined: the policy is not for the request. Throws what is wrong with it. */
export async function matchPolicy(
  services: AdmissionServices,
  policy: ReadyPolicy<unknown>,
  view: RequestView,
  object: ApiObject | undefined,
): Promise<MatchedPolicy | undefined> {
  const match = await matchRequest(services, policy.criteria, view, object);
  if (match === undefined) return undefined;
  const { paramKind: wanted } = policy;
  if (wanted === undefined) return { match, paramKind: undefined };
  const paramKind = kindOfParams(services, wanted);
  if (paramKind !== undefined) return { match, paramKind };
  const shown = `${wanted.group}/${wanted.version}, Kind=${wanted.kind}`;
  throw new Error(`failed to find resource referenced by paramKind: '${shown}'`);
}

/** With what a binding has its policy evaluated; empty: not at all. Throws what is wrong with it. */
export async function matchBinding(
  services: AdmissionServices,
  { criteria, binding }: ReadyBinding<Binding>,
  { view, object }: { readonly view: RequestView; readonly object: ApiObject | undefined },
  paramKind: AnyKind | undefined,
): Promise<readonly (Param | undefined)[]> {
  if (criteria !== undefined) {
    const match = await matchRequest(services, criteria, view, object);
    if (match === undefined) return [];
  }
  const { namespace } = view;
  return paramsOf(services, paramKind, { reference: binding.spec?.paramRef, namespace });
}

/** The variable `namespaceObject`, looked up when it is first asked for. Throws 404. */
export function namespaceOnce(
  services: Pick<AdmissionServices, 'reader'>,
  { namespace, kind }: RequestView,
): () => Promise<Value> {
  let known: Promise<Value> | undefined;
  const isNamespace = kind.kind === 'Namespace' && apiVersionOf(kind) === 'v1';
  const find = async (): Promise<Value> =>
    namespaceValue(
      namespace === '' || isNamespace ? undefined : await namespaceOf(services, namespace),
    );
  return () => {
    known ??= find();
    return known;
  };
}
