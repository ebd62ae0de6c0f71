/**
 * What one validating policy says of one request with one parameter.
 *
 * Upstream: admission/plugin/policy/validating/{plugin,validator,policy_decision}.go.
 */
import type {
  AuditAnnotation,
  Validation,
  ValidatingAdmissionPolicy,
} from '#api/gen/admissionregistration-v1.ts';
import type { Clock } from '#base/env.ts';
import { BOOL, NULL_TYPE, STRING } from '#cel/check/type.ts';
import type { Variables } from '#cel/eval/program.ts';
import { RUNTIME_COST_BUDGET } from '#cel/kubernetes.ts';
import type { Value } from '#cel/value/value.ts';
import type { RequestDecisions } from '../matching/authorizer.ts';
import { type ConditionServices, MatchConditions } from '../matching/conditions.ts';
import { type ExpressionInput, variablesOf } from '../matching/variables.ts';
import {
  Activation,
  CostBudget,
  type Expression,
  type Outcome,
  OutOfBudget,
  PolicyCompiler,
} from './evaluation.ts';

/** Longer messages of expressions are not shown. */
const MESSAGE_BYTES_MAX = 5 * 1024;

/** What a validation came to that did not pass. */
export interface PolicyDecision {
  /** Among the validations of the policy, from 0. */
  readonly index: number;
  /** Passed all the same: it could not be decided, and that is ignored. */
  readonly isAdmitted: boolean;
  readonly message: string;
  /** Of a Status; undefined for the one that is usual. */
  readonly reason?: string;
  readonly tookMs: number;
}

/** `error`: why it could not be computed. */
export type Annotation =
  | { readonly key: string; readonly value: string }
  | { readonly error: string; readonly tookMs: number };

export interface PolicyResult {
  readonly decisions: readonly PolicyDecision[];
  readonly annotations: readonly Annotation[];
}

const NOTHING: PolicyResult = { decisions: [], annotations: [] };

interface ReadyValidation {
  readonly validation: Validation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

/** A policy whose expressions are compiled. */
export class Validator {
  readonly #conditions: MatchConditions;
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #validations: readonly ReadyValidation[];
  readonly #annotations: readonly { readonly key: string; readonly expression: Expression }[];
  readonly #ignoresFailures: boolean;

  constructor({ metadata, spec = {} }: ValidatingAdmissionPolicy) {
    const hasParams = spec.paramKind !== undefined;
    const compiler = new PolicyCompiler(hasParams, spec.variables);
    const failurePolicy = spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail';
    const owner = {
      name: metadata?.name ?? '',
      kind: 'policy',
      type: 'validate',
      failurePolicy,
    } as const;
    this.#ignoresFailures = failurePolicy === 'Ignore';
    this.#conditions = new MatchConditions(spec.matchConditions ?? [], owner, { hasParams });
    this.#variables = compiler.variables;
    this.#validations = (spec.validations ?? []).map((validation) => ({
      validation,
      expression: compiler.compile(validation.expression, [BOOL]),
      message: messageOf(compiler, validation),
    }));
    this.#annotations = (spec.auditAnnotations ?? []).map((annotation: AuditAnnotation) => ({
      key: annotation.key,
      expression: compiler.compile(annotation.valueExpression, [STRING, NULL_TYPE]),
    }));
  }

  /** Nothing where its match conditions leave the request out. */
  async validate(
    services: ConditionServices,
    decisions: RequestDecisions,
    input: ExpressionInput,
  ): Promise<PolicyResult> {
    const { namespace: _, ...forConditions } = input;
    if (!this.#conditions.isEmpty) {
      const outcome = await this.#conditions.evaluate(services, decisions, forConditions);
      if (outcome.kind === 'excluded') return NOTHING;
      if (outcome.kind === 'error') return this.#failed(outcome.message);
    }
    const withoutAuthorizer = variablesOf(input);
    return decisions.run(input.view.attributes.user, (authorizer) =>
      this.#evaluate(services.clock, variablesOf(input, authorizer), withoutAuthorizer),
    );
  }

  #evaluate(clock: Clock, variables: Variables, withoutAuthorizer: Variables): PolicyResult {
    const budget = new CostBudget(RUNTIME_COST_BUDGET);
    try {
      const activation = new Activation(variables, this.#variables, budget);
      const outcomes = this.#validations.map(({ expression }) => {
        const startMs = clock.monotonicMs();
        const outcome = activation.run(expression);
        return { outcome, tookMs: clock.monotonicMs() - startMs };
      });
      const messages = this.#messages(withoutAuthorizer, budget);
      const decisions = outcomes.flatMap(({ outcome, tookMs }, index) => {
        const decision = this.#decide(index, outcome, messages);
        return decision === undefined ? [] : [{ ...decision, index, tookMs }];
      });
      return { decisions, annotations: this.#annotate(clock, withoutAuthorizer) };
    } catch (error) {
      if (error instanceof OutOfBudget) return this.#failed(error.message);
      throw error;
    }
  }

  /** Undefined: the budget does not suffice for them. */
  #messages(
    variables: Variables,
    budget: CostBudget,
  ): readonly (Outcome | undefined)[] | undefined {
    const activation = new Activation(variables, this.#variables, budget);
    try {
      return this.#validations.map(({ message }) => message && activation.run(message));
    } catch (error) {
      if (error instanceof OutOfBudget) return undefined;
      throw error;
    }
  }

  /** Undefined: it passes. */
  #decide(
    index: number,
    outcome: Outcome,
    messages: readonly (Outcome | undefined)[] | undefined,
  ): Pick<PolicyDecision, 'isAdmitted' | 'message' | 'reason'> | undefined {
    const isAdmitted = this.#ignoresFailures;
    if ('error' in outcome) return { isAdmitted, message: outcome.error };
    if (messages === undefined) {
      const { message } = new OutOfBudget();
      return { isAdmitted, message: `failed messageExpression: ${message}` };
    }
    if (outcome.value === true) return undefined;
    const { message = '', expression = '', reason } = this.#validations[index]?.validation ?? {};
    return {
      isAdmitted: false,
      message:
        textOf(messages[index]) || message.trim() || `failed expression: ${expression.trim()}`,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** They have a budget of their own. Throws OutOfBudget. */
  #annotate(clock: Clock, variables: Variables): Annotation[] {
    const budget = new CostBudget(RUNTIME_COST_BUDGET);
    const activation = new Activation(variables, this.#variables, budget);
    return this.#annotations.flatMap(({ key, expression }): Annotation[] => {
      const startMs = clock.monotonicMs();
      const outcome = activation.run(expression);
      if ('error' in outcome) {
        const { error } = outcome;
        return this.#ignoresFailures ? [] : [{ error, tookMs: clock.monotonicMs() - startMs }];
      }
      const value = trimmed(outcome.value);
      return value === '' ? [] : [{ key, value }];
    });
  }

  #failed(message: string): PolicyResult {
    const isAdmitted = this.#ignoresFailures;
    return { decisions: [{ index: 0, isAdmitted, message, tookMs: 0 }], annotations: [] };
  }
}

/** It cannot ask the authorizer. */
function messageOf(
  compiler: PolicyCompiler,
  { messageExpression = '' }: Validation,
): Expression | undefined {
  if (messageExpression === '') return undefined;
  return compiler.compile(messageExpression, [STRING], {
    hasAuthorizer: false,
    hasPatchTypes: false,
  });
}

function trimmed(value: Value): string {
  return typeof value === 'string' ? value.trim() : '';
}

/** Empty where another message is to be shown: it failed, is too long, or has several lines. */
function textOf(outcome: Outcome | undefined): string {
  if (outcome === undefined || 'error' in outcome) return '';
  const text = trimmed(outcome.value);
  return Buffer.byteLength(text) > MESSAGE_BYTES_MAX || text.includes('\n') ? '' : text;
}
