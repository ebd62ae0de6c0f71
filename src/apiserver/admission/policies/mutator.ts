/**
 * What one mutating policy makes of an object with one parameter.
 *
 * Upstream: admission/plugin/policy/mutating/compilation.go and patch/{smd,json_patch}.go.
 */
import type { MutatingAdmissionPolicy, Mutation } from '#api/gen/admissionregistration-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { internalError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { listType } from '#cel/check/type.ts';
import { RUNTIME_COST_BUDGET } from '#cel/kubernetes.ts';
import { JSON_PATCH_TYPE, OBJECT_TYPE } from '#cel/library/mutation.ts';
import type { Value } from '#cel/value/value.ts';
import type { ApiObject } from '../../api-object.ts';
import type { RequestDecisions } from '../matching/authorizer.ts';
import { MatchConditions } from '../matching/conditions.ts';
import { failureText } from '../matching/compiled.ts';
import { type ExpressionInput, variablesOf } from '../matching/variables.ts';
import { asJson } from '../matching/versions.ts';
import { UNHANDLED } from '../../verbs/decode.ts';
import { patchedObject } from '../patched.ts';
import { applyConfiguration } from './apply-configuration.ts';
import {
  Activation,
  CostBudget,
  type Expression,
  OutOfBudget,
  PolicyCompiler,
} from './evaluation.ts';
import { applyPatchValue } from './json-patch.ts';
import { MutationError } from './mutation-error.ts';

const PATCH_TYPES = { hasAuthorizer: true, hasPatchTypes: true };

interface ReadyMutation {
  readonly type: 'ApplyConfiguration' | 'JSONPatch';
  readonly expression: Expression;
}

/** What a mutation has made. */
export interface Mutated {
  readonly object: ApiObject;
  /** Whether it is another object now, defaults and all. */
  readonly changed: boolean;
}

/** A policy whose expressions are compiled. */
export class Mutator {
  readonly conditions: MatchConditions;
  /** It wants to be asked again when something has changed since. */
  readonly wantsToKnow: boolean;
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #mutations: readonly ReadyMutation[];

  constructor({ metadata, spec = {} }: MutatingAdmissionPolicy) {
    const hasParams = spec.paramKind !== undefined;
    const compiler = new PolicyCompiler(hasParams, spec.variables);
    const failurePolicy = spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail';
    // The type is upstream's, though it is no validation.
    const owner = {
      name: metadata?.name ?? '',
      kind: 'policy',
      type: 'validate',
      failurePolicy,
    } as const;
    this.conditions = new MatchConditions(spec.matchConditions ?? [], owner, { hasParams });
    this.wantsToKnow = spec.reinvocationPolicy === 'IfNeeded';
    this.#variables = compiler.variables;
    this.#mutations = (spec.mutations ?? []).map((mutation) => readyMutation(compiler, mutation));
  }

  get count(): number {
    return this.#mutations.length;
  }

  /**
   * What mutation `index` makes of the object of `input`, which is of `kind`. Throws MutationError,
   * or the StatusError to answer.
   */
  async mutate(
    index: number,
    kind: AnyKind,
    input: ExpressionInput & { readonly object: JsonObject },
    decisions: RequestDecisions,
  ): Promise<Mutated> {
    const mutation = this.#mutations[index];
    if (mutation === undefined) throw new MutationError(`there is no mutation ${index}`);
    const value = await this.#valueOf(mutation.expression, input, decisions);
    const { object: before } = input;
    const object =
      mutation.type === 'JSONPatch'
        ? patched(value, before, kind)
        : configured(value, before, kind);
    return { object, changed: !equalJson(asJson(object, kind), before) };
  }

  async #valueOf(
    expression: Expression,
    input: ExpressionInput,
    decisions: RequestDecisions,
  ): Promise<Value> {
    if (!('program' in expression.program))
      throw new MutationError(failureText(expression.program));
    const outcome = await decisions.run(input.view.attributes.user, (authorizer) => {
      const budget = new CostBudget(RUNTIME_COST_BUDGET);
      const variables = variablesOf(input, authorizer);
      try {
        return new Activation(variables, this.#variables, budget).run(expression);
      } catch (error) {
        if (error instanceof OutOfBudget) return { error: error.message };
        throw error;
      }
    });
    if ('error' in outcome) throw new MutationError(outcome.error);
    return outcome.value;
  }
}

function readyMutation(
  compiler: PolicyCompiler,
  { patchType, applyConfiguration: configuration, jsonPatch }: Mutation,
): ReadyMutation {
  const isPatch = patchType === 'JSONPatch';
  const { expression: text = '' } = (isPatch ? jsonPatch : configuration) ?? {};
  const result = isPatch ? listType(JSON_PATCH_TYPE) : OBJECT_TYPE;
  return {
    type: isPatch ? 'JSONPatch' : 'ApplyConfiguration',
    expression: compiler.compile(text, [result], PATCH_TYPES),
  };
}

function configured(value: Value, before: JsonObject, kind: AnyKind): ApiObject {
  const merged = applyConfiguration(value, before, kind);
  try {
    return patchedObject(merged, before, { kind, validation: 'Ignore' }).object;
  } catch (error) {
    throw new MutationError(messageOf(error));
  }
}

/** What the kind does not have may not be there; of custom kinds it goes. Throws 500 too. */
function patched(value: Value, before: JsonObject, kind: AnyKind): ApiObject {
  const made = applyPatchValue(value, before);
  const validation = kind.custom === undefined ? 'Strict' : 'Ignore';
  try {
    return patchedObject(made, before, { kind, validation }).object;
  } catch (error) {
    throw internalError(messageOf(error).replace(UNHANDLED, ''));
  }
}
