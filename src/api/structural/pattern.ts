/**
 * Patterns of schemas: Go's regular expressions (RE2), run by the engine that is there.
 *
 * Source: Go's regexp/syntax for syntax and error texts. `pattern-parser.ts` translates; what RE2
 * refuses (look-around, back references) is refused with its words.
 */
import { PatternParser, PatternError } from './pattern-parser.ts';

export type Pattern = { test(text: string): boolean } | { readonly error: string };

/** Compiled patterns, the least recently made thrown away first. */
const compiled = new Map<string, Pattern>();
const COMPILED_PATTERNS_MAX = 4096;

/** `error` is what Go says of a pattern that it cannot parse. */
export function compilePattern(source: string): Pattern {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const pattern = compile(source);
  if (compiled.size >= COMPILED_PATTERNS_MAX) {
    for (const oldest of compiled.keys()) {
      compiled.delete(oldest);
      break;
    }
  }
  compiled.set(source, pattern);
  return pattern;
}

function compile(source: string): Pattern {
  try {
    return new RegExp(new PatternParser(source).translate(), 'u');
  } catch (error) {
    if (error instanceof PatternError) return { error: error.message };
    // What the other engine cannot say after all: too large, an unknown script.
    if (error instanceof SyntaxError) {
      return { error: `error parsing regexp: expression nests too deeply: \`${source}\`` };
    }
    throw error;
  }
}
