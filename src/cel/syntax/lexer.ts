/**
 * Cuts the text of a CEL expression into tokens.
 *
 * Upstream: the lexer rules of cel-go parser/gen/CEL.g4, v0.26: the longest match wins, and a
 * character that begins no token is told and left out.
 */
import { type Issue, type Source } from './source.ts';

export type TokenKind =
  | 'IDENTIFIER'
  | 'ESC_IDENTIFIER'
  | 'NUM_INT'
  | 'NUM_UINT'
  | 'NUM_FLOAT'
  | 'STRING'
  | 'BYTES'
  | 'EOF'
  /** An operator, a bracket or one of the words `in`, `true`, `false`, `null`. */
  | 'SYMBOL';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Where it begins, in UTF-16 units. */
  readonly offset: number;
}

const WORDS = new Set(['in', 'true', 'false', 'null']);
const SYMBOLS_TWO = new Set(['==', '!=', '<=', '>=', '&&', '||']);
const SYMBOLS_ONE = new Set('<>[]{}().,-!?:+*/%');

const SPACE = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const ESCAPED_NAME = /`[A-Za-z0-9_.\-/ ]+`/y;
const FLOAT =
  /(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)/y;
const HEX = /0x[0-9a-fA-F]+[uU]?/y;
const DECIMAL = /[0-9]+[uU]?/y;
const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`;
const TEXT = new RegExp(
  [
    String.raw`[rR]"""[\s\S]*?"""`,
    String.raw`[rR]'''[\s\S]*?'''`,
    String.raw`"""(?:${ESCAPE}|[^\\])*?"""`,
    String.raw`'''(?:${ESCAPE}|[^\\])*?'''`,
    String.raw`[rR]"[^"\n\r]*"`,
    String.raw`[rR]'[^'\n\r]*'`,
    String.raw`"(?:${ESCAPE}|[^\\"\n\r])*"`,
    String.raw`'(?:${ESCAPE}|[^\\'\n\r])*'`,
  ].join('|'),
  'yu',
);

function matchAt(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0];
}

/** A string or bytes literal; the prefix `b` makes bytes of it. */
function literalAt(text: string, offset: number): Token | undefined {
  const string = matchAt(TEXT, text, offset);
  if (string !== undefined) return { kind: 'STRING', text: string, offset };
  const first = text[offset];
  if (first !== 'b' && first !== 'B') return undefined;
  const bytes = matchAt(TEXT, text, offset + 1);
  return bytes === undefined ? undefined : { kind: 'BYTES', text: first + bytes, offset };
}

function numberAt(text: string, offset: number): Token | undefined {
  const float = matchAt(FLOAT, text, offset);
  const whole = matchAt(HEX, text, offset) ?? matchAt(DECIMAL, text, offset);
  if (float !== undefined && float.length >= (whole?.length ?? 0)) {
    return { kind: 'NUM_FLOAT', text: float, offset };
  }
  if (whole === undefined) return undefined;
  return { kind: /[uU]$/.test(whole) ? 'NUM_UINT' : 'NUM_INT', text: whole, offset };
}

function tokenAt(text: string, offset: number): Token | undefined {
  const literal = literalAt(text, offset) ?? numberAt(text, offset);
  if (literal !== undefined) return literal;
  const name = matchAt(NAME, text, offset);
  if (name !== undefined)
    return { kind: WORDS.has(name) ? 'SYMBOL' : 'IDENTIFIER', text: name, offset };
  const escaped = matchAt(ESCAPED_NAME, text, offset);
  if (escaped !== undefined) return { kind: 'ESC_IDENTIFIER', text: escaped, offset };
  const two = text.slice(offset, offset + 2);
  if (SYMBOLS_TWO.has(two)) return { kind: 'SYMBOL', text: two, offset };
  const one = text.charAt(offset);
  return SYMBOLS_ONE.has(one) ? { kind: 'SYMBOL', text: one, offset } : undefined;
}

/** As far as a string could go on: to the end of the line, or to an escape that is none. */
const OPEN_TEXT = new RegExp(
  String.raw`(["'])(?:${ESCAPE}|(?!\1)[^\\\n\r])*(?:\\(?:[xX][0-9a-fA-F]?)?[^]?|[\n\r])?`,
  'yu',
);

/** How far text that begins no token goes: an open quote takes the rest of what it could be. */
function badLength(text: string, offset: number): number {
  const first = text.charAt(offset);
  const open = matchAt(OPEN_TEXT, text, offset);
  if (open !== undefined) return open.length;
  if ('=&|'.includes(first)) return Math.min(text.length - offset, 2);
  if (first === '`') return (matchAt(/`[A-Za-z0-9_.\-/ ]*[^`]?/y, text, offset) ?? first).length;
  return String.fromCodePoint(text.codePointAt(offset) ?? 0).length;
}

const shown = (text: string): string =>
  text.replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r');

/** The tokens, ended by one `EOF`, and what could not be read. */
export function tokensOf(source: Source): {
  readonly tokens: readonly Token[];
  readonly issues: readonly Issue[];
} {
  const { text } = source;
  const tokens: Token[] = [];
  const issues: Issue[] = [];
  let offset = 0;
  while (offset < text.length) {
    const space = matchAt(SPACE, text, offset);
    if (space !== undefined) {
      offset += space.length;
      continue;
    }
    const token = tokenAt(text, offset);
    if (token === undefined) {
      const length = badLength(text, offset);
      const bad = shown(text.slice(offset, offset + length));
      issues.push({
        place: source.placeOf(offset),
        message: `Syntax error: token recognition error at: '${bad}'`,
      });
      offset += length;
      continue;
    }
    tokens.push(token);
    offset += token.text.length;
  }
  tokens.push({ kind: 'EOF', text: '<EOF>', offset: text.length });
  return { tokens, issues };
}
