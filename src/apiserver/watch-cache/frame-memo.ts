/**
 * The frames of the newest event: all watchers of a resource are told of an event one after the
 * other, and those that want it in the same form get the same bytes.
 */
import type { Entry } from './entry.ts';

/** The frames of the newest event in each form. */
export class FrameMemo {
  #entry: Entry | undefined;
  readonly #frames = new Map<string, Uint8Array>();

  /** `form`: all that makes frames of one entry differ. */
  get(entry: Entry, form: string, make: () => Uint8Array): Uint8Array {
    if (this.#entry !== entry) {
      this.#entry = entry;
      this.#frames.clear();
    }
    let frame = this.#frames.get(form);
    if (frame === undefined) {
      frame = make();
      this.#frames.set(form, frame);
    }
    return frame;
  }
}
