/**
 * When gathered output leaves: all of it in one round, a turn of the event loop later.
 *
 * Where a round is long, because a thousand watchers get each event, rounds would take all the time
 * there is. So after a long one the next waits, and what has come meanwhile leaves with it: fewer
 * and larger writes, for a delay of milliseconds.
 */

/** Rounds of fewer members are never made to wait. */
const MANY = 16;
/** A round is given a quarter of the time at most. */
const PAUSE_FACTOR = 3;
const PAUSE_MAX_MS = 10;

export class FlushRounds {
  #members: (() => void)[] = [];
  #isSet = false;
  #notBeforeMs = 0;
  readonly #nowMs: () => number;

  /** `nowMs`: milliseconds of a clock that never goes back. */
  constructor(nowMs = (): number => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Calls `flush` in the next round. Each member asks once a round. */
  join(flush: () => void): void {
    this.#members.push(flush);
    if (this.#isSet) return;
    this.#isSet = true;
    const pauseMs = this.#notBeforeMs - this.#nowMs();
    if (pauseMs >= 1) setTimeout(() => this.#run(), pauseMs);
    else setImmediate(() => this.#run());
  }

  #run(): void {
    const members = this.#members;
    this.#members = [];
    this.#isSet = false;
    const beganMs = this.#nowMs();
    for (const flush of members) flush();
    if (members.length < MANY) return;
    // Sockets are written to at the end of the turn, behind what they have put off until then.
    process.nextTick(() => {
      const endedMs = this.#nowMs();
      this.#notBeforeMs = endedMs + Math.min((endedMs - beganMs) * PAUSE_FACTOR, PAUSE_MAX_MS);
    });
  }
}
