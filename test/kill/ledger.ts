/**
 * What an API server promised its clients, kept by one of them across the server's deaths: every
 * acknowledged write is there, a resourceVersion means one state of one object for ever, and
 * resourceVersions only grow. What breaks a promise throws.
 *
 * A write that was sent and never answered may have happened or not; both are honest.
 */

/** The data of an object; undefined: there is none. */
export type Content = string | undefined;

export interface Found {
  readonly content: string;
  readonly version: number;
}

interface Pending {
  readonly content: Content;
  /** The newest version that anybody had been told when the write was sent. */
  readonly newestBefore: number;
  /** The watch told of it, so it happened, answered or not. */
  told: boolean;
}

export class Ledger {
  readonly #acknowledged = new Map<string, Found>();
  readonly #pending = new Map<string, Pending>();
  /** What each version was handed out for. */
  readonly #meanings = new Map<number, string>();
  /** Versions of acknowledged writes that the watch has not told of. */
  readonly #untold = new Set<number>();
  readonly #told = new Set<number>();
  #newest = 0;
  #newestTold = 0;

  /** The newest version that anybody was told. */
  get newest(): number {
    return this.#newest;
  }

  /** The newest version that the watch told. */
  get newestTold(): number {
    return this.#newestTold;
  }

  /** How many acknowledged writes the watch has not told of. */
  get untold(): number {
    return this.#untold.size;
  }

  contentOf(name: string): Content {
    return this.#acknowledged.get(name)?.content;
  }

  versionOf(name: string): number {
    return this.#acknowledged.get(name)?.version ?? 0;
  }

  /** Whether a write to `name` is under way: there is one at a time. */
  isPending(name: string): boolean {
    return this.#pending.has(name);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** A write is about to be sent. */
  begin(name: string, content: Content): void {
    if (this.#pending.has(name)) throw new Error(`Two writes to ${name} at a time`);
    this.#pending.set(name, { content, newestBefore: this.#newest, told: false });
  }

  /** The write was answered; a deletion is answered without a version. */
  acknowledge(name: string, version?: number): void {
    const pending = this.#pending.get(name);
    if (pending === undefined) throw new Error(`An answer for ${name}, to which nothing was sent`);
    this.#pending.delete(name);
    if (pending.content === undefined) {
      this.#acknowledged.delete(name);
      return;
    }
    if (version === undefined) throw new Error(`The write to ${name} was answered without version`);
    if (version <= pending.newestBefore) {
      throw new Error(
        `Version ${version} for a write to ${name}, but ${pending.newestBefore} was told before`,
      );
    }
    this.#handOut(version, name, pending.content);
    this.#acknowledged.set(name, { content: pending.content, version });
    if (this.#told.has(version)) return;
    if (version < this.#newestTold) throw leftOut(version, this.#newestTold);
    this.#untold.add(version);
  }

  /** An event of the watch. */
  tell(name: string, content: Content, version: number): void {
    if (version <= this.#newestTold)
      throw new Error(`The watch told of version ${version} after ${this.#newestTold}`);
    for (const other of this.#untold) {
      if (other < version) throw leftOut(other, version);
    }
    const pending = this.#pending.get(name);
    if (pending !== undefined && pending.content === content && version > pending.newestBefore)
      pending.told = true;
    this.#newestTold = version;
    this.#untold.delete(version);
    this.#told.add(version);
    this.#handOut(version, name, content);
  }

  /** The watch starts anew behind `version`: what was before is the list's to tell. */
  skipTo(version: number): void {
    this.#newestTold = Math.max(this.#newestTold, version);
    for (const other of this.#untold) if (other <= version) this.#untold.delete(other);
  }

  /** Everything that is there after a death. Answers how many unanswered writes had happened. */
  reconcile(items: ReadonlyMap<string, Found>, listVersion: number): number {
    if (listVersion < this.#newest)
      throw new Error(`The list is of version ${listVersion}, but ${this.#newest} was told before`);
    let happened = 0;
    for (const name of new Set([
      ...items.keys(),
      ...this.#acknowledged.keys(),
      ...this.#pending.keys(),
    ])) {
      if (this.#settle(name, items.get(name))) happened++;
    }
    this.#pending.clear();
    this.#newest = Math.max(this.#newest, listVersion);
    return happened;
  }

  /** Whether an unanswered write to `name` had happened. */
  #settle(name: string, found: Found | undefined): boolean {
    if (found !== undefined) this.#handOut(found.version, name, found.content);
    const known = this.#acknowledged.get(name);
    const pending = this.#pending.get(name);
    if (found?.version === known?.version && found?.content === known?.content) {
      if (pending?.told === true)
        throw new Error(`${name}: the watch told of a write that is lost`);
      return false;
    }
    if (pending === undefined || found?.content !== pending.content) {
      throw new Error(
        `${name} is ${wordsOf(found)}, acknowledged was ${wordsOf(known)}` +
          (pending === undefined ? '' : `, sent was ${pending.content ?? 'a deletion'}`),
      );
    }
    if (found === undefined) this.#acknowledged.delete(name);
    else this.#acknowledged.set(name, found);
    return true;
  }

  #handOut(version: number, name: string, content: Content): void {
    const meaning = `${name}: ${content ?? 'deleted'}`;
    const before = this.#meanings.get(version);
    if (before !== undefined && before !== meaning)
      throw new Error(`Version ${version} was given for ${before}, and again for ${meaning}`);
    this.#meanings.set(version, meaning);
    this.#newest = Math.max(this.#newest, version);
  }
}

function leftOut(version: number, told: number): Error {
  return new Error(`The watch left out version ${version}, told ${told}`);
}

function wordsOf(found: Found | undefined): string {
  return found === undefined ? 'absent' : `${found.content} of version ${found.version}`;
}
