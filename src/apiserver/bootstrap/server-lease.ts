/**
 * Which API servers of the cluster are alive: a key each in the store, named by its address, that
 * goes away when its server does not renew it.
 *
 * Source: upstream pkg/controlplane/reconcilers/lease.go (storageLeases). The key and the value are
 * upstream's, so that servers of both sorts count each other.
 */
import type { Store } from '#store/store.ts';

const PREFIX = '/registry/masterleases/';
/** Upstream's DefaultEndpointReconcilerTTL. */
const TTL_MS = 15_000;

export class ServerLease {
  readonly #store: Store;
  readonly #address: string;
  #lease = 0;

  constructor(store: Store, address: string) {
    this.#store = store;
    this.#address = address;
  }

  /** Renews the own key and answers the addresses of all live servers, this one among them. */
  async renew(): Promise<string[]> {
    if (this.#lease === 0) this.#lease = await this.#leaseOfKey();
    const lives = this.#lease !== 0 && (await this.#store.keepAlive(this.#lease));
    if (!lives) await this.#put();
    const alive = await this.list();
    if (alive.includes(this.#address)) return alive;
    // Another server of the same address has ended.
    await this.#put();
    return this.list();
  }

  /** What a server of this address that ended a moment ago left behind. */
  async #leaseOfKey(): Promise<number> {
    const { item } = await this.#store.get(`${PREFIX}${this.#address}`);
    return item?.lease ?? 0;
  }

  async #put(): Promise<void> {
    this.#lease = await this.#store.grantLease(TTL_MS);
    const object = {
      kind: 'Endpoints',
      apiVersion: 'v1',
      metadata: { generation: 1 },
      subsets: [{ addresses: [{ ip: this.#address }] }],
    };
    const value = Buffer.from(JSON.stringify(object));
    await this.#store.write({
      type: 'put',
      key: `${PREFIX}${this.#address}`,
      value,
      lease: this.#lease,
    });
  }

  async list(): Promise<string[]> {
    const { items } = await this.#store.list(PREFIX);
    return items.map(({ key }) => key.slice(PREFIX.length));
  }

  /** The server ends: its key goes. */
  async end(): Promise<void> {
    if (this.#lease !== 0) await this.#store.revokeLease(this.#lease);
    this.#lease = 0;
  }
}
