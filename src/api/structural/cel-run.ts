/**
 * Runs the rules of a schema on a value and on all within it, as far as the budget lasts.
 *
 * Source: KEP-2876, KEP-4008 (ratcheting); upstream v1.36
 * apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go for order and messages.
 */
import type { ValidationRule } from '#api/gen/apiextensions-v1.ts';
import type { Program, Variables } from '#cel/eval/program.ts';
import { withTypeAndMeta } from '#cel/schema/schema.ts';
import { schemaValue } from '#cel/schema/values.ts';
import { CelError, Optional } from '#cel/value/value.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  OMITTED,
  required,
} from '../meta/field.ts';
import { isJsonObject, memberOf } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';
import { celSchemaOf } from './cel-schema.ts';
import type { RunnableRule } from './cel-compile.ts';
import type { Validator } from './cel-validator.ts';
import { type Correlation, keyOf } from './correlation.ts';
import { findSchemaPath, SchemaPathError } from './schema-path.ts';
import type { StructuralSchema } from './structural-schema.ts';

const MESSAGE_MAX_BYTES = 5 * 1024;
const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run';

/** What may be forgiven because it did not change. */
interface Ratchet {
  readonly current: Correlation | undefined;
  readonly parent: Correlation | undefined;
}

/** One value, and the old one that rules may compare it with. */
interface Subject {
  readonly at: FieldPath;
  readonly value: Json;
  readonly old: Json | undefined;
  readonly ratchet: Ratchet;
}

/** One run: collects errors until the budget is spent. */
export class RuleRunner {
  readonly errors: FieldError[] = [];
  /** What rules say of values that did not change: the client is warned of it. */
  readonly forgiven: FieldError[] = [];
  /** Below zero: nothing more is run. */
  remainingBudget: number;

  constructor(budget: number) {
    this.remainingBudget = budget;
  }

  validate(validator: Validator, subject: Subject): void {
    const { value, ratchet } = subject;
    if (value === null || this.remainingBudget < 0) return;
    this.#runRules(validator, subject);
    for (const nested of validator.allOf) {
      const uncorrelated = { current: undefined, parent: ratchet.parent };
      this.validate(nested, { ...subject, ratchet: uncorrelated });
    }
    if (Array.isArray(value)) this.#items(validator, subject, value);
    else if (isJsonObject(value)) this.#members(validator, subject);
  }

  #items({ items, node }: Validator, { at, old, ratchet }: Subject, list: readonly Json[]): void {
    if (items === undefined) return;
    const oldItems = oldItemsOf(node, old);
    for (const [index, value] of list.entries()) {
      const before = oldItems(value);
      this.validate(items, {
        at: at.index(index),
        value,
        old: before,
        ratchet: stepped(ratchet, (current) => current.index(index)),
      });
    }
  }

  #members({ additional, properties }: Validator, { at, value, old, ratchet }: Subject): void {
    if (!isJsonObject(value)) return;
    for (const [name, member] of Object.entries(value)) {
      const before = isJsonObject(old) ? memberOf(old, name) : undefined;
      const subject = { value: member, old: before, ratchet: ratchetOf(ratchet, name) };
      if (additional !== undefined) this.validate(additional, { at: at.key(name), ...subject });
      const property = properties.get(name);
      if (property !== undefined) this.validate(property, { at: at.child(name), ...subject });
    }
  }

  #runRules({ node, isResourceRoot, rules, failure }: Validator, subject: Subject): void {
    const { at, value, old } = subject;
    if (failure !== undefined) {
      const detail = `rule compiler initialization error: ${failure}`;
      this.errors.push(invalidValue(at, node.type, detail));
      return;
    }
    if (rules.length === 0) return;
    if (this.remainingBudget <= 0) return this.#giveUp(invalidValue(at, node.type, OUT_OF_BUDGET));
    const schema = isResourceRoot ? withTypeAndMeta(celSchemaOf(node)) : celSchemaOf(node);
    const self = schemaValue(value, schema);
    const before = old === undefined || old === null ? undefined : schemaValue(old, schema);
    const variables = { self, ...(before === undefined ? {} : { oldSelf: before }) };
    const optional = { self, oldSelf: before === undefined ? Optional.NONE : new Optional(before) };
    for (const rule of rules) {
      if (this.remainingBudget < 0) return;
      const isOptional = rule.rule.optionalOldSelf === true;
      // What compares with an old value is run only when there is one.
      if (rule.usesOldSelf && before === undefined && !isOptional) continue;
      this.#runRule(rule, node, { subject, variables: isOptional ? optional : variables });
    }
  }

  #giveUp(error: FieldError): void {
    this.errors.push(error);
    this.remainingBudget = -1;
  }

  #runRule(
    compiled: RunnableRule,
    node: StructuralSchema,
    { subject, variables }: { readonly subject: Subject; readonly variables: Variables },
  ): void {
    const { at } = subject;
    const { rule, program, error } = compiled;
    const invalid = (detail: string): FieldError => invalidValue(at, node.type, detail);
    if (error !== undefined) {
      this.errors.push(invalid(`rule compile error: ${error.detail}`));
      return;
    }
    if (program === undefined) return;
    const result = program.evaluate(variables, {});
    if (result.cost > this.remainingBudget) return this.#giveUp(invalid(OUT_OF_BUDGET));
    this.remainingBudget -= result.cost;
    if (result.value instanceof CelError) {
      const { message } = result.value;
      if (!result.isOverBudget) this.errors.push(invalid(failureText(message, rule)));
      else
        this.#giveUp(
          invalid(
            `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${textOf(rule)}`,
          ),
        );
      return;
    }
    if (result.value !== true) this.#refuse(compiled, node, { subject, variables });
  }

  /** The rule says no: the reason and place that it names, in its own words. */
  #refuse(
    { rule, messageProgram, usesOldSelf }: RunnableRule,
    node: StructuralSchema,
    { subject, variables }: { readonly subject: Subject; readonly variables: Variables },
  ): void {
    const at = placeOf(rule, node, subject.at);
    const errors = !usesOldSelf && isForgiven(subject.ratchet) ? this.forgiven : this.errors;
    let detail: string | undefined;
    if (messageProgram !== undefined) {
      const message = this.#message(messageProgram, rule.messageExpression ?? '', variables);
      if (message.refusal !== undefined) {
        errors.push(invalidValue(at, node.type, message.refusal));
        this.remainingBudget = -1;
        return;
      }
      detail = message.text;
    }
    const isWhole = node.type === 'object' || node.type === 'array';
    const value = isWhole ? OMITTED : subject.value;
    errors.push(errorOf(at, value, detail ?? messageOf(rule), rule.reason));
  }

  /** The text of a message expression, nothing when it fails, or why nothing more is run. */
  #message(
    program: Program,
    source: string,
    variables: Variables,
  ): { readonly text?: string; readonly refusal?: string } {
    const { value, cost, isOverBudget } = program.evaluate(variables, {});
    if (cost > this.remainingBudget)
      return {
        refusal:
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
      };
    if (isOverBudget)
      return {
        refusal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(source)}`,
      };
    this.remainingBudget -= cost;
    if (typeof value !== 'string') return {};
    const text = value.trim();
    const isUsable =
      text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_MAX_BYTES;
    return isUsable ? { text } : {};
  }
}

function failureText(message: string, rule: ValidationRule): string {
  return message.startsWith('no such overload')
    ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${textOf(rule)}`
    : `${message} evaluating rule: ${textOf(rule)}`;
}

function textOf({ rule, message = '' }: ValidationRule): string {
  return (message === '' ? rule : message).trim();
}

function messageOf(rule: ValidationRule): string {
  return rule.message ? rule.message.trim() : `failed rule: ${textOf(rule)}`;
}

/** The field that the rule names, relative to its own place. */
function placeOf(
  { fieldPath = '' }: ValidationRule,
  node: StructuralSchema,
  at: FieldPath,
): FieldPath {
  if (fieldPath === '') return at;
  try {
    const { path } = findSchemaPath(fieldPath, node);
    return at.child(String(path));
  } catch (error) {
    if (error instanceof SchemaPathError) return at;
    throw error;
  }
}

function errorOf(at: FieldPath, value: unknown, detail: string, reason = ''): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(at, detail);
    case 'FieldValueRequired':
      return required(at, detail);
    case 'FieldValueDuplicate':
      return duplicate(at, value);
    default:
      return invalidValue(at, value, detail);
  }
}

/** The value, or the nearest one around it that has an old counterpart, is as it was. */
function isForgiven({ current, parent }: Ratchet): boolean {
  return (current ?? parent)?.isEqual() === true;
}

function ratchetOf(ratchet: Ratchet, name: string): Ratchet {
  // Both sides are of one kind and version: what their objects say of it tells nothing.
  const isTypeMeta = name === 'apiVersion' || name === 'kind';
  if (ratchet.current !== undefined && ratchet.parent === undefined && isTypeMeta)
    return { current: undefined, parent: undefined };
  return stepped(ratchet, (current) => current.key(name));
}

function stepped(
  ratchet: Ratchet,
  step: (current: Correlation) => Correlation | undefined,
): Ratchet {
  const { current } = ratchet;
  return current === undefined ? ratchet : { current: step(current), parent: current };
}

/** Finds the old item of a list of type map by its keys; other lists have none. */
function oldItemsOf(
  { listType, listMapKeys }: StructuralSchema,
  old: Json | undefined,
): (item: Json) => Json | undefined {
  if (listType !== 'map' || !Array.isArray(old) || listMapKeys === undefined)
    return () => undefined;
  const items = new Map<string, Json>();
  for (const item of old) {
    const key = keyOf(item, listMapKeys);
    if (key !== undefined && !items.has(key)) items.set(key, item);
  }
  return (item) => items.get(keyOf(item, listMapKeys) ?? '');
}
