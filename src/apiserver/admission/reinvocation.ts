/**
 * Who of a plug-in is asked again in the second round of `admit`: those that want to be, when
 * something has changed since they were asked.
 *
 * Upstream: admission/plugin/webhook/mutating/reinvocationcontext.go and policy/mutating/
 * reinvocationcontext.go.
 */
import { equalJson } from '#api/meta/equal.ts';
import { type ApiObject, copyOf } from '../api-object.ts';
import type { Rounds } from './admission.ts';

/** Kept from the first round to the second. */
export class Reinvocation {
  /** The object as the plug-in left it; undefined where nobody wants to be asked again. */
  #lastOutput: ApiObject | undefined;
  /** Keys of those that were asked, and want to be again when something changes. */
  readonly #asked = new Set<string>();
  /** Keys of those for whom something has changed. */
  readonly #again = new Set<string>();

  /** Of the plug-in `name`. What others have changed since its first round counts as a change. */
  static begin(name: string, { kept, number }: Rounds, object: ApiObject | undefined) {
    const known = kept.get(name) as Reinvocation | undefined;
    if (known === undefined) {
      const made = new Reinvocation();
      kept.set(name, made);
      return made;
    }
    if (number === 1 && known.#lastOutput !== undefined && !equalJson(known.#lastOutput, object))
      known.somethingChanged();
    return known;
  }

  /** Whom the first round has left out is not asked in the second for the first time. */
  isLeftOut(key: string, { number }: Rounds): boolean {
    return number === 1 && !this.#again.has(key);
  }

  wantsToKnow(key: string): void {
    this.#asked.add(key);
  }

  /** Whoever was asked before and wants to know is asked in the next round. */
  somethingChanged(): void {
    for (const key of this.#asked) this.#again.add(key);
    this.#asked.clear();
  }

  /** The round is over. */
  end(object: ApiObject | undefined): void {
    this.#lastOutput = this.#asked.size > 0 && object !== undefined ? copyOf(object) : undefined;
  }
}
