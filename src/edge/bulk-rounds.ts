/**
 * Large answers on their way out share the event loop with everybody else, however many they are.
 *
 * Each has short turns. One round of the loop has as many turns as fit into `ROUND_MS`; between two
 * rounds small requests are read and answered. Owners have turns one after the other, so that who
 * asks for five hundred lists does not delay somebody else's one. Of one owner only `ACTIVE_MAX`
 * answers are under way, and `SLOW_MAX` that their readers do not take: those hold memory, the others
 * wait in order. Every other turn of an owner is for what has the least left to send, so that one
 * ends after the other, and not all at last; the turns between are for what is the longest under
 * way, so that a long one ends, too.
 */

/** What large answers may take of one round, together. */
const ROUND_MS = 5;
const ACTIVE_MAX = 8;
const SLOW_MAX = 64;

/** One large answer. */
export interface Bulk {
  /** For whom it is. */
  readonly owner: string;
  /** Bytes that are still to be sent. */
  left(): number;
  /** Sends some of them. */
  turn(): void;
}

interface Owner {
  /** Under way, longest first. */
  readonly active: Set<Bulk>;
  /** Those of them that want a turn; the others wait for their readers. */
  readonly ready: Set<Bulk>;
  /** They were under way, and are again when their readers have taken what they have. */
  readonly slow: Set<Bulk>;
  /** In the order in which they will be under way. */
  readonly queue: Set<Bulk>;
  turns: number;
}

export class BulkRounds {
  /** In the order of their next turns. */
  readonly #owners = new Map<string, Owner>();
  #isSet = false;
  readonly #nowMs: () => number;
  readonly #nextRound: (run: () => void) => void;

  /**
   * `nowMs`: milliseconds of a clock that never goes back. `nextRound` calls what it is given behind
   * all that is ready now.
   */
  constructor(
    nowMs = (): number => performance.now(),
    nextRound = (run: () => void): void => void setImmediate(run),
  ) {
    this.#nowMs = nowMs;
    this.#nextRound = nextRound;
  }

  /** Gives `bulk` one turn, when it has come. */
  join(bulk: Bulk): void {
    let owner = this.#owners.get(bulk.owner);
    if (owner === undefined) {
      owner = { active: new Set(), ready: new Set(), slow: new Set(), queue: new Set(), turns: 0 };
      this.#owners.set(bulk.owner, owner);
    }
    owner.slow.delete(bulk);
    if (owner.active.has(bulk)) owner.ready.add(bulk);
    else owner.queue.add(bulk);
    fill(owner);
    this.#set();
  }

  /** The reader of `bulk` is slow: another takes its place until it joins again, if one may. */
  stalls(bulk: Bulk): void {
    const owner = this.#owners.get(bulk.owner);
    if (owner === undefined || owner.slow.size >= SLOW_MAX) return;
    if (owner.active.delete(bulk)) owner.slow.add(bulk);
    this.#goOn(owner);
  }

  /** `bulk` has ended. */
  leave(bulk: Bulk): void {
    const owner = this.#owners.get(bulk.owner);
    if (owner === undefined) return;
    for (const set of [owner.active, owner.ready, owner.slow, owner.queue]) set.delete(bulk);
    this.#goOn(owner);
    if (owner.active.size + owner.slow.size === 0) this.#owners.delete(bulk.owner);
  }

  #goOn(owner: Owner): void {
    fill(owner);
    if (owner.ready.size > 0) this.#set();
  }

  #set(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    this.#nextRound(() => this.#run());
  }

  #run(): void {
    const endsMs = this.#nowMs() + ROUND_MS;
    let next = this.#next();
    while (next !== undefined) {
      next.owner.ready.delete(next.bulk);
      next.bulk.turn();
      if (this.#nowMs() >= endsMs) break;
      next = this.#next();
    }
    this.#isSet = false;
    if (this.#owners.values().some(({ ready }) => ready.size > 0)) this.#set();
  }

  #next(): { readonly owner: Owner; readonly bulk: Bulk } | undefined {
    for (const [name, owner] of this.#owners) {
      const bulk = nextOf(owner);
      if (bulk === undefined) continue;
      this.#owners.delete(name);
      this.#owners.set(name, owner);
      return { owner, bulk };
    }
    return undefined;
  }
}

function fill({ active, ready, queue }: Owner): void {
  for (const bulk of queue) {
    if (active.size >= ACTIVE_MAX) return;
    queue.delete(bulk);
    active.add(bulk);
    ready.add(bulk);
  }
}

function nextOf(owner: Owner): Bulk | undefined {
  if (owner.ready.size === 0) return undefined;
  if (owner.turns++ % 2 === 1) return [...owner.active].find((each) => owner.ready.has(each));
  return [...owner.ready].reduce((best, each) => (each.left() < best.left() ? each : best));
}
