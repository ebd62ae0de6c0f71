/** Work on the same keys comes one after the other, in the order of asking; other work does not wait. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = Promise.all(keys.map((key) => this.#last.get(key) ?? Promise.resolve()));
    const result = before.then(work);
    const done = result.then(
      () => {},
      () => {},
    );
    for (const key of keys) this.#last.set(key, done);
    void done.then(() => {
      for (const key of keys) if (this.#last.get(key) === done) this.#last.delete(key);
    });
    return result;
  }
}
