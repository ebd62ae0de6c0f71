/**
 * `find` and `findAll`.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/regex.go.
 */
import { type FunctionTable, member } from '../check/declarations.ts';
import { INT, listType, STRING } from '../check/type.ts';
import { RegexProblem } from '../regex/parse.ts';
import { regexOf } from '../regex/regex.ts';
import { ArrayList, CelError, numberOf, textOf, type Value } from '../value/value.ts';

const illegal = (problem: RegexProblem): CelError =>
  new CelError(`Illegal regex: ${problem.message}`);

function find(text: Value, pattern: Value): Value {
  const regex = regexOf(textOf(pattern));
  if (regex instanceof RegexProblem) return illegal(regex);
  const source = textOf(text);
  const match = regex.find(source);
  return match === undefined ? '' : source.slice(match.start, match.end);
}

function findAll(text: Value, pattern: Value, limit: number): Value {
  const regex = regexOf(textOf(pattern));
  if (regex instanceof RegexProblem) return illegal(regex);
  return new ArrayList(regex.findAll(textOf(text), limit));
}

export const REGEX_LIBRARY: FunctionTable = {
  find: [member('string_find_string', [STRING, STRING], STRING, find)],
  findAll: [
    member('string_find_all_string', [STRING, STRING], listType(STRING), (text, pattern) =>
      findAll(text, pattern, -1),
    ),
    member(
      'string_find_all_string_int',
      [STRING, STRING, INT],
      listType(STRING),
      (text, pattern, limit) => findAll(text, pattern, numberOf(limit)),
    ),
  ],
};
