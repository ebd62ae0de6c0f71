/**
 * Compiles a regular expression to instructions of a machine without backtracking.
 *
 * Method: Thompson's construction as Russ Cox describes it, https://swtch.com/~rsc/regexp/.
 */
import type { CharSet } from './char-set.ts';
import type { Assertion, Node } from './parse.ts';
import { RegexProblem } from './parse.ts';

export type Instruction =
  | { readonly op: 'set'; readonly set: CharSet; next: number }
  /** Goes both ways; the first is preferred. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'assert'; readonly assertion: Assertion; next: number }
  | { readonly op: 'match' };

/** Longer programs are refused. */
const INSTRUCTIONS_MAX = 200_000;

class Compiler {
  readonly #text: string;
  readonly instructions: Instruction[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  #add(instruction: Instruction): number {
    this.instructions.push(instruction);
    if (this.instructions.length > INSTRUCTIONS_MAX) {
      throw new RegexProblem('expression too large', this.#text);
    }
    return this.instructions.length - 1;
  }

  /** Where a node begins whose successor is `next`: programs are made from their end. */
  compile(node: Node, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'set':
        return this.#add({ op: 'set', set: node.set, next });
      case 'assert':
        return this.#add({ op: 'assert', assertion: node.assertion, next });
      case 'sequence':
        return node.parts.reduceRight((after, part) => this.compile(part, after), next);
      case 'choice':
        return this.#choice(node.parts, next);
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  match(): number {
    return this.#add({ op: 'match' });
  }

  #choice(parts: readonly Node[], next: number): number {
    const starts = parts.map((part) => this.compile(part, next));
    return starts.reduceRight((second, first) => this.#add({ op: 'split', first, second }));
  }

  #split(inner: number, after: number, isLazy: boolean): number {
    return this.#add({
      op: 'split',
      first: isLazy ? after : inner,
      second: isLazy ? inner : after,
    });
  }

  #repeat(node: Node & { readonly kind: 'repeat' }, next: number): number {
    const { part, min, max, isLazy } = node;
    let start = next;
    if (max === undefined) {
      start = this.#endless(part, next, isLazy);
    } else {
      for (let count = min; count < max; count += 1) {
        start = this.#split(this.compile(part, start), next, isLazy);
      }
    }
    for (let count = 0; count < min; count += 1) start = this.compile(part, start);
    return start;
  }

  #endless(part: Node, next: number, isLazy: boolean): number {
    const loop = this.#split(next, next, isLazy);
    const inner = this.compile(part, loop);
    const instruction = this.instructions[loop];
    if (instruction?.op === 'split') {
      if (isLazy) instruction.second = inner;
      else instruction.first = inner;
    }
    return loop;
  }
}

export interface RegexProgram {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

export function compileRegex(text: string, node: Node): RegexProgram {
  const compiler = new Compiler(text);
  const match = compiler.match();
  const start = compiler.compile(node, match);
  return { instructions: compiler.instructions, start };
}
