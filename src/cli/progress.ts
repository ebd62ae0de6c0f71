/** Says what is being done: each step that takes over a second gets a line with its time. */

/** A step that is done sooner is not worth a line. */
const WORTH_A_LINE_MS = 1_000;

export class Progress {
  readonly #write: (line: string) => void;
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  say(line: string): void {
    this.#write(`${line}\n`);
  }

  /** Runs `work`; tells that it goes on after a second, and how long it took. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    let told = false;
    const timer = setTimeout(() => {
      told = true;
      this.say(`${title} …`);
    }, WORTH_A_LINE_MS);
    try {
      const result = await work();
      if (told) this.say(`${title}: done in ${((performance.now() - began) / 1000).toFixed(1)} s`);
      return result;
    } finally {
      clearTimeout(timer);
    }
  }
}
