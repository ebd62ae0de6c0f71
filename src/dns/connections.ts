/**
 * The open TCP connections of the server: so many in all, and so many of one client, that no pod can
 * take those of the others. A client with too many loses the one that has been silent for longest; it
 * may connect again (RFC 7766, 6.2.3). Where each of them still waits for an answer, or where there are
 * too many in all, the new one is refused.
 */

export interface OpenConnection {
  /** No answer is under way. */
  readonly isIdle: boolean;
  close(): void;
}

export interface ConnectionLimits {
  readonly max: number;
  readonly maxOfClient: number;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  /** By address of the client; who was silent for longest first. */
  readonly #byClient = new Map<string, Set<OpenConnection>>();
  #count = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** False: there is no room for it. */
  add(client: string, connection: OpenConnection): boolean {
    const own = this.#byClient.get(client) ?? new Set();
    if (own.size >= this.#limits.maxOfClient) {
      const idle = [...own].find(({ isIdle }) => isIdle);
      if (idle === undefined) return false;
      this.remove(client, idle);
      idle.close();
    }
    if (this.#count >= this.#limits.max) return false;
    this.#byClient.set(client, own.add(connection));
    this.#count++;
    return true;
  }

  /** It has just said something. */
  heard(client: string, connection: OpenConnection): void {
    const own = this.#byClient.get(client);
    if (own?.delete(connection) === true) own.add(connection);
  }

  /** It is closed; more than once is no error. */
  remove(client: string, connection: OpenConnection): void {
    const own = this.#byClient.get(client);
    if (own?.delete(connection) !== true) return;
    this.#count--;
    if (own.size === 0) this.#byClient.delete(client);
  }
}
