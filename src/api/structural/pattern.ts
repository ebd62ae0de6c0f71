/**
 * Patterns of schemas: Go's regular expressions (RE2), in time linear to the text, so that no
 * object can make a pattern run for ever.
 */
import { RegexProblem } from '#cel/regex/parse.ts';
import { regexOf } from '#cel/regex/regex.ts';

export type Pattern = { test(text: string): boolean } | { readonly error: string };

/** `error` is what Go says of a pattern that it cannot parse. */
export function compilePattern(source: string): Pattern {
  const compiled = regexOf(source);
  return compiled instanceof RegexProblem ? { error: compiled.message } : compiled;
}
