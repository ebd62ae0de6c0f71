/**
 * Keeps the condition Available of every APIService: looks when anything that it hangs on changes,
 * and now and then, for the road to a server can break without any object changing.
 *
 * Source: upstream kube-aggregator/pkg/controllers/status/{local,remote}.
 */
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { messageOf } from '#base/error.ts';
import type { Timer } from '#base/env.ts';
import { API_SERVICES, ENDPOINT_SLICES, SERVICES } from '../admission/targets.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { type ApiServices, remoteOf } from './api-services.ts';
import { failedDiscovery, LOCAL, missing, PASSED, type Verdict, withVerdict } from './condition.ts';
import { endpointOf, slicesOfService, urlOf } from './endpoint.ts';
import { ask, type RemoteServices } from './remote.ts';

const TARGET = { ...API_SERVICES, version: 'v1' };
/** As upstream's resync. */
const EVERY_MS = 30_000;
/** After a failed check; doubled each time. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** Requests of one check, of which one must succeed: a Service has several endpoints. */
const ATTEMPTS = 5;
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

interface Work {
  running: boolean;
  /** Something changed while it ran. */
  again: boolean;
  retryMs: number;
  timer: Timer | undefined;
}

type Next = 'never' | 'later' | 'soon';

export class Availability {
  readonly #services: RemoteServices;
  readonly #client: LocalClient;
  readonly #apiServices: ApiServices;
  readonly #work = new Map<string, Work>();
  #started = false;
  #stopped = false;

  constructor(services: RemoteServices, apiServices: ApiServices, client: LocalClient) {
    this.#apiServices = apiServices;
    this.#services = services;
    this.#client = client;
    const { reader } = services;
    reader.follow(API_SERVICES, ({ name }) => this.#wake(name));
    reader.follow(SERVICES, ({ namespace, name }) => this.#wakeUsersOf(namespace, name));
    reader.follow(ENDPOINT_SLICES, ({ namespace, object }) => {
      const name = (object as EndpointSlice | undefined)?.metadata?.labels?.[SERVICE_NAME_LABEL];
      // A slice that is gone does not say whose it was.
      this.#wakeUsersOf(namespace, name);
    });
  }

  /** When the caches are filled. */
  start(): void {
    this.#started = true;
    for (const { metadata } of this.#all()) this.#wake(metadata?.name ?? '');
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#work.values()) timer?.cancel();
    this.#work.clear();
  }

  #all(): Iterable<APIService> {
    return this.#services.reader.list(API_SERVICES) as Iterable<APIService>;
  }

  #wakeUsersOf(namespace: string, service: string | undefined): void {
    if (!this.#started || this.#stopped) return;
    for (const api of this.#apiServices.allRemote()) {
      const ref = api.service;
      if (ref.namespace === namespace && (service === undefined || ref.name === service))
        this.#wake(api.name);
    }
  }

  #wake(name: string): void {
    if (!this.#started || this.#stopped) return;
    const work = this.#work.get(name) ?? {
      running: false,
      again: false,
      retryMs: RETRY_MIN_MS,
      timer: undefined,
    };
    this.#work.set(name, work);
    work.timer?.cancel();
    work.again = true;
    if (work.running) return;
    work.running = true;
    void this.#run(name, work);
  }

  /** Never rejects. */
  async #run(name: string, work: Work): Promise<void> {
    let next: Next = 'never';
    while (work.again && !this.#stopped) {
      work.again = false;
      try {
        next = await this.#check(name);
      } catch (error) {
        next = 'soon';
        const { log } = this.#services.environment;
        log.warn('cannot check an APIService', { name, error: messageOf(error) });
      }
    }
    work.running = false;
    if (this.#stopped || next === 'never') {
      this.#work.delete(name);
      return;
    }
    const afterMs = next === 'soon' ? work.retryMs : EVERY_MS;
    work.retryMs = next === 'soon' ? Math.min(work.retryMs * 2, RETRY_MAX_MS) : RETRY_MIN_MS;
    work.timer = this.#services.environment.timers.after(afterMs, () => this.#wake(name));
  }

  /** When to look again though nothing changes. */
  async #check(name: string): Promise<Next> {
    const { reader, environment } = this.#services;
    const api = reader.get(API_SERVICES, '', name) as APIService | undefined;
    if (api === undefined) return 'never';
    const verdict = await this.#verdict(api);
    const next = withVerdict(api, verdict, timeText(environment.clock.now()));
    // When somebody else has written, the change wakes us again.
    if (next !== undefined && !this.#stopped) await this.#client.replace(TARGET, next, 'status');
    if (verdict === LOCAL) return 'never';
    return verdict.reason === 'FailedDiscoveryCheck' ? 'soon' : 'later';
  }

  async #verdict(api: APIService): Promise<Verdict> {
    const ref = api.spec?.service;
    if (ref === undefined) return LOCAL;
    const { reader } = this.#services;
    const { namespace = '', name = '' } = ref;
    const service = reader.get(SERVICES, namespace, name) as Service | undefined;
    const lacking = missing(api, service, slicesOfService(reader, { namespace, name }));
    if (lacking !== undefined) return lacking;
    const attempts = Array.from({ length: ATTEMPTS }, () => this.#askOnce(api));
    try {
      await Promise.any(attempts);
      return PASSED;
    } catch (error) {
      const causes = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
      return failedDiscovery(messageOf(causes.at(-1)));
    }
  }

  /** Rejects, in upstream's words, when the server does not answer as one that serves the group. */
  async #askOnce(api: APIService): Promise<void> {
    const remote = remoteOf(api);
    if (remote === undefined) return;
    const { group, version } = remote;
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const endpoint = endpointOf(this.#services, remote);
    const url = urlOf(endpoint, path);
    let status: number;
    try {
      ({ status } = await ask(this.#services, remote, path, {}, endpoint));
    } catch (error) {
      throw new Error(`failing or missing response from ${url}: ${messageOf(error)}`);
    }
    if (status < 200 || status > 299)
      throw new Error(`failing or missing response from ${url}: bad status from ${url}: ${status}`);
  }
}
