/**
 * Asks whether a text has a match, one table look-up for each character: sets of ways through the
 * expression become states, made when they are first reached.
 *
 * Method: the lazily made automaton of https://swtch.com/~rsc/regexp/regexp3.html. Expressions that
 * look at line ends or word boundaries, and those of too many states, are left to the virtual
 * machine.
 */
import type { RegexProgram } from './program.ts';

const ASCII = 128;
/** How many states are made before the machine takes over. */
const STATES_MAX = 500;
/** How many characters beyond ASCII a state remembers. */
const OTHERS_MAX = 200;
const UNKNOWN_STATE = -1;

interface State {
  /** The instructions at which ways wait: for a character, or for the end of the text. */
  readonly pcs: readonly number[];
  readonly isMatch: boolean;
  /** Whether the text may end here. */
  readonly isMatchAtEnd: boolean;
  readonly next: Int16Array;
  readonly others: Map<number, number>;
}

export class Dfa {
  readonly #program: RegexProgram;
  readonly #states: State[] = [];
  readonly #ids = new Map<string, number>();
  readonly #first: number;
  /** The ways that begin anywhere behind the beginning. */
  readonly #restart: readonly number[];

  private constructor(program: RegexProgram) {
    this.#program = program;
    this.#restart = this.#closure([program.start], false, false).pcs;
    const first = this.#closure([program.start], true, false);
    this.#first = this.#add(first.pcs, first.isMatch);
  }

  /** Undefined for expressions that need the machine. */
  static of(program: RegexProgram): Dfa | undefined {
    const isSimple = program.instructions.every(
      (each) => each.op !== 'assert' || each.assertion === 'begin' || each.assertion === 'end',
    );
    return isSimple ? new Dfa(program) : undefined;
  }

  /** Whether there is a match; undefined when there are too many states to tell. */
  test(text: string): boolean | undefined {
    let id = this.#first;
    for (let index = 0; index < text.length; index += 1) {
      const state = this.#states[id];
      if (state === undefined) return undefined;
      if (state.isMatch) return true;
      let point = text.charCodeAt(index);
      if (point >= ASCII) {
        point = text.codePointAt(index) ?? point;
        if (point > 0xffff) index += 1;
        id = state.others.get(point) ?? UNKNOWN_STATE;
      } else {
        id = state.next[point] ?? UNKNOWN_STATE;
      }
      if (id === UNKNOWN_STATE) id = this.#step(state, point);
      if (id === UNKNOWN_STATE) return undefined;
    }
    const last = this.#states[id];
    return last === undefined ? undefined : last.isMatch || last.isMatchAtEnd;
  }

  /** The state behind one character, remembered; `UNKNOWN_STATE` when there are too many. */
  #step(state: State, point: number): number {
    const reached: number[] = [];
    for (const pc of state.pcs) {
      const instruction = this.#program.instructions[pc];
      if (instruction?.op === 'set' && instruction.set.has(point)) reached.push(instruction.next);
    }
    const { pcs, isMatch } = this.#closure(reached, false, false);
    const id = this.#add([...new Set([...pcs, ...this.#restart])], isMatch);
    if (id === UNKNOWN_STATE) return id;
    if (point < ASCII) state.next[point] = id;
    else if (state.others.size < OTHERS_MAX) state.others.set(point, id);
    return id;
  }

  #add(pcs: readonly number[], isMatch: boolean): number {
    const sorted = pcs.toSorted((a, b) => a - b);
    const key = `${isMatch}:${sorted.join()}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= STATES_MAX) return UNKNOWN_STATE;
    const isMatchAtEnd = this.#closure(sorted, false, true).isMatch;
    const next = new Int16Array(ASCII).fill(UNKNOWN_STATE);
    this.#states.push({ pcs: sorted, isMatch, isMatchAtEnd, next, others: new Map() });
    this.#ids.set(key, this.#states.length - 1);
    return this.#states.length - 1;
  }

  /** Follows what needs no character. */
  #closure(
    from: readonly number[],
    isBegin: boolean,
    isEnd: boolean,
  ): { readonly pcs: readonly number[]; readonly isMatch: boolean } {
    const seen = new Set<number>();
    const pcs: number[] = [];
    let isMatch = false;
    const stack = [...from];
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      const instruction = this.#program.instructions[pc];
      if (instruction?.op === 'match') isMatch = true;
      else if (instruction?.op === 'set') pcs.push(pc);
      else if (instruction?.op === 'split') stack.push(instruction.first, instruction.second);
      else if (instruction?.op === 'assert') {
        if (instruction.assertion === 'begin') {
          if (isBegin) stack.push(instruction.next);
          continue;
        }
        if (isEnd) stack.push(instruction.next);
        else pcs.push(pc);
      }
    }
    return { pcs, isMatch };
  }
}
