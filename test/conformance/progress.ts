/** One line for each spec that ends, read from the runner's log as it is written. */

const END = /^(•|S) .*\[([0-9.]+) seconds\]/;
const SPEC = /^\[sig-/;

/** Takes the log line by line; answers what to say when a spec has ended. */
export class Progress {
  readonly #total: number;
  #done = 0;
  /** The spec that runs, where they run one by one: its name stands before its log. */
  #name = '';
  /** An end whose name follows, where they run side by side. */
  #ended: { readonly result: string; readonly seconds: string } | undefined;

  constructor(total: number) {
    this.#total = total;
  }

  line(line: string): string | undefined {
    const told = this.#tellPending(line);
    if (SPEC.test(line) && told === undefined) this.#name = line;
    const end = END.exec(line);
    if (end === null) return told;
    this.#ended = { result: resultOf(line), seconds: end[2] ?? '' };
    return told;
  }

  /** What is left to say when the log has ended. */
  end(): string | undefined {
    return this.#tellPending('');
  }

  #tellPending(line: string): string | undefined {
    if (this.#ended === undefined) return undefined;
    const { result, seconds } = this.#ended;
    this.#ended = undefined;
    this.#done++;
    const name = (SPEC.test(line) ? line : this.#name)
      .replace(/ \[sig-[^\]]*\]$/, '')
      .replace(' [It]', '');
    const count = `${this.#done}/${this.#total}`.padStart(9);
    return `${count}  ${result}  ${seconds.padStart(8)} s  ${name}`;
  }
}

function resultOf(line: string): string {
  if (line.startsWith('S') || line.includes('[SKIPPED]')) return 'skip';
  return / \[(FAILED|PANICKED|TIMEDOUT|INTERRUPTED)\]/.test(line) ? 'FAIL' : 'pass';
}
