/**
 * The APIServices of what this server answers itself: made, mended and removed.
 *
 * Those of built-in group versions are looked at once, at the start (`onstart`): what somebody
 * deletes or changes later stays so until then. Those of custom resources follow their definitions
 * at all times (`true`).
 *
 * Source: upstream kube-aggregator/pkg/controllers/autoregister.
 */
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { messageOf } from '#base/error.ts';
import type { Environment, Timer } from '#base/env.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { API_SERVICES } from '../admission/targets.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { CUSTOM, priorityOf } from './priorities.ts';

const TARGET = { ...API_SERVICES, version: 'v1' };
const LABEL = 'kube-aggregator.kubernetes.io/automanaged';
const ON_START = 'onstart';
const ALWAYS = 'true';
const RETRY_MS = 1_000;
/** How often others may get in between. */
const TRIES = 4;

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** What this server answers itself. */
export interface LocalGroupVersions {
  /** For as long as it runs. */
  readonly builtIn: readonly GroupVersion[];
  /** Of the custom resources that are served now. */
  custom(): readonly GroupVersion[];
}

export interface RegistrationOptions {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
  readonly local: LocalGroupVersions;
}

export class Registration {
  readonly #options: RegistrationOptions;
  /** Custom group versions as they were at the last look, by the name of their APIService. */
  #wanted: ReadonlyMap<string, GroupVersion> = new Map();
  /** Names to look at. */
  readonly #dirty = new Set<string>();
  #running = false;
  #again = false;
  #started = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    options.reader.follow(API_SERVICES, ({ name, object }) => {
      const isOurs = object === undefined || labelOf(object as APIService) === ALWAYS;
      if (!isOurs && !this.#wanted.has(name)) return;
      this.#dirty.add(name);
      this.changed();
    });
  }

  /** Makes what must be there. Rejects when it cannot. */
  async start(): Promise<void> {
    const { builtIn } = this.#options.local;
    const wanted = builtIn.flatMap((one) => builtInService(one) ?? []);
    const names = new Set(wanted.map(({ metadata }) => metadata?.name));
    const stale = this.#all().filter(
      (service) => labelOf(service) === ON_START && !names.has(service.metadata?.name),
    );
    await Promise.all([
      ...wanted.map((service) => this.#ensure(service)),
      ...stale.map((service) => this.#options.client.remove(TARGET, service)),
    ]);
    for (const service of this.#all())
      if (labelOf(service) === ALWAYS) this.#dirty.add(service.metadata?.name ?? '');
    this.#started = true;
    this.changed();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** To be called when the served custom resources have changed. */
  changed(): void {
    if (!this.#started || this.#stopped) return;
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#syncCustom();
      } catch (error) {
        const { log, timers } = this.#options.environment;
        log.warn('cannot register custom resources', { error: messageOf(error) });
        this.#timer?.cancel();
        this.#timer = timers.after(RETRY_MS, () => this.changed());
      }
    }
    this.#running = false;
  }

  /** Only names of which something has changed are looked at: there may be thousands. */
  async #syncCustom(): Promise<void> {
    const wanted = new Map(this.#options.local.custom().map((one) => [nameOf(one), one]));
    for (const name of wanted.keys()) if (!this.#wanted.has(name)) this.#dirty.add(name);
    for (const name of this.#wanted.keys()) if (!wanted.has(name)) this.#dirty.add(name);
    this.#wanted = wanted;
    for (const name of this.#dirty) {
      this.#dirty.delete(name);
      try {
        await this.#sync(name);
      } catch (error) {
        this.#dirty.add(name);
        throw error;
      }
    }
  }

  async #sync(name: string): Promise<void> {
    const { reader, client } = this.#options;
    const wanted = this.#wanted.get(name);
    if (wanted !== undefined) return this.#ensure(customService(wanted));
    const existing = reader.get(API_SERVICES, '', name) as APIService | undefined;
    if (existing !== undefined && labelOf(existing) === ALWAYS)
      await client.remove(TARGET, existing);
  }

  /** What somebody else has made under that name is theirs. */
  async #ensure(wanted: APIService): Promise<void> {
    const { reader, client } = this.#options;
    for (let tries = 0; tries < TRIES; tries++) {
      const existing = reader.get(API_SERVICES, '', wanted.metadata?.name ?? '') as
        | APIService
        | undefined;
      if (existing === undefined) {
        if (await client.create(TARGET, wanted)) return;
      } else {
        const isManaged = labelOf(existing) !== undefined;
        if (!isManaged || equalValues(existing.spec, wanted.spec)) return;
        const mended: APIService = { ...existing, ...(wanted.spec && { spec: wanted.spec }) };
        if (await client.replace(TARGET, mended)) return;
      }
      await reader.catchUp();
    }
    throw new Error(`Cannot register ${wanted.metadata?.name}: others keep changing it`);
  }

  #all(): APIService[] {
    return [...(this.#options.reader.list(API_SERVICES) as Iterable<APIService>)];
  }
}

function labelOf({ metadata }: APIService): string | undefined {
  return metadata?.labels?.[LABEL];
}

function nameOf({ group, version }: GroupVersion): string {
  return `${version}.${group}`;
}

function builtInService(one: GroupVersion): APIService | undefined {
  const priority = priorityOf(one.group, one.version);
  return priority && serviceOf(one, priority, ON_START);
}

function customService(one: GroupVersion): APIService {
  return serviceOf(one, CUSTOM, ALWAYS);
}

function serviceOf(
  one: GroupVersion,
  priority: { readonly group: number; readonly version: number },
  label: string,
): APIService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: nameOf(one), labels: { [LABEL]: label } },
    spec: {
      ...(one.group === '' ? {} : { group: one.group }),
      version: one.version,
      groupPriorityMinimum: priority.group,
      versionPriority: priority.version,
    },
  };
}
