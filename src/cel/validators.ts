/**
 * What the API server finds wrong with expressions whose types are right: literals that no
 * evaluation could read.
 *
 * Upstream: cel-go cel/validator.go (duration, timestamp and regex literals), v0.26.
 */
import type { CheckedTree } from './check/checker.ts';
import type { Validator } from './environment.ts';
import { RegexProblem } from './regex/parse.ts';
import { regexOf } from './regex/regex.ts';
import { type Expr, walk } from './syntax/ast.ts';
import { type Issue, NOWHERE } from './syntax/source.ts';
import { toDuration, toTimestamp } from './value/convert.ts';
import { CelError } from './value/value.ts';

const placeOf = ({ tree }: CheckedTree, { id }: Expr): Issue['place'] => {
  const offset = tree.offsets[id];
  return offset === undefined ? NOWHERE : tree.source.placeOf(offset);
};

/** Tells of each call whose literal argument is bad. */
function literalsOf(name: string, argument: number, isBad: (text: string) => boolean): Validator {
  return (checked) => {
    const issues: Issue[] = [];
    walk(checked.expr, (expr) => {
      if (expr.kind !== 'call' || expr.name !== name) return;
      const arg = expr.args[argument - (expr.target === undefined ? 0 : 1)];
      if (arg?.kind !== 'literal' || typeof arg.value !== 'string' || !isBad(arg.value)) return;
      issues.push({ place: placeOf(checked, arg), message: `invalid ${name} argument` });
    });
    return issues;
  };
}

const isBadRegex = (text: string): boolean => regexOf(text) instanceof RegexProblem;

export const LITERAL_VALIDATORS: readonly Validator[] = [
  literalsOf('duration', 0, (text) => toDuration(text) instanceof CelError),
  literalsOf('timestamp', 0, (text) => toTimestamp(text) instanceof CelError),
  literalsOf('matches', 1, isBadRegex),
];
