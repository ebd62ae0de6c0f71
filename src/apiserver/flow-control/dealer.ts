/**
 * Shuffle sharding: each flow has a few of the queues, and hardly two have the same few.
 *
 * Source: KEP-1040; upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/shufflesharding.
 */
import { createHash } from 'node:crypto';

/** Bits of a hash that are worth something; a deal that takes more is no fair one. */
const ENTROPY_BITS_MAX = 60;
/** Flows whose queues are remembered; beyond that all are forgotten, and found out again. */
const HANDS_MAX = 4096;

/** Why there is no such deal; undefined when there is. */
export function dealProblem(queues: number, handSize: number): string | undefined {
  if (queues <= 0 || handSize <= 0) return 'deckSize or handSize is not positive';
  if (handSize > queues) return 'handSize is greater than deckSize';
  if (Math.ceil(Math.log2(queues) * handSize) > ENTROPY_BITS_MAX)
    return 'required entropy bits is greater than 60';
  return undefined;
}

export class Dealer {
  readonly #queues: number;
  readonly #handSize: number;
  readonly #hands = new Map<string, readonly number[]>();

  /** Throws where there is no such deal. */
  constructor(queues: number, handSize: number) {
    const problem = dealProblem(queues, handSize);
    if (problem !== undefined) throw new RangeError(problem);
    this.#queues = queues;
    this.#handSize = handSize;
  }

  /** Indexes of the queues of a flow, always the same for the same flow. */
  hand(schema: string, distinguisher: string): readonly number[] {
    const flow = `${schema}\u0000${distinguisher}`;
    const known = this.#hands.get(flow);
    if (known !== undefined) return known;
    if (this.#hands.size >= HANDS_MAX) this.#hands.clear();
    const hash = createHash('sha256').update(flow).digest().readBigUInt64LE();
    const hand = deal(hash, this.#queues, this.#handSize);
    this.#hands.set(flow, hand);
    return hand;
  }
}

/** Cards of a deck of `deckSize`, no two of them the same, all hands equally likely. */
export function deal(hash: bigint, deckSize: number, handSize: number): number[] {
  const cards: number[] = [];
  let rest = hash;
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i);
    // The so-manieth of the cards that are left.
    let card = Number(rest % left);
    rest /= left;
    for (const taken of cards.toSorted((a, b) => a - b)) if (card >= taken) card += 1;
    cards.push(card);
  }
  return cards;
}
