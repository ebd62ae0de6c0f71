/**
 * How many Pods the controllers of some Pods want in all. Workloads that are watched are asked
 * directly, any other controller by its scale subresource.
 *
 * Upstream: finders and getExpectedScale in pkg/controller/disruption/disruption.go, v1.36.
 */
import type { Scale } from '#api/gen/autoscaling-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { OwnerReference } from '#api/gen/meta-v1.ts';
import { controllerOf, type KubeObject, parseApiVersion } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';
import type { Client } from '#client/client.ts';

/** The Pods cannot be counted, and trying again would not help: something has to change first. */
export class UncountableError extends Error {
  override readonly name = 'UncountableError';
}

/** What a controller wants, of those that are watched. */
export type Workload = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** Finds a watched workload; undefined: the kind is not watched. Null: it is, and is not there. */
export type FindWorkload = (
  reference: Pick<OwnerReference, 'apiVersion' | 'kind' | 'name'>,
  namespace: string,
) => Workload | null | undefined;

export interface ExpectedScale {
  readonly scale: number;
  /** Names of Pods that nobody controls. */
  readonly unmanaged: readonly string[];
}

export class Scales {
  readonly #find: FindWorkload;
  readonly #resources: ScaledResources;

  constructor(find: FindWorkload, clock: Clock) {
    this.#find = find;
    this.#resources = new ScaledResources(clock);
  }

  /** The sum over the controllers of `pods`. Rejects for a Pod whose controller cannot be asked. */
  async expected(client: Client, pods: readonly Pod[]): Promise<ExpectedScale> {
    const scales = new Map<string, number>();
    const asked = new Set<string>();
    const unmanaged: string[] = [];
    for (const pod of pods) {
      const { name = '', namespace = '' } = pod.metadata ?? {};
      const reference = controllerOf(pod);
      if (reference === undefined) unmanaged.push(name);
      else if (!asked.has(reference.uid)) {
        asked.add(reference.uid);
        const found = await this.#scaleOf(client, reference, namespace);
        if (found === undefined)
          throw new UncountableError(`found no controllers for pod "${name}"`);
        scales.set(found.uid, found.scale);
      }
    }
    return { scale: [...scales.values()].reduce((sum, scale) => sum + scale, 0), unmanaged };
  }

  async #scaleOf(
    client: Client,
    reference: OwnerReference,
    namespace: string,
  ): Promise<{ readonly uid: string; readonly scale: number } | undefined> {
    // What the caches do not show (yet, or a ReplicaSet whose Deployment has gone before it) the server
    // may still know.
    return this.#watched(reference, namespace) ?? this.#byScale(client, reference, namespace);
  }

  #watched(
    reference: OwnerReference,
    namespace: string,
  ): { readonly uid: string; readonly scale: number } | undefined {
    const workload = this.#find(reference, namespace) ?? undefined;
    if (workload?.metadata?.uid !== reference.uid) return undefined;
    // Of a ReplicaSet that belongs to a Deployment the Deployment decides.
    const owner = controllerOf(workload);
    const parent = owner === undefined ? undefined : this.#find(owner, namespace);
    if (owner === undefined || parent === undefined) return wanted(workload);
    return parent?.metadata?.uid === owner.uid ? wanted(parent) : undefined;
  }

  async #byScale(client: Client, reference: OwnerReference, namespace: string) {
    const base = await this.#resources.pathOf(client, reference, namespace);
    try {
      const text = await client.raw('GET', `${base}/${reference.name}/scale`);
      const { metadata, spec } = JSON.parse(text) as Scale;
      if (metadata?.uid !== reference.uid) return undefined;
      return { uid: reference.uid, scale: spec?.replicas ?? 0 };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function wanted({ metadata, spec }: Workload): { readonly uid: string; readonly scale: number } {
  return { uid: metadata?.uid ?? '', scale: spec?.replicas ?? 1 };
}

interface ServedResource {
  readonly name: string;
  readonly kind: string;
}

/** What is served is asked anew after this. */
const FRESH_MS = 30_000;
/** Group versions that are remembered; the oldest goes. */
const KNOWN_MAX = 100;

/** Where the objects of a kind with a scale are. */
class ScaledResources {
  readonly #clock: Clock;
  readonly #known = new Map<string, { atMs: number; resources: readonly ServedResource[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects when the kind is not served, or has no scale. */
  async pathOf(
    client: Client,
    { apiVersion, kind }: OwnerReference,
    namespace: string,
  ): Promise<string> {
    const { group } = parseApiVersion(apiVersion);
    const resources = await this.#served(client, apiVersion);
    const resource = resources.find((each) => each.kind === kind && !each.name.includes('/'));
    if (resource === undefined)
      throw new UncountableError(`no matches for kind "${kind}" in version "${apiVersion}"`);
    const { name } = resource;
    if (!resources.some((each) => each.name === `${name}/scale` && each.kind === 'Scale')) {
      const qualified = group === '' ? name : `${name}.${group}`;
      throw new UncountableError(`${qualified} does not implement the scale subresource`);
    }
    return `${rootOf(apiVersion)}/namespaces/${namespace}/${name}`;
  }

  async #served(client: Client, apiVersion: string): Promise<readonly ServedResource[]> {
    const known = this.#known.get(apiVersion);
    const nowMs = this.#clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return known.resources;
    const resources = await list(client, apiVersion);
    this.#known.delete(apiVersion);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(apiVersion, { atMs: nowMs, resources });
    return resources;
  }
}

async function list(client: Client, apiVersion: string): Promise<readonly ServedResource[]> {
  try {
    const text = await client.raw('GET', rootOf(apiVersion));
    return (JSON.parse(text) as { resources?: ServedResource[] }).resources ?? [];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
