/**
 * What the API server finds wrong with expressions whose types are right: literals that no
 * evaluation could read, and lists and maps of mixed types.
 *
 * Upstream: cel-go cel/validator.go, v0.26.
 */
import type { CheckedTree } from './check/checker.ts';
import { DYN, formatType, isSameType, optionalOf, type Type } from './check/type.ts';
import type { Validator } from './environment.ts';
import { checkFormat } from './library/format-string.ts';
import { RegexProblem } from './regex/parse.ts';
import { regexOf } from './regex/regex.ts';
import { childrenOf, type Expr, walk } from './syntax/ast.ts';
import { type Issue, NOWHERE } from './syntax/source.ts';
import { toDuration, toTimestamp } from './value/convert.ts';
import { CelError, type Value } from './value/value.ts';

const placeOf = ({ tree }: CheckedTree, { id }: Expr): Issue['place'] => {
  const offset = tree.offsets[id];
  return offset === undefined ? NOWHERE : tree.source.placeOf(offset);
};

/** Tells of each call whose literal argument is bad. */
function literalsOf(name: string, argument: number, isBad: (literal: Value) => boolean): Validator {
  return (checked) => {
    const issues: Issue[] = [];
    walk(checked.expr, (expr) => {
      if (expr.kind !== 'call' || expr.name !== name) return;
      const arg = expr.args[argument - (expr.target === undefined ? 0 : 1)];
      if (arg?.kind !== 'literal' || !isBad(arg.value)) return;
      issues.push({ place: placeOf(checked, arg), message: `invalid ${name} argument` });
    });
    return issues;
  };
}

const isBadRegex = (literal: Value): boolean =>
  typeof literal === 'string' && regexOf(literal) instanceof RegexProblem;

/** Durations, timestamps and regular expressions that nothing can read: since Kubernetes 1.29. */
export const LITERAL_VALIDATORS: readonly Validator[] = [
  literalsOf('duration', 0, (literal) => toDuration(literal) instanceof CelError),
  literalsOf('timestamp', 0, (literal) => toTimestamp(literal) instanceof CelError),
  literalsOf('matches', 1, isBadRegex),
];

class Homogeneity {
  readonly #checked: CheckedTree;
  readonly #exempt: ReadonlySet<string>;
  readonly issues: Issue[] = [];

  constructor(checked: CheckedTree, exempt: ReadonlySet<string>) {
    this.#checked = checked;
    this.#exempt = exempt;
  }

  visit(expr: Expr): void {
    if (expr.kind === 'call' && this.#exempt.has(expr.name)) return;
    if (expr.kind === 'list') {
      this.#same(expr.elements, (index) => expr.optionals.has(index));
    } else if (expr.kind === 'map') {
      this.#same(
        expr.entries.map(({ key }) => key),
        () => false,
      );
      const isOptional = (index: number): boolean => expr.entries[index]?.isOptional === true;
      this.#same(
        expr.entries.map(({ value }) => value),
        isOptional,
      );
    }
    for (const child of childrenOf(expr)) this.visit(child);
  }

  /** Tells of the first part that is of another type than the parts before it. */
  #same(parts: readonly Expr[], isOptional: (index: number) => boolean): void {
    let expected: Type | undefined;
    for (const [index, part] of parts.entries()) {
      const whole = this.#checked.types.get(part.id) ?? DYN;
      const type = isOptional(index) ? (optionalOf(whole) ?? whole) : whole;
      expected ??= type;
      if (isSameType(expected, type)) continue;
      const message = `expected type '${formatType(expected)}' but found '${formatType(type)}'`;
      this.issues.push({ place: placeOf(this.#checked, part), message });
      return;
    }
  }
}

/** Lists and maps whose parts are of several types; arguments of some functions may be that. */
export function homogeneous(exempt: readonly string[]): Validator {
  const names = new Set(exempt);
  return (checked) => {
    const homogeneity = new Homogeneity(checked, names);
    homogeneity.visit(checked.expr);
    return homogeneity.issues;
  };
}

/** Formats that are literals, with literal lists of arguments: clauses, types and count must fit. */
export const FORMAT_VALIDATOR: Validator = (checked) => {
  const issues: Issue[] = [];
  walk(checked.expr, (expr) => {
    if (expr.kind !== 'call' || expr.name !== 'format') return;
    const [list] = expr.args;
    const format = expr.target?.kind === 'literal' ? expr.target.value : undefined;
    if (typeof format !== 'string' || list?.kind !== 'list') return;
    const types = list.elements.map(({ id }) => checked.types.get(id) ?? DYN);
    const problem = checkFormat(format, types);
    if (problem === undefined) return;
    const blamed =
      problem.argument === undefined ? expr : (list.elements[problem.argument] ?? expr);
    issues.push({ place: placeOf(checked, blamed), message: problem.message });
  });
  return issues;
};
