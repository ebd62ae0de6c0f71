/**
 * What compiles and runs the rules of schemas (`x-kubernetes-validations`): the CEL engine stands
 * behind this interface, so that schemas can be checked and used without knowing it.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/cel (compilation.go,
 * validation.go) for what is asked and answered.
 */
import type { FieldError, FieldPath } from '../meta/field.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type { Correlation } from './correlation.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** Expressions that the stored definition has already: newer libraries may be used in them. */
export interface KnownExpressions {
  readonly rules: ReadonlySet<string>;
  readonly messageExpressions: ReadonlySet<string>;
}

/** One rule, compiled. */
export interface CompiledRule {
  readonly error?: { readonly type: 'required' | 'invalid'; readonly detail: string };
  readonly messageExpressionError?: string;
  /** The estimated cost of one evaluation of the rule. */
  readonly maxCost: number;
  /** The estimated cost of its message expression; undefined when there is none. */
  readonly messageExpressionMaxCost?: number;
  /** How often the rule runs at most when the schema itself sets no bounds. */
  readonly maxCardinality: number;
  readonly usesOldSelf: boolean;
}

export interface RuleRun {
  readonly at?: FieldPath;
  /** Absent on create. */
  readonly old?: Json;
  /** On update: which old value each value replaces. Unchanged values are not judged again. */
  readonly correlation?: Correlation;
  /** What the rules may cost together. */
  readonly budget: number;
}

export interface RuleEngine {
  /**
   * Compiles the rules of the one node `schema`, in their order. `isResourceRoot`: it describes a
   * whole object, which has apiVersion, kind and metadata. Throws when the schema has no type in CEL.
   */
  compile(
    schema: StructuralSchema,
    options: { readonly isResourceRoot: boolean; readonly known: KnownExpressions },
  ): readonly CompiledRule[];
  /**
   * Runs the rules of `schema` and all below. Answers what is wrong, what is wrong but was so before
   * in a value that did not change, and the budget that is left.
   */
  validate(
    value: Json | JsonObject,
    schema: StructuralSchema,
    run: RuleRun & { readonly isResourceRoot: boolean },
  ): {
    readonly errors: FieldError[];
    readonly forgiven: readonly FieldError[];
    readonly remainingBudget: number;
  };
}

/** What the rules of one object may cost in a request. Upstream: apiserver/pkg/apis/cel/config.go. */
export const RULE_BUDGET = 10_000_000;
