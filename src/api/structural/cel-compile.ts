/**
 * The rules of one node of a schema, compiled.
 *
 * Source: KEP-2876; upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go.
 */
import type { ValidationRule } from '#api/gen/apiextensions-v1.ts';
import { BOOL, isSameType, optionalType, STRING } from '#cel/check/type.ts';
import {
  celEnvironment,
  type CelEnvironment,
  type CelFailure,
  type CelProgram,
} from '#cel/kubernetes.ts';
import { type DeclaredType, maxCardinality, typesOf } from '#cel/schema/declared-type.ts';
import { sizesBy } from '#cel/schema/sizes.ts';
import type { CompiledRule, KnownExpressions } from './rule-engine.ts';

/** A cluster may go back one version: new expressions use no more than that one has. */
const NEW_MINOR = 35;
/** What is stored may use all there is. */
const STORED_MINOR = 36;

/** A rule that can be run. */
export interface RunnableRule extends CompiledRule {
  readonly rule: ValidationRule;
  readonly program?: CelProgram['program'];
  readonly messageProgram?: CelProgram['program'];
}

const bases = new Map<number, CelEnvironment>();

function base(minor: number): CelEnvironment {
  const known = bases.get(minor);
  if (known !== undefined) return known;
  const made = celEnvironment({ minor });
  bases.set(minor, made);
  return made;
}

/** Environments of the rules of one node, made when one is needed. */
class Environments {
  readonly #declared: DeclaredType;
  readonly #made = new Map<string, CelEnvironment>();

  constructor(declared: DeclaredType) {
    this.#declared = declared;
  }

  get(isKnown: boolean, isOptional: boolean): CelEnvironment {
    const key = `${isKnown} ${isOptional}`;
    let made = this.#made.get(key);
    if (made === undefined) {
      const { type } = this.#declared;
      const minor = isKnown ? STORED_MINOR : NEW_MINOR;
      made = base(minor).extend({
        variables: { self: type, oldSelf: isOptional ? optionalType(type) : type },
        provider: typesOf([this.#declared], { minor }),
      });
      this.#made.set(key, made);
    }
    return made;
  }
}

/** All `rules` of a node, in order. `declared`: its type. */
export function compileNodeRules(
  rules: readonly ValidationRule[],
  declared: DeclaredType,
  known: KnownExpressions | 'all',
): RunnableRule[] {
  const environments = new Environments(declared);
  return rules.map((rule) => compileRule(rule, declared, { environments, known }));
}

interface Context {
  readonly environments: Environments;
  readonly known: KnownExpressions | 'all';
}

function compileRule(
  rule: ValidationRule,
  declared: DeclaredType,
  { environments, known }: Context,
): RunnableRule {
  const none = { rule, maxCost: 0, maxCardinality: 0, usesOldSelf: false };
  if (rule.rule.trim() === '') return none;
  const isOptional = rule.optionalOldSelf === true;
  const isKnown = known === 'all' || known.rules.has(rule.rule);
  const program = environments.get(isKnown, isOptional).compile(rule.rule);
  if (isFailure(program)) return { ...none, error: invalid(wordOf(program)) };
  if (!isSameType(program.type, BOOL))
    return { ...none, error: invalid('cel expression must evaluate to a bool') };
  const sizes = sizesBy(declared);
  const compiled: RunnableRule = {
    rule,
    program: program.program,
    maxCost: program.estimate(sizes).max,
    maxCardinality: maxCardinality(declared.minSerializedSize),
    usesOldSelf: program.variableNames.includes('oldSelf'),
  };
  const source = rule.messageExpression ?? '';
  if (source === '') return compiled;
  const isKnownMessage = known === 'all' || known.messageExpressions.has(source);
  const message = environments.get(isKnownMessage, isOptional).compile(source);
  if (isFailure(message))
    return { ...compiled, messageExpressionError: `messageExpression ${wordOf(message)}` };
  if (!isSameType(message.type, STRING)) {
    const messageExpressionError = 'messageExpression must evaluate to a string';
    return { ...compiled, messageExpressionError };
  }
  const messageExpressionMaxCost = message.estimate(sizes).max;
  return { ...compiled, messageProgram: message.program, messageExpressionMaxCost };
}

function isFailure(result: CelProgram | CelFailure): result is CelFailure {
  return 'kind' in result;
}

function wordOf({ kind, message }: CelFailure): string {
  return kind === 'instantiation'
    ? `instantiation failed: ${message}`
    : `compilation failed: ${message}`;
}

function invalid(detail: string): NonNullable<CompiledRule['error']> {
  const isProgram = detail.startsWith('instantiation');
  return { type: 'invalid', detail: isProgram ? `program ${detail}` : detail };
}
