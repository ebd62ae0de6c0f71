/**
 * Regular expressions of RE2 in time linear to the text: every way through the expression is
 * followed at once, so that no text can make a pattern slow.
 *
 * Method: the virtual machine of https://swtch.com/~rsc/regexp/regexp2.html; which match is found
 * is leftmost-first, as Perl and Go find it.
 */
import { isWordPoint } from './char-set.ts';
import { type Assertion, parseRegex, RegexProblem } from './parse.ts';
import { Dfa } from './dfa.ts';
import { compileRegex, type Instruction } from './program.ts';

/** The ways that are followed at one place of the text, the preferred first. */
class Threads {
  readonly pcs: number[] = [];
  readonly starts: number[] = [];
  readonly #seen: Uint32Array;
  #generation = 0;

  constructor(size: number) {
    this.#seen = new Uint32Array(size);
  }

  clear(): void {
    this.pcs.length = 0;
    this.starts.length = 0;
    this.#generation += 1;
  }

  /** Whether an instruction is new here. */
  visit(pc: number): boolean {
    if (this.#seen[pc] === this.#generation) return false;
    this.#seen[pc] = this.#generation;
    return true;
  }
}

export interface Match {
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case 'begin':
      return at === 0;
    case 'end':
      return at === text.length;
    case 'beginLine':
      return at === 0 || text.charCodeAt(at - 1) === 10;
    case 'endLine':
      return at === text.length || text.charCodeAt(at) === 10;
    default: {
      const before = at > 0 && isWordPoint(text.charCodeAt(at - 1));
      const after = at < text.length && isWordPoint(text.charCodeAt(at));
      return (before !== after) === (assertion === 'word');
    }
  }
}

export class Regex {
  readonly #instructions: readonly Instruction[];
  readonly #start: number;
  /** Whether every match begins with the text. */
  readonly #isAnchored: boolean;
  readonly #dfa: Dfa | undefined;
  #current: Threads;
  #next: Threads;

  /** Throws `RegexProblem`. */
  constructor(source: string) {
    const program = compileRegex(source, parseRegex(source));
    const { instructions, start } = program;
    this.#dfa = Dfa.of(program);
    this.#instructions = instructions;
    this.#start = start;
    const first = instructions[start];
    this.#isAnchored = first?.op === 'assert' && first.assertion === 'begin';
    this.#current = new Threads(instructions.length);
    this.#next = new Threads(instructions.length);
  }

  /** Whether there is a match anywhere. */
  test(text: string): boolean {
    // In an empty text, the beginning is also the end: the automaton's states say one of the two.
    const found = text === '' ? undefined : this.#dfa?.test(text);
    return found ?? this.#run(text, 0, true) !== undefined;
  }

  /** The first match at or after an offset. */
  find(text: string, from = 0): Match | undefined {
    return this.#run(text, from, false);
  }

  /** The texts of all matches that do not overlap; at most `limit` of them unless it is negative. */
  findAll(text: string, limit: number): readonly string[] {
    const found: string[] = [];
    let at = 0;
    let previousEnd = -1;
    while (at <= text.length && found.length !== limit) {
      const match = this.find(text, at);
      if (match === undefined) break;
      const isEmpty = match.start === match.end;
      if (!isEmpty || match.start !== previousEnd) found.push(text.slice(match.start, match.end));
      previousEnd = match.end;
      if (!isEmpty) at = match.end;
      else at = match.end + ((text.codePointAt(match.end) ?? 0) > 0xffff ? 2 : 1);
    }
    return found;
  }

  /** Follows what needs no character, the preferred way first. */
  #follow(threads: Threads, pc: number, start: number, text: string, at: number): void {
    const stack = [pc];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (!threads.visit(next)) continue;
      const instruction = this.#instructions[next];
      if (instruction === undefined) continue;
      if (instruction.op === 'split') {
        stack.push(instruction.second, instruction.first);
      } else if (instruction.op === 'assert') {
        if (holds(instruction.assertion, text, at)) stack.push(instruction.next);
      } else {
        threads.pcs.push(next);
        threads.starts.push(start);
      }
    }
  }

  #run(text: string, from: number, isAnyEnough: boolean): Match | undefined {
    let match: Match | undefined;
    let [current, next] = [this.#current, this.#next];
    current.clear();
    for (let at = from; ; ) {
      if (match === undefined && (!this.#isAnchored || at === 0)) {
        this.#follow(current, this.#start, at, text, at);
      }
      if (current.pcs.length === 0 && (match !== undefined || this.#isAnchored)) return match;
      const point = text.codePointAt(at);
      const after = at + (point !== undefined && point > 0xffff ? 2 : 1);
      next.clear();
      for (let index = 0; index < current.pcs.length; index += 1) {
        const instruction = this.#instructions[current.pcs[index] ?? 0];
        const start = current.starts[index] ?? 0;
        if (instruction?.op === 'match') {
          match = { start, end: at };
          if (isAnyEnough) return match;
          break;
        }
        if (instruction?.op === 'set' && point !== undefined && instruction.set.has(point)) {
          this.#follow(next, instruction.next, start, text, after);
        }
      }
      if (point === undefined) return match;
      [current, next] = [next, current];
      at = after;
    }
  }
}

/** Compiled patterns are kept; the oldest is forgotten when there are too many. */
const PATTERNS_MAX = 1000;
const patterns = new Map<string, Regex>();

/** The compiled pattern, or why it is none. */
export function regexOf(source: string): Regex | RegexProblem {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  try {
    const regex = new Regex(source);
    const [oldest] = patterns.keys();
    if (patterns.size >= PATTERNS_MAX && oldest !== undefined) patterns.delete(oldest);
    patterns.set(source, regex);
    return regex;
  } catch (error) {
    if (error instanceof RegexProblem) return error;
    throw error;
  }
}
