/**
 * Translates RE2's syntax into JavaScript's (with the flag `u`).
 *
 * Source: Go's regexp/syntax/parse.go and doc.go. Flags are applied to each atom, for RE2 lets them
 * change in the middle of a group.
 */
import { literal, perlClass, posixClass, unicodeClass } from './pattern-class.ts';

const REPEAT_MAX = 1000;
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** What Go says of a pattern that it cannot parse. */
export class PatternError extends Error {
  constructor(code: string, part: string) {
    super(`error parsing regexp: ${code}: \`${part}\``);
    this.name = 'PatternError';
  }
}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

const NO_FLAGS: Flags = { i: false, m: false, s: false, U: false };

export class PatternParser {
  readonly #source: string;
  #at = 0;
  #flags = NO_FLAGS;
  readonly #names = new Set<string>();

  constructor(source: string) {
    this.#source = unquoted(source);
  }

  /** Throws PatternError. */
  translate(): string {
    const text = this.#alternatives();
    if (this.#at < this.#source.length) throw new PatternError('unexpected )', this.#source);
    return text;
  }

  #rest(): string {
    return this.#source.slice(this.#at);
  }

  #next(): string {
    const char = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    this.#at += char.length;
    return char;
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #alternatives(): string {
    let out = '';
    while (this.#at < this.#source.length && this.#source[this.#at] !== ')') {
      out += this.#skip('|') ? '|' : this.#repeated();
    }
    return out;
  }

  /** An atom with the operator that repeats it. */
  #repeated(): string {
    const operator = this.#operator();
    if (operator !== undefined) {
      throw new PatternError('missing argument to repetition operator', operator.source);
    }
    const atom = this.#atom();
    const repeat = atom === undefined ? undefined : this.#operator();
    if (repeat === undefined) return atom ?? '';
    const again = this.#operator();
    if (again !== undefined) {
      const both = repeat.source + again.source;
      throw new PatternError('invalid nested repetition operator', both);
    }
    return `(?:${atom})${repeat.text}`;
  }

  #operator(): { readonly text: string; readonly source: string } | undefined {
    const match = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})(\??)/.exec(this.#rest());
    if (match === null) return undefined;
    const [source, min, max, lazy] = match;
    const count = source.endsWith('?') && source.length > 1 ? source.slice(0, -1) : source;
    if (min !== undefined) {
      const [low, high] = [Number(min), max ? Number(max) : Number(min)];
      if (low > REPEAT_MAX || high > REPEAT_MAX || high < low) {
        throw new PatternError('invalid repeat count', count);
      }
    }
    this.#at += source.length;
    const isLazy = (lazy === '?') !== this.#flags.U;
    return { text: `${lazy === '?' ? count : source}${isLazy ? '?' : ''}`, source };
  }

  /** Undefined for what matches nothing and cannot be repeated: a change of flags. */
  #atom(): string | undefined {
    const start = this.#at;
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#group(start);
      case '[':
        return this.#fold(this.#class(start));
      case '.':
        return this.#flags.s ? '[\\0-\\u{10FFFF}]' : '[^\\n]';
      case '^':
        return this.#flags.m ? '(?<![^\\n])' : '(?<![\\0-\\u{10FFFF}])';
      case '$':
        return this.#flags.m ? '(?![^\\n])' : '(?![\\0-\\u{10FFFF}])';
      case '\\':
        return this.#escape(start);
      default:
        return this.#fold(literal(char));
    }
  }

  #fold(text: string): string {
    return this.#flags.i ? `(?i:${text})` : text;
  }

  #group(start: number): string | undefined {
    const before = this.#flags;
    let open = '(?:';
    const named = /^\?P?<([^>]*)>/.exec(this.#rest());
    if (named !== null) this.#name(named[1] ?? '', named[0]);
    else if (this.#skip('?')) {
      const isGroup = this.#readFlags(start);
      if (!isGroup) return undefined;
    } else open = '(';
    const inside = this.#alternatives();
    if (!this.#skip(')')) throw new PatternError('missing closing )', this.#source);
    this.#flags = before;
    return `${open}${inside})`;
  }

  #name(name: string, source: string): void {
    if (!/^\w+$/.test(name)) throw new PatternError('invalid named capture', `(${source}`);
    if (this.#names.has(name)) throw new PatternError('duplicate capture group name', name);
    this.#names.add(name);
    this.#at += source.length;
  }

  /** `i`, `-s:`, … Answers whether a group follows; else the flags hold for what comes after. */
  #readFlags(start: number): boolean {
    const match = /^([imsU]*)(-[imsU]+)?([:)])/.exec(this.#rest());
    const [all, on = '', off = '', end] = match ?? [];
    if (all === undefined || (end === ')' && on + off === '')) {
      const bad = /^[imsU-]*[^imsU-]?/.exec(this.#rest())?.[0] ?? '';
      const part = this.#source.slice(start, this.#at) + bad;
      throw new PatternError('invalid or unsupported Perl syntax', part);
    }
    this.#at += all.length;
    const flags = { ...this.#flags };
    for (const flag of ['i', 'm', 's', 'U'] as const) {
      if (on.includes(flag)) flags[flag] = true;
      if (off.includes(flag)) flags[flag] = false;
    }
    this.#flags = flags;
    return end === ':';
  }

  #escape(start: number): string {
    const char = this.#source[this.#at];
    if (char === undefined) throw new PatternError('trailing backslash at end of expression', '');
    if (char === 'A' || char === 'z' || char === 'b' || char === 'B') {
      this.#at++;
      if (char === 'A') return '(?<![\\0-\\u{10FFFF}])';
      return char === 'z' ? '(?![\\0-\\u{10FFFF}])' : `\\${char}`;
    }
    const set = this.#escapedClass(start);
    if (set !== undefined) return this.#fold(`[${set}]`);
    return this.#fold(literal(this.#escapedChar(start)));
  }

  /** The inside of `\d`, `\pL`, … when one stands here, behind its backslash. */
  #escapedClass(start: number): string | undefined {
    const char = this.#source[this.#at] ?? '';
    const perl = perlClass(char);
    if (perl !== undefined) {
      this.#at++;
      return perl;
    }
    if (char !== 'p' && char !== 'P') return undefined;
    const match = /^[pP](?:\{([^}]*)\}|([^{]))/u.exec(this.#rest());
    const set = match && unicodeClass(match[1] ?? match[2] ?? '', char === 'P');
    if (!match || set === undefined || set === null) {
      const part = this.#source.slice(start, this.#at + (match?.[0].length ?? 2));
      throw new PatternError('invalid character class range', part);
    }
    this.#at += match[0].length;
    return set;
  }

  #escapedChar(start: number): string {
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(this.#rest());
    const hex = /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(this.#rest());
    const code = octal
      ? Number.parseInt(octal[0], 8)
      : Number.parseInt(hex?.[1] ?? hex?.[2] ?? '', 16);
    if (code <= 0x10ffff) {
      this.#at += (octal ?? hex)?.[0].length ?? 0;
      return String.fromCodePoint(code);
    }
    const char = this.#next();
    const control = Object.hasOwn(CONTROL, char) ? CONTROL[char] : undefined;
    if (control !== undefined) return String.fromCodePoint(control);
    if (/^[!-/:-@[-`{-~]$/.test(char)) return char;
    throw new PatternError('invalid escape sequence', this.#source.slice(start, this.#at));
  }

  #class(start: number): string {
    const negated = this.#skip('^');
    let inside = '';
    for (let first = true; first || this.#source[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#source.length) {
        throw new PatternError('missing closing ]', this.#source.slice(start));
      }
      inside += this.#classMember(start, first);
    }
    this.#at++;
    return `[${negated ? '^' : ''}${inside}]`;
  }

  #classMember(start: number, isFirst: boolean): string {
    const here = this.#at;
    const posix = /^\[:(\^?\w+):\]/.exec(this.#rest());
    if (posix !== null) {
      const set = posixClass(posix[1] ?? '');
      if (set === undefined) throw new PatternError('invalid character class range', posix[0]);
      this.#at += posix[0].length;
      return set;
    }
    const rest = this.#rest();
    if (rest.startsWith('-') && !isFirst && !/^-(?:\]|$)/.test(rest)) {
      throw new PatternError('invalid character class range', /^-.?/u.exec(rest)?.[0] ?? rest);
    }
    if (this.#skip('\\')) {
      const set = this.#escapedClass(here);
      if (set !== undefined) return set;
      this.#at = here;
    }
    return this.#range(start, here);
  }

  #range(start: number, here: number): string {
    const low = this.#classChar(start);
    if (!/^-[^\]]/.test(this.#rest())) return literal(low);
    this.#at++;
    const high = this.#classChar(start);
    if ((high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0)) {
      throw new PatternError('invalid character class range', this.#source.slice(here, this.#at));
    }
    return `${literal(low)}-${literal(high)}`;
  }

  #classChar(start: number): string {
    const here = this.#at;
    if (here >= this.#source.length) {
      throw new PatternError('missing closing ]', this.#source.slice(start));
    }
    if (!this.#skip('\\')) return this.#next();
    if (this.#at >= this.#source.length) {
      throw new PatternError('trailing backslash at end of expression', '');
    }
    return this.#escapedChar(here);
  }
}

/** `\Qa.b\E` becomes `a\.b`: what repeats then repeats the last character alone. */
function unquoted(source: string): string {
  return source.replaceAll(/\\(?:Q([\s\S]*?)(?:\\E|$)|[\s\S])/g, (all, text?: string) =>
    text === undefined ? all : text.replaceAll(/[!-/:-@[-`{-~]/g, '\\$&'),
  );
}
