/**
 * The APIServices as the aggregator needs them: which group versions another server answers, and in
 * which order discovery lists them all.
 *
 * Source: upstream kube-aggregator/pkg/apis/apiregistration/v1/helper/helpers.go.
 */
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import { compareVersions } from '#api/meta/version.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { API_SERVICES } from '../admission/targets.ts';

const HTTPS_PORT = 443;

/** A group version that another server answers. */
export interface RemoteApi {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** PEM; empty for the authorities that the machine trusts. */
  readonly authority: string;
  readonly insecureSkipTlsVerify: boolean;
  readonly isAvailable: boolean;
}

export interface GroupVersionPriority {
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
}

interface Snapshot {
  readonly remote: ReadonlyMap<string, RemoteApi>;
  readonly priorities: readonly GroupVersionPriority[];
}

const NOTHING: Snapshot = { remote: new Map(), priorities: [] };

export class ApiServices {
  readonly #reader: ObjectReader;
  #snapshot: Snapshot | undefined = NOTHING;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    reader.follow(API_SERVICES, () => {
      this.#snapshot = undefined;
    });
  }

  /** Undefined for what this server answers itself. */
  remote(group: string, version: string): RemoteApi | undefined {
    return this.#now().remote.get(`${group}/${version}`);
  }

  get hasRemote(): boolean {
    return this.#now().remote.size > 0;
  }

  allRemote(): readonly RemoteApi[] {
    return [...this.#now().remote.values()];
  }

  /** Of all APIServices, in no order. */
  priorities(): readonly GroupVersionPriority[] {
    return this.#now().priorities;
  }

  /** What was there before the first change: to be called when the caches are filled. */
  refresh(): void {
    this.#snapshot = undefined;
  }

  #now(): Snapshot {
    this.#snapshot ??= snapshotOf([...(this.#reader.list(API_SERVICES) as Iterable<APIService>)]);
    return this.#snapshot;
  }
}

function snapshotOf(services: readonly APIService[]): Snapshot {
  const remote = services.flatMap((service) => remoteOf(service) ?? []);
  return {
    remote: new Map(remote.map((api) => [`${api.group}/${api.version}`, api])),
    priorities: services.map(({ spec }) => ({
      group: spec?.group ?? '',
      version: spec?.version ?? '',
      groupPriority: spec?.groupPriorityMinimum ?? 0,
      versionPriority: spec?.versionPriority ?? 0,
    })),
  };
}

export function remoteOf({ metadata, spec, status }: APIService): RemoteApi | undefined {
  if (spec?.service === undefined) return undefined;
  const { namespace = '', name = '', port = HTTPS_PORT } = spec.service;
  const available = status?.conditions?.find(({ type }) => type === 'Available');
  return {
    name: metadata?.name ?? '',
    group: spec.group ?? '',
    version: spec.version ?? '',
    service: { namespace, name, port },
    authority: Buffer.from(spec.caBundle ?? '', 'base64').toString(),
    insecureSkipTlsVerify: spec.insecureSkipTLSVerify === true,
    isAvailable: available?.status === 'True',
  };
}

export interface OrderedGroup {
  readonly group: string;
  readonly versions: readonly string[];
}

/**
 * Groups by the highest priority that any of their versions asks for, then by name; versions by
 * theirs, then the better one first. What no APIService names comes last.
 */
export function inOrder(
  all: readonly { readonly group: string; readonly version: string }[],
  priorities: readonly GroupVersionPriority[],
): OrderedGroup[] {
  const groupRank = new Map<string, number>();
  const versionRank = new Map<string, number>();
  for (const { group, version, groupPriority, versionPriority } of priorities) {
    groupRank.set(group, Math.max(groupRank.get(group) ?? 0, groupPriority));
    versionRank.set(`${group}/${version}`, versionPriority);
  }
  // It has no APIService that could rank it, and comes first.
  groupRank.set('apiregistration.k8s.io', Number.POSITIVE_INFINITY);
  const rank = (group: string): number => groupRank.get(group) ?? 0;
  return [...Map.groupBy(all, ({ group }) => group)]
    .toSorted(([a], [b]) => (rank(a) === rank(b) ? (a < b ? -1 : 1) : rank(b) - rank(a)))
    .map(([group, list]) => ({
      group,
      versions: [...new Set(list.map(({ version }) => version))].toSorted((a, b) => {
        const by = (version: string): number => versionRank.get(`${group}/${version}`) ?? 0;
        return by(b) - by(a) || compareVersions(a, b);
      }),
    }));
}
