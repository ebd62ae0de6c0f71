/**
 * Sets of characters: `[a-z]`, `\d`, `\pL`, `.` and single letters.
 *
 * Syntax source: https://github.com/google/re2/wiki/Syntax and Go's regexp/syntax.
 */
import { foldsOf } from './folding.ts';

/** Characters from one to another, both included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** A set that a Unicode property names. */
export interface PropertyClass {
  readonly pattern: RegExp;
  readonly isNegated: boolean;
}

/** What is within a set: ranges, properties, or other sets that are left out as wholes. */
export type SetItem = Range | PropertyClass | CharSet;

const ASCII = 128;

export class CharSet {
  readonly #items: readonly SetItem[];
  readonly #isNegated: boolean;
  readonly #isFolded: boolean;
  readonly #ascii: Uint8Array;

  constructor(items: readonly SetItem[], isNegated = false, isFolded = false) {
    this.#items = items;
    this.#isNegated = isNegated;
    this.#isFolded = isFolded;
    this.#ascii = new Uint8Array(ASCII);
    for (let point = 0; point < ASCII; point += 1)
      this.#ascii[point] = this.#decide(point, isFolded) ? 1 : 0;
  }

  has(point: number): boolean {
    return point < ASCII ? this.#ascii[point] === 1 : this.#decide(point, this.#isFolded);
  }

  /** Sets are folded before they are turned round. */
  #decide(point: number, isFolded: boolean): boolean {
    const points = isFolded ? foldsOf(point) : [point];
    const found = this.#items.some((item) => {
      if (item instanceof CharSet) return item.#decide(point, isFolded);
      if ('pattern' in item)
        return (
          points.some((one) => item.pattern.test(String.fromCodePoint(one))) !== item.isNegated
        );
      return points.some((one) => one >= item.low && one <= item.high);
    });
    return found !== this.#isNegated;
  }
}

const range = (low: string, high = low): Range => ({
  low: low.codePointAt(0) ?? 0,
  high: high.codePointAt(0) ?? 0,
});

const DIGIT = [range('0', '9')];
const WORD = [range('0', '9'), range('A', 'Z'), range('_'), range('a', 'z')];
const SPACE = [range('\t', '\n'), range('\f', '\r'), range(' ')];
const LETTER = [range('A', 'Z'), range('a', 'z')];

/** `\d` and the others of Perl. */
export const PERL: Readonly<Record<string, CharSet>> = {
  d: new CharSet(DIGIT),
  D: new CharSet(DIGIT, true),
  w: new CharSet(WORD),
  W: new CharSet(WORD, true),
  s: new CharSet(SPACE),
  S: new CharSet(SPACE, true),
};

/** `[:alpha:]` and the others of POSIX. */
export const POSIX: Readonly<Record<string, readonly Range[]>> = {
  alnum: [...DIGIT, ...LETTER],
  alpha: LETTER,
  ascii: [range('\0', '\x7f')],
  blank: [range('\t'), range(' ')],
  cntrl: [range('\0', '\x1f'), range('\x7f')],
  digit: DIGIT,
  graph: [range('!', '~')],
  lower: [range('a', 'z')],
  print: [range(' ', '~')],
  punct: [range('!', '/'), range(':', '@'), range('[', '`'), range('{', '~')],
  space: [range('\t', '\r'), range(' ')],
  upper: [range('A', 'Z')],
  word: WORD,
  xdigit: [...DIGIT, range('A', 'F'), range('a', 'f')],
};

/** `\p{name}`: a general category or a script; undefined when there is none of that name. */
export function property(name: string, isNegated: boolean): PropertyClass | undefined {
  const isTurned = name.startsWith('^');
  const plain = isTurned ? name.slice(1) : name;
  if (plain === 'Any') return { pattern: /[^]/u, isNegated: isNegated !== isTurned };
  if (!/^[A-Za-z_]+$/.test(plain)) return undefined;
  for (const source of [`^\\p{General_Category=${plain}}$`, `^\\p{Script=${plain}}$`]) {
    try {
      return { pattern: new RegExp(source, 'u'), isNegated: isNegated !== isTurned };
    } catch {
      // Not a category, or not a script either: there is no such property.
    }
  }
  return undefined;
}

export const isWordPoint = (point: number): boolean => PERL.w?.has(point) ?? false;
