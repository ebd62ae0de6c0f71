/**
 * Rules in schemas (`x-kubernetes-validations`): their form, and what compiling them finds.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation (validation.go,
 * cel_validation.go).
 */
import type { JSONSchemaProps, ValidationRule } from '#api/gen/apiextensions-v1.ts';
import {
  FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import type { CompiledRule } from '../structural/rule-engine.ts';
import { findSchemaPath, SchemaPathError } from '../structural/schema-path.ts';
import type { StructuralSchema } from '../structural/structural-schema.ts';
import { type CheckOptions, tryCompile } from './check-options.ts';
import { goRule } from './go-form.ts';

const RULE_COST_MAX = 10_000_000;
const DEFINITION_COST_MAX = 100_000_000;
const MOST_EXPENSIVE_MAX = 4;
const REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text);

/** The form of each rule of `schema`, without compiling any. */
export function validateRuleForms(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.flatMap((rule, i) =>
    validateForm(rule, schema, at.child('x-kubernetes-validations').index(i)),
  );
}

function validateForm(rule: ValidationRule, schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const { messageExpression = '', reason } = rule;
  const errors = validateMessage(rule, at);
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(required(at.child('messageExpression'), detail));
  }
  if (reason !== undefined && !REASONS.includes(reason)) {
    errors.push(notSupported(at.child('reason'), reason, REASONS));
  }
  return [...errors, ...validateRulePath(rule.fieldPath ?? '', schema, at.child('fieldPath'))];
}

function validateMessage({ rule, message = '' }: ValidationRule, at: FieldPath): FieldError[] {
  const where = at.child('message');
  const text = message.trim();
  if (rule.trim() === '') return [required(at.child('rule'), 'rule is not specified')];
  if (message !== '' && text === '') {
    return [invalidValue(where, message, 'must be non-empty if specified')];
  }
  if (hasLineBreak(text)) return [invalidValue(where, message, 'must not contain line breaks')];
  if (hasLineBreak(rule.trim()) && text === '') {
    return [required(where, 'message must be specified if rule contains line breaks')];
  }
  return [];
}

function validateRulePath(path: string, schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  if (path === '') return [];
  const errors: FieldError[] = [];
  if (path.trim() === '') errors.push(invalidValue(at, path, 'must be non-empty if specified'));
  if (hasLineBreak(path)) errors.push(invalidValue(at, path, 'must not contain line breaks'));
  const compiled = tryCompile(schema);
  if (compiled === undefined) return errors;
  try {
    findSchemaPath(path, compiled);
  } catch (error) {
    if (!(error instanceof SchemaPathError)) throw error;
    errors.push(invalidValue(at, path, 'must be a valid path'));
  }
  return errors;
}

/** What the rules of a whole schema may cost together, in the worst case. */
export class TotalCost {
  #total = 0;
  #expensive: { readonly path: FieldPath; readonly cost: number }[] = [];

  observe(path: FieldPath, cost: number): void {
    this.#total += cost;
    if (cost < DEFINITION_COST_MAX / 100) return;
    this.#expensive = [...this.#expensive, { path, cost }]
      .toSorted((left, right) => right.cost - left.cost)
      .slice(0, MOST_EXPENSIVE_MAX);
  }

  /** `at`: of the whole schema. */
  errors(at: FieldPath): FieldError[] {
    if (this.#total <= DEFINITION_COST_MAX) return [];
    const detail =
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const name = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...this.#expensive.map(({ path }) => forbiddenField(path, detail)),
      forbiddenField(at, costMessage(name, this.#total, DEFINITION_COST_MAX)),
    ];
  }
}

function costMessage(name: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text =
    factor > 100
      ? 'more than 100x'
      : factor < 1.5
        ? `${factor.toFixed(6)}x`
        : `${factor.toFixed(1)}x`;
  return `${name} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** Where a node with rules stands. */
export interface RuleScope {
  readonly node: StructuralSchema;
  readonly isResourceRoot: boolean;
  /** How many values of the node an object has at most; undefined when nothing bounds them. */
  readonly maxCardinality: number | undefined;
  readonly total: TotalCost;
  /** The part of the schema whose values cannot be compared with older ones, when in one. */
  readonly uncorrelatable: FieldPath | undefined;
  readonly suppressCost: boolean;
}

/** Compiles the rules of one node whose form is right. */
export function compileRules(
  schema: JSONSchemaProps,
  at: FieldPath,
  scope: RuleScope,
  { rules: engine, known }: CheckOptions,
): FieldError[] {
  const validations = schema['x-kubernetes-validations'] ?? [];
  if (engine === undefined || validations.length === 0) return [];
  const where = at.child('x-kubernetes-validations');
  let compiled: readonly CompiledRule[];
  try {
    compiled = engine.compile(scope.node, { isResourceRoot: scope.isResourceRoot, known });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [new FieldError({ type: 'InternalError', field: where, detail })];
  }
  return compiled.flatMap((result, i) => {
    const rule = validations[i];
    return rule === undefined ? [] : judge(result, rule, where.index(i), scope);
  });
}

function judge(
  result: CompiledRule,
  rule: ValidationRule,
  at: FieldPath,
  scope: RuleScope,
): FieldError[] {
  const errors: FieldError[] = [];
  const observe = (name: string, path: FieldPath, cost: number): void => {
    if (!scope.suppressCost && cost > RULE_COST_MAX) {
      errors.push(forbiddenField(path, costMessage(name, cost, RULE_COST_MAX)));
    }
    scope.total.observe(path, cost);
  };
  const where = at.child('rule');
  const cost = result.maxCost * (scope.maxCardinality ?? result.maxCardinality);
  observe('estimated rule cost', where, cost);
  const { error, messageExpressionError, messageExpressionMaxCost } = result;
  if (error?.type === 'required') errors.push(required(where, error.detail));
  if (error?.type === 'invalid') errors.push(invalidValue(where, goRule(rule), error.detail));
  const message = at.child('messageExpression');
  if (messageExpressionError !== undefined) {
    errors.push(invalidValue(message, goRule(rule), messageExpressionError));
  } else if (messageExpressionMaxCost !== undefined) {
    observe('estimated messageExpression cost', message, messageExpressionMaxCost);
  }
  if (result.usesOldSelf && scope.uncorrelatable !== undefined) {
    const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${String(scope.uncorrelatable)}`;
    errors.push(invalidValue(where, rule.rule, detail));
  } else if (!result.usesOldSelf && rule.optionalOldSelf !== undefined) {
    const detail = 'may not be set if oldSelf is not used in rule';
    errors.push(invalidValue(at.child('optionalOldSelf'), rule.optionalOldSelf, detail));
  }
  return errors;
}
