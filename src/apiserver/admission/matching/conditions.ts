/**
 * Match conditions: expressions that leave requests out, of webhooks and of policies.
 *
 * Source: KEP-3716; upstream v1.36 admission/plugin/webhook/matchconditions/matcher.go and
 * admission/plugin/cel/activation.go for order, messages and what is measured.
 */
import type { MatchCondition } from '#api/gen/admissionregistration-v1.ts';
import { admissionEnvironment } from '#api/admissionregistration/admission-environment.ts';
import type { Clock } from '#base/env.ts';
import { BOOL } from '#cel/check/type.ts';
import type { Variables } from '#cel/eval/program.ts';
import { type CelFailure, type CelProgram, MATCH_CONDITIONS_COST_BUDGET } from '#cel/kubernetes.ts';
import { CelError } from '#cel/value/value.ts';
import type { AdmissionMetrics } from '../../metrics/admission-metrics.ts';
import { joined } from '../refusal.ts';
import type { RequestDecisions } from './authorizer.ts';
import { failureText, OUT_OF_BUDGET, STORED_MINOR } from './compiled.ts';
import { type ExpressionInput, variablesOf } from './variables.ts';

export type ConditionOutcome =
  | { readonly kind: 'match' }
  /** Nobody is asked. `condition`: the one that said no; none where an error counts as no. */
  | { readonly kind: 'excluded'; readonly condition?: string }
  /** The request is refused with this cause. */
  | { readonly kind: 'error'; readonly message: string };

/** Whose conditions they are, as metrics name it. */
export interface ConditionOwner {
  readonly name: string;
  readonly kind: 'webhook' | 'policy';
  readonly type: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
}

export interface ConditionServices {
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

/** The conditions of one webhook or policy. They are compiled when they are first asked. */
export class MatchConditions {
  readonly #conditions: readonly MatchCondition[];
  /** Whose they are. */
  readonly owner: ConditionOwner;
  readonly #hasParams: boolean;
  #programs: readonly (CelProgram | CelFailure)[] | undefined;

  constructor(
    conditions: readonly MatchCondition[],
    owner: ConditionOwner,
    options: { readonly hasParams?: boolean } = {},
  ) {
    this.#conditions = conditions;
    this.owner = owner;
    this.#hasParams = options.hasParams === true;
  }

  get isEmpty(): boolean {
    return this.#conditions.length === 0;
  }

  /** Asks them in order. One that says no decides, whatever else went wrong. */
  async evaluate(
    { clock, metrics }: ConditionServices,
    decisions: RequestDecisions,
    input: ExpressionInput,
  ): Promise<ConditionOutcome> {
    const startMs = clock.monotonicMs();
    const { user } = input.view.attributes;
    const result = await decisions.run(user, (authorizer) =>
      this.#run(variablesOf(input, authorizer)),
    );
    const { operation } = input.view;
    const { outcome, errors } = result;
    if (outcome.kind !== 'match')
      metrics.conditionsEvaluated(this.owner, operation, clock.monotonicMs() - startMs);
    metrics.conditionErrors(this.owner, operation, errors);
    return outcome;
  }

  /** `errors`: how many conditions could not be decided. */
  #run(variables: Variables): { readonly outcome: ConditionOutcome; readonly errors: number } {
    const errors: string[] = [];
    let budget = MATCH_CONDITIONS_COST_BUDGET;
    for (const [index, program] of this.#compiled().entries()) {
      const { name = '', expression = '' } = this.#conditions[index] ?? {};
      if (!('program' in program)) {
        errors.push(`compilation error: ${failureText(program)}`);
        continue;
      }
      const { value, cost } = program.program.evaluate(variables);
      if (cost > budget) return { outcome: this.#failed(OUT_OF_BUDGET), errors: 0 };
      budget -= cost;
      if (value instanceof CelError)
        errors.push(`expression '${expression}' resulted in error: ${value.message}`);
      else if (value === false)
        return { outcome: { kind: 'excluded', condition: name }, errors: errors.length };
    }
    return {
      outcome: errors.length === 0 ? { kind: 'match' } : this.#failed(joined(errors)),
      errors: errors.length,
    };
  }

  #failed(message: string): ConditionOutcome {
    return this.owner.failurePolicy === 'Ignore'
      ? { kind: 'excluded' }
      : { kind: 'error', message };
  }

  #compiled(): readonly (CelProgram | CelFailure)[] {
    if (this.#programs !== undefined) return this.#programs;
    const environment = admissionEnvironment(STORED_MINOR, {
      hasParams: this.#hasParams,
      hasAuthorizer: true,
      hasPatchTypes: false,
    });
    this.#programs = this.#conditions.map(({ expression }) =>
      environment.compile(expression, { expectedTypes: [BOOL] }),
    );
    return this.#programs;
  }
}
