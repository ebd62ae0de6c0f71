/** Character classes of RE2 in JavaScript's words; see `pattern-parser.ts`. */

/** Members of Perl's and POSIX' classes, as the inside of a class. */
const PERL: Readonly<Record<string, string>> = {
  d: '0-9',
  D: '\\0-\\/:-\\u{10FFFF}',
  s: '\\t\\n\\f\\r ',
  S: '\\0-\\x08\\x0B\\x0E-\\x1F!-\\u{10FFFF}',
  w: '0-9A-Za-z_',
  W: '\\0-\\/:-@\\[-\\^`\\{-\\u{10FFFF}',
};

const POSIX: Readonly<Record<string, readonly [inside: string, outside: string]>> = {
  alnum: ['0-9A-Za-z', '\\0-\\/:-@\\[-`\\{-\\u{10FFFF}'],
  alpha: ['A-Za-z', '\\0-@\\[-`\\{-\\u{10FFFF}'],
  ascii: ['\\0-\\x7F', '\\x80-\\u{10FFFF}'],
  blank: ['\\t ', '\\0-\\x08\\n-\\x1F!-\\u{10FFFF}'],
  cntrl: ['\\0-\\x1F\\x7F', ' -~\\x80-\\u{10FFFF}'],
  digit: ['0-9', '\\0-\\/:-\\u{10FFFF}'],
  graph: ['!-~', '\\0- \\x7F-\\u{10FFFF}'],
  lower: ['a-z', '\\0-`\\{-\\u{10FFFF}'],
  print: [' -~', '\\0-\\x1F\\x7F-\\u{10FFFF}'],
  punct: ['!-\\/:-@\\[-`\\{-~', '\\0- 0-9A-Za-z\\x7F-\\u{10FFFF}'],
  space: ['\\t\\n\\v\\f\\r ', '\\0-\\x08\\x0E-\\x1F!-\\u{10FFFF}'],
  upper: ['A-Z', '\\0-@\\[-\\u{10FFFF}'],
  word: ['0-9A-Za-z_', '\\0-\\/:-@\\[-\\^`\\{-\\u{10FFFF}'],
  xdigit: ['0-9A-Fa-f', '\\0-\\/:-@G-`g-\\u{10FFFF}'],
};

/** `d` of `\d`: what is in it, undefined when there is no such class. */
export function perlClass(letter: string): string | undefined {
  return Object.hasOwn(PERL, letter) ? PERL[letter] : undefined;
}

/** `[:name:]` or `[:^name:]`. */
export function posixClass(name: string): string | undefined {
  const negated = name.startsWith('^');
  const key = negated ? name.slice(1) : name;
  const pair = Object.hasOwn(POSIX, key) ? POSIX[key] : undefined;
  return pair?.[negated ? 1 : 0];
}

/** `\p{name}` or `\P{name}` of RE2, undefined when Unicode has neither category nor script of it. */
export function unicodeClass(name: string, negated: boolean): string | undefined {
  const not = name.startsWith('^') !== negated;
  const key = name.replace(/^\^/, '');
  const letter = not ? 'P' : 'p';
  for (const text of [`\\${letter}{${key}}`, `\\${letter}{Script=${key}}`]) {
    if (text.includes('{Script=') || /^[A-Z][a-z]?$|^Any$/.test(key)) {
      if (isPattern(text)) return text;
    }
  }
  return undefined;
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u').flags === 'u';
  } catch {
    return false;
  }
}

/** One character inside a class or outside of one, always read as itself. */
export function literal(char: string): string {
  if (/^[A-Za-z0-9_ ]$/.test(char) || (char.codePointAt(0) ?? 0) > 0x7f) return char;
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
