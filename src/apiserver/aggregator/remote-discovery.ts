/**
 * What other API servers say that they serve, kept fresh: fetched when an APIService changes, and
 * now and then. A server that cannot be reached keeps the last it has said, marked as stale.
 *
 * Source: upstream kube-aggregator/pkg/apiserver/handler_discovery.go.
 */
import { messageOf } from '#base/error.ts';
import type { Timer } from '#base/env.ts';
import { API_SERVICES } from '../admission/targets.ts';
import type { ApiServices, RemoteApi } from './api-services.ts';
import { ask, type RemoteServices } from './remote.ts';
import { entriesOfGroups, entryOfList, type VersionEntry } from './version-entry.ts';

const EVERY_MS = 60_000;
const RETRY_MIN_MS = 500;
const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const IS_AGGREGATED = /as=APIGroupDiscoveryList/;

/** What one server has said of all that it serves. */
interface Said {
  readonly etag: string;
  readonly versions: ReadonlyMap<string, VersionEntry>;
}

export class RemoteDiscovery {
  readonly #services: RemoteServices;
  readonly #apiServices: ApiServices;
  /** By group version. */
  readonly #entries = new Map<string, VersionEntry>();
  /** By Service; bounded by the APIServices that there are. */
  readonly #said = new Map<string, Said>();
  #generation = 0;
  #running = false;
  #again = false;
  #started = false;
  #stopped = false;
  #timer: Timer | undefined;
  #retryMs = RETRY_MIN_MS;

  constructor(services: RemoteServices, apiServices: ApiServices) {
    this.#services = services;
    this.#apiServices = apiServices;
    services.reader.follow(API_SERVICES, () => this.#wake());
  }

  /** Another number whenever an entry may be another one. */
  get generation(): number {
    return this.#generation;
  }

  start(): void {
    this.#started = true;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** The version as its server has described it, or just that it is there. */
  entryOf({ group, version }: RemoteApi): VersionEntry {
    return this.#entries.get(`${group}/${version}`) ?? { version, freshness: 'Stale' };
  }

  #wake(): void {
    if (!this.#started || this.#stopped) return;
    this.#timer?.cancel();
    this.#generation += 1;
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let failed = false;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      failed = await this.#refreshAll();
    }
    this.#running = false;
    if (this.#stopped || this.#apiServices.allRemote().length === 0) return;
    const afterMs = failed ? this.#retryMs : EVERY_MS;
    this.#retryMs = failed ? Math.min(this.#retryMs * 2, EVERY_MS) : RETRY_MIN_MS;
    this.#timer = this.#services.environment.timers.after(afterMs, () => this.#wake());
  }

  /** Whether a server could not be asked. */
  async #refreshAll(): Promise<boolean> {
    const remote = this.#apiServices.allRemote();
    const byServer = Map.groupBy(remote, serverOf);
    for (const server of this.#said.keys()) if (!byServer.has(server)) this.#said.delete(server);
    const known = new Set(remote.map(({ group, version }) => `${group}/${version}`));
    for (const key of this.#entries.keys()) if (!known.has(key)) this.#entries.delete(key);
    const outcomes = await Promise.all(
      [...byServer].map(([server, apis]) => this.#refresh(server, apis)),
    );
    return outcomes.includes(false);
  }

  /** One request serves all versions of one server, but for servers that know the old form alone. */
  async #refresh(server: string, apis: readonly RemoteApi[]): Promise<boolean> {
    let all = true;
    for (const api of apis) {
      const key = `${api.group}/${api.version}`;
      try {
        const entry = await this.#fetch(server, api, api === apis[0]);
        this.#set(key, { ...entry, freshness: 'Current' });
      } catch (error) {
        all = false;
        this.#set(key, { ...this.entryOf(api), freshness: 'Stale' });
        const { log } = this.#services.environment;
        log.debug('discovery of another API server failed', { api: key, error: messageOf(error) });
      }
    }
    return all;
  }

  async #fetch(server: string, api: RemoteApi, isFirst: boolean): Promise<VersionEntry> {
    if (!api.isAvailable) throw new Error('service unavailable');
    const said = isFirst ? await this.#askServer(server, api) : this.#said.get(server);
    const key = `${api.group}/${api.version}`;
    if (said !== undefined) return said.versions.get(key) ?? { version: api.version };
    const path = api.group === '' ? `/api/${api.version}` : `/apis/${key}`;
    const accept = { accept: 'application/json' };
    const { status, bytes } = await ask(this.#services, api, path, accept);
    if (status !== 200)
      throw new Error(`failed to download legacy discovery for ${path}: ${status}`);
    return entryOfList(api.version, JSON.parse(Buffer.from(bytes).toString()));
  }

  /** Undefined for a server that knows no aggregated discovery. */
  async #askServer(server: string, api: RemoteApi): Promise<Said | undefined> {
    const before = this.#said.get(server);
    const etag = before?.etag ?? '';
    const { status, headers, bytes } = await ask(this.#services, api, '/apis', {
      accept: ACCEPT,
      ...(etag === '' ? {} : { 'if-none-match': etag }),
    });
    if (status === 304 && before !== undefined) return before;
    if (status === 503) throw new Error(`service returned non-success response code: ${status}`);
    this.#said.delete(server);
    if (status !== 200 || !IS_AGGREGATED.test(headers['content-type'] ?? '')) return undefined;
    const versions = entriesOfGroups(JSON.parse(Buffer.from(bytes).toString()));
    const said = { etag: headers['etag'] ?? '', versions };
    this.#said.set(server, said);
    return said;
  }

  #set(key: string, entry: VersionEntry): void {
    const isSame = JSON.stringify(this.#entries.get(key)) === JSON.stringify(entry);
    if (isSame) return;
    this.#entries.set(key, entry);
    this.#generation += 1;
  }
}

function serverOf({ service: { namespace, name, port } }: RemoteApi): string {
  return `${namespace}/${name}:${port}`;
}
