/**
 * Parses regular expressions of RE2.
 *
 * Syntax source: https://github.com/google/re2/wiki/Syntax; the messages are those of Go's
 * regexp/syntax, which clients of upstream see.
 */
import { CharSet, PERL, POSIX, property, type SetItem } from './char-set.ts';

export type Assertion = 'begin' | 'end' | 'beginLine' | 'endLine' | 'word' | 'notWord';

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly parts: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly part: Node;
      readonly min: number;
      /** Undefined: without end. */
      readonly max: number | undefined;
      readonly isLazy: boolean;
    };

/** Repetitions of repetitions count as one product; more than this is refused. */
const REPEAT_MAX = 1000;
const NESTING_MAX = 1000;
const POINT_MAX = 0x10ffff;

/** Why a text is no regular expression. */
export class RegexProblem extends Error {
  override readonly name = 'RegexProblem';

  constructor(code: string, part: string) {
    super(`error parsing regexp: ${code}: \`${part}\``);
  }
}

interface Flags {
  readonly isFolded: boolean;
  readonly isMultiLine: boolean;
  readonly isDotAll: boolean;
  readonly isUngreedy: boolean;
}

const NO_FLAGS: Flags = { isFolded: false, isMultiLine: false, isDotAll: false, isUngreedy: false };
const LETTERS: Readonly<Record<string, keyof Flags>> = {
  i: 'isFolded',
  m: 'isMultiLine',
  s: 'isDotAll',
  U: 'isUngreedy',
};
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

function repeatProduct(node: Node): number {
  if (node.kind === 'repeat') {
    if (node.max === 0) return 1;
    return Math.max(node.max ?? node.min, 1) * repeatProduct(node.part);
  }
  if (node.kind === 'sequence' || node.kind === 'choice') {
    return Math.max(1, ...node.parts.map(repeatProduct));
  }
  return 1;
}

class RegexParser {
  readonly #text: string;
  #at = 0;
  #flags = NO_FLAGS;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw new RegexProblem('unexpected )', this.#text);
    return node;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** The next character, whole. */
  #takePoint(): number {
    const point = this.#text.codePointAt(this.#at) ?? 0;
    this.#at += point > 0xffff ? 2 : 1;
    return point;
  }

  #takeIf(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Node {
    this.#depth += 1;
    if (this.#depth > NESTING_MAX) {
      throw new RegexProblem('expression nests too deeply', this.#text);
    }
    const parts = [this.#sequence()];
    while (this.#takeIf('|')) parts.push(this.#sequence());
    this.#depth -= 1;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#text.length && this.#peek() !== '|' && this.#peek() !== ')') {
      // What only sets flags is no part: a repetition behind it is of what stands before it.
      parts.push(...this.#atoms());
      this.#repeatLast(parts);
    }
    return parts.length === 0 ? { kind: 'empty' } : { kind: 'sequence', parts };
  }

  /** A repetition that stands here repeats the last of the parts. */
  #repeatLast(parts: Node[]): void {
    let before: number | undefined;
    for (;;) {
      const from = this.#at;
      const count = this.#repeatCount();
      if (count === undefined) return;
      const isTurned = this.#takeIf('?');
      const shown = this.#text.slice(before ?? from, this.#at);
      if (before !== undefined) throw new RegexProblem('invalid nested repetition operator', shown);
      before = from;
      const part = parts.pop();
      if (part === undefined)
        throw new RegexProblem('missing argument to repetition operator', shown);
      const isLazy = isTurned !== this.#flags.isUngreedy;
      const node: Node = { kind: 'repeat', part, ...count, isLazy };
      if (repeatProduct(node) > REPEAT_MAX) throw new RegexProblem('invalid repeat count', shown);
      parts.push(node);
    }
  }

  #repeatCount(): { readonly min: number; readonly max: number | undefined } | undefined {
    if (this.#takeIf('*')) return { min: 0, max: undefined };
    if (this.#takeIf('+')) return { min: 1, max: undefined };
    if (this.#takeIf('?')) return { min: 0, max: 1 };
    const match = /^\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}/.exec(
      this.#text.slice(this.#at, this.#at + 64),
    );
    if (match === null) return undefined;
    const [all, first = '0', comma, second] = match;
    this.#at += all.length;
    const min = Number(first);
    const max = comma === undefined ? min : second === undefined ? undefined : Number(second);
    if (min > REPEAT_MAX || (max !== undefined && (max > REPEAT_MAX || max < min))) {
      throw new RegexProblem('invalid repeat count', all);
    }
    return { min, max };
  }

  /** The parts of a sequence that one piece of the text makes; none for what only sets flags. */
  #atoms(): readonly Node[] {
    if (this.#takeIf('\\Q')) return this.#quoted();
    if (this.#peek() === '(') return this.#group();
    if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(this.#text.slice(this.#at, this.#at + 64))) {
      const before = this.#at;
      const isRepeat = this.#repeatCount() !== undefined;
      this.#at = before;
      if (isRepeat) return [];
    }
    return [this.#atom()];
  }

  #atom(): Node {
    const first = this.#peek();
    switch (first) {
      case '[':
        return { kind: 'set', set: this.#class() };
      case '\\':
        return this.#escape();
      case '.':
        this.#at += 1;
        return { kind: 'set', set: this.#dot() };
      case '^':
        this.#at += 1;
        return { kind: 'assert', assertion: this.#flags.isMultiLine ? 'beginLine' : 'begin' };
      case '$':
        this.#at += 1;
        return { kind: 'assert', assertion: this.#flags.isMultiLine ? 'endLine' : 'end' };
      default:
        break;
    }
    return this.#literal(this.#takePoint());
  }

  #dot(): CharSet {
    const items = [{ low: 0, high: POINT_MAX }];
    if (this.#flags.isDotAll) return new CharSet(items);
    return new CharSet([{ low: 10, high: 10 }], true);
  }

  #literal(point: number): Node {
    const items = [{ low: point, high: point }];
    return { kind: 'set', set: new CharSet(items, false, this.#flags.isFolded) };
  }

  #group(): readonly Node[] {
    const start = this.#at;
    const outer = this.#flags;
    this.#at += 1;
    if (this.#takeIf('?')) {
      const isOpen = this.#groupHead(start);
      if (!isOpen) return [];
    }
    const node = this.#choice();
    if (!this.#takeIf(')')) throw new RegexProblem('missing closing )', this.#text);
    this.#flags = outer;
    // A group of its own, so that what repeats it repeats all of it.
    return [{ kind: 'sequence', parts: [node] }];
  }

  /** What follows `(?`; false when the group has ended with it. */
  #groupHead(start: number): boolean {
    const named = /^P?<([^>]*)>/.exec(this.#text.slice(this.#at));
    if (named !== null) {
      this.#at += named[0].length;
      const name = named[1] ?? '';
      const shown = this.#text.slice(start, this.#at);
      if (!/^[A-Za-z0-9_]+$/.test(name)) throw new RegexProblem('invalid named capture', shown);
      return true;
    }
    const rest = this.#text.slice(this.#at);
    if (/^(?:P<.|<.)/s.test(rest))
      throw new RegexProblem('invalid named capture', this.#text.slice(start));
    const match = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
    if (match === null) {
      // Up to the first character that is wrong.
      const [read = ''] = /^[imsU]*(?:-(?:[imsU]*[imsU])?)?[^]?/u.exec(rest) ?? [];
      const shown = this.#text.slice(start, this.#at + read.length);
      throw new RegexProblem('invalid or unsupported Perl syntax', shown);
    }
    const [all, on = '', off = '', end] = match;
    this.#at += all.length;
    const flags = { ...this.#flags };
    for (const letter of on) Object.assign(flags, { [LETTERS[letter] ?? '']: true });
    for (const letter of off) Object.assign(flags, { [LETTERS[letter] ?? '']: false });
    this.#flags = flags;
    return end === ':';
  }

  #escape(): Node {
    const start = this.#at;
    const letter = this.#text.charAt(this.#at + 1);
    const assertions: Readonly<Record<string, Assertion>> = {
      A: 'begin',
      z: 'end',
      b: 'word',
      B: 'notWord',
    };
    const assertion = assertions[letter];
    if (assertion !== undefined) {
      this.#at += 2;
      return { kind: 'assert', assertion };
    }
    const set = this.#classEscape();
    if (set !== undefined)
      return { kind: 'set', set: new CharSet([set], false, this.#flags.isFolded) };
    return this.#literal(this.#escapedPoint(start));
  }

  /** `\Q…\E`: everything within is literal. */
  #quoted(): readonly Node[] {
    const end = this.#text.indexOf('\\E', this.#at);
    const body = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 2;
    return Array.from(body, (each) => this.#literal(each.codePointAt(0) ?? 0));
  }

  /** `\d`, `\pL` and the like; undefined when another escape stands there. */
  #classEscape(): SetItem | undefined {
    const letter = this.#text.charAt(this.#at + 1);
    const perl = PERL[letter];
    if (perl !== undefined) {
      this.#at += 2;
      return perl;
    }
    if (letter !== 'p' && letter !== 'P') return undefined;
    const match = /^\\[pP](?:\{([^}]*)\}|(.))/u.exec(this.#text.slice(this.#at));
    const name = match?.[1] ?? match?.[2];
    const found = name === undefined ? undefined : property(name, letter === 'P');
    const shown = match?.[0] ?? this.#text.slice(this.#at);
    if (found === undefined) throw new RegexProblem('invalid character class range', shown);
    this.#at += shown.length;
    return found;
  }

  /** The character that an escape stands for. */
  #escapedPoint(start: number): number {
    this.#at += 1;
    if (this.#at >= this.#text.length) {
      throw new RegexProblem('trailing backslash at end of expression', '');
    }
    const rest = this.#text.slice(this.#at, this.#at + 16);
    const match = /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(
      rest,
    );
    if (match !== null) {
      const [all, short, long, octal] = match;
      this.#at += all.length;
      const point =
        octal === undefined ? Number.parseInt(short ?? long ?? '', 16) : Number.parseInt(octal, 8);
      if (point <= POINT_MAX) return point;
      throw new RegexProblem('invalid escape sequence', this.#text.slice(start, this.#at));
    }
    // Up to the first character that is no digit.
    const hex = /^x(?:\{[0-9A-Fa-f]*[^]?|[^]?[^]?)/u.exec(this.#text.slice(this.#at));
    if (hex !== null) {
      const [read] = hex;
      throw new RegexProblem(
        'invalid escape sequence',
        this.#text.slice(start, this.#at + read.length),
      );
    }
    const point = this.#takePoint();
    const letter = String.fromCodePoint(point);
    const control = CONTROL[letter];
    if (control !== undefined) return control;
    if (point < 0x80 && !/[A-Za-z0-9]/.test(letter)) return point;
    throw new RegexProblem('invalid escape sequence', this.#text.slice(start, this.#at));
  }

  #class(): CharSet {
    const start = this.#at;
    this.#at += 1;
    const isNegated = this.#takeIf('^');
    const items: SetItem[] = [];
    let isFirst = true;
    while (isFirst || this.#peek() !== ']') {
      if (this.#at >= this.#text.length) {
        throw new RegexProblem('missing closing ]', this.#text.slice(start));
      }
      isFirst = false;
      items.push(this.#posix() ?? this.#classItem(start));
    }
    this.#at += 1;
    return new CharSet(items, isNegated, this.#flags.isFolded);
  }

  #posix(): SetItem | undefined {
    const match = /^\[:(\^?)([^:\]]*):\]/.exec(this.#text.slice(this.#at, this.#at + 24));
    if (match === null) return undefined;
    const [all, turned, name = ''] = match;
    const ranges = POSIX[name];
    if (ranges === undefined) throw new RegexProblem('invalid character class range', all);
    this.#at += all.length;
    return new CharSet(ranges, turned === '^');
  }

  #classItem(start: number): SetItem {
    const from = this.#at;
    if (this.#peek() === '\\') {
      const set = this.#classEscape();
      if (set !== undefined) return set;
    }
    const low = this.#classPoint(start);
    if (this.#peek() !== '-' || [']', ''].includes(this.#text.charAt(this.#at + 1))) {
      return { low, high: low };
    }
    this.#at += 1;
    const high = this.#classPoint(start);
    if (high < low) {
      throw new RegexProblem('invalid character class range', this.#text.slice(from, this.#at));
    }
    return { low, high };
  }

  #classPoint(start: number): number {
    if (this.#at >= this.#text.length) {
      throw new RegexProblem('missing closing ]', this.#text.slice(start));
    }
    return this.#peek() === '\\' ? this.#escapedPoint(this.#at) : this.#takePoint();
  }
}

/** The tree of a regular expression; throws `RegexProblem`. */
export function parseRegex(text: string): Node {
  return new RegexParser(text).parse();
}
