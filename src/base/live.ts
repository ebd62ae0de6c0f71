/**
 * Values that may change while a component runs, because the file they were read from does. Who
 * uses one never opens the file: it is told.
 */

/** What became of a change: the new value, or why the old one stays. */
export type LiveChange<T> =
  | { readonly value: T; readonly source: string }
  | { readonly error: string };

export interface Live<T> {
  readonly current: T;
  /** The text that `current` was read from; empty where there is none. */
  readonly source: string;
  /** Calls `listener` for each change from now on; answers the way to stop that. */
  subscribe(listener: (change: LiveChange<T>) => void): () => void;
}

/** A value that never changes. */
export function constant<T>(current: T): Live<T> {
  return { current, source: '', subscribe: () => () => {} };
}

/** A value that its owner changes. */
export class LiveValue<T> implements Live<T> {
  #current: T;
  #source: string;
  readonly #listeners = new Set<(change: LiveChange<T>) => void>();

  constructor(current: T, source: string) {
    this.#current = current;
    this.#source = source;
  }

  get current(): T {
    return this.#current;
  }

  get source(): string {
    return this.#source;
  }

  set(value: T, source: string): void {
    this.#current = value;
    this.#source = source;
    for (const listener of this.#listeners) listener({ value, source });
  }

  /** What should have been the next value could not be used. */
  fail(error: string): void {
    for (const listener of this.#listeners) listener({ error });
  }

  subscribe(listener: (change: LiveChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
