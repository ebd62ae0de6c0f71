/**
 * A cluster as the caller may see it: every object of every kind that this API server knows too, and
 * the names of all that could not be read. Reads alone; what is read stays in memory.
 */
import { chosenKinds } from '#api/chosen-kinds.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { isStatus } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { type DiscoveredResource, discover } from '#client/discovery.ts';
import { listAll } from './list-all.ts';

/** What a fork cannot know of the cluster. */
export interface Unread {
  /** `secrets`, `widgets.example.com` */
  readonly resource: string;
  readonly reason: string;
  /** Where it could be read all the same. */
  readonly namespaces?: readonly string[];
}

export interface LiveCluster {
  /** As they are, each with apiVersion and kind; owners that were not read are left out. */
  readonly objects: readonly KubeObject[];
  readonly unread: readonly Unread[];
  /** The registrations of other API servers, to which the fork has no road. */
  readonly elsewhere: readonly KubeObject[];
}

export interface ReadOptions {
  readonly client: Client;
  readonly gates: FeatureGates;
  /** Where kinds are read that may not be read everywhere. */
  readonly namespaces: readonly string[];
}

/** More objects than this are not held in memory. */
const OBJECTS_MAX = 200_000;
/** Lists under way at once. */
const LISTS_MAX = 4;

/** Without these there is nothing to plan with. */
const NEEDED = [
  'nodes',
  'pods',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'daemonsets.apps',
];
/** They tell of what goes on, and hold nothing that counts: the fork writes its own. */
const LEFT_OUT = new Set(['events', 'events.events.k8s.io', 'leases.coordination.k8s.io']);

/** The cluster cannot be read, or is too large. The message says what to do. */
export class ReadError extends Error {
  override readonly name = 'ReadError';
}

/** Rejects with ReadError, or with the transport's error. */
export async function readCluster(options: ReadOptions): Promise<LiveCluster> {
  const { resources, failures } = await discover(options.client);
  const reader = new Reader(options);
  const listable = resources.filter(({ verbs }) => verbs.includes('list'));
  const definitions = await reader.definitions(listable);
  const known = knownTypes(options.gates, definitions);
  const wanted: DiscoveredResource[] = [];
  for (const resource of listable) {
    const name = resourceName(resource);
    if (LEFT_OUT.has(name) || name === 'componentstatuses') continue;
    if (name === DEFINITIONS) continue;
    const version = known.get(`${name} ${resource.version}`) ?? known.get(name);
    if (version === undefined) reader.unknown(resource, definitions !== undefined);
    else wanted.push({ ...resource, version });
  }
  await reader.all(wanted);
  const elsewhere = reader.objects.filter(isElsewhere);
  for (const [name, reason] of failures)
    if (!elsewhere.some((service) => versionOf(service) === name))
      reader.unread.push({ resource: name, reason });
  const objects = reader.objects.filter((object) => !isElsewhere(object));
  return {
    objects: withoutStrangers(objects),
    unread: reader.unread.toSorted(byResource),
    elsewhere,
  };
}

const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';

export function resourceName({ plural, group }: { plural: string; group: string }): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function byResource(left: Unread, right: Unread): number {
  return left.resource < right.resource ? -1 : left.resource > right.resource ? 1 : 0;
}

/** The version in which to read each resource, by its name, and by name and version. */
function knownTypes(
  gates: FeatureGates,
  definitions: readonly CustomResourceDefinition[] = [],
): Map<string, string> {
  const known = new Map<string, string>();
  for (const kind of chosenKinds(gates)) {
    known.set(`${resourceName(kind)} ${kind.version}`, kind.version);
  }
  for (const { spec } of definitions) {
    if (spec === undefined) continue;
    const name = resourceName({ plural: spec.names.plural, group: spec.group });
    const served = spec.versions.filter((version) => version.served);
    const stored = served.find(({ storage }) => storage) ?? served[0];
    if (stored !== undefined) known.set(name, stored.name);
  }
  return known;
}

class Reader {
  readonly objects: KubeObject[] = [];
  readonly unread: Unread[] = [];
  readonly #options: ReadOptions;

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  /** Undefined when they may not be read: then custom resources are not known. */
  async definitions(
    resources: readonly DiscoveredResource[],
  ): Promise<readonly CustomResourceDefinition[] | undefined> {
    const resource = resources.find((each) => resourceName(each) === DEFINITIONS);
    if (resource === undefined) return [];
    const objects = await this.#read(resource);
    for (const object of objects ?? []) this.objects.push(object);
    return objects;
  }

  unknown(resource: DiscoveredResource, knowsDefinitions: boolean): void {
    const where = `${apiVersionOf(resource)} ${resource.kind}`;
    this.unread.push({
      resource: resourceName(resource),
      reason: knowsDefinitions
        ? `${where} is served by another API server, or not known to this version`
        : `${where} is not known: ${DEFINITIONS} may not be read`,
    });
  }

  /** In the order of `resources`, whichever answers first. */
  async all(resources: readonly DiscoveredResource[]): Promise<void> {
    const found: (readonly KubeObject[])[] = [];
    const left = [...resources.entries()];
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift())
        found[next[0]] = (await this.#read(next[1])) ?? [];
    };
    await Promise.all(Array.from({ length: LISTS_MAX }, work));
    for (const objects of found) for (const object of objects) this.objects.push(object);
    if (this.objects.length > OBJECTS_MAX)
      throw new ReadError(
        `Cannot plan: the cluster has more than ${OBJECTS_MAX} objects, and all of them are held in memory.`,
      );
  }

  async #read(resource: DiscoveredResource): Promise<readonly KubeObject[] | undefined> {
    try {
      return await listAll(this.#options.client, resource, { max: OBJECTS_MAX });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#refused(resource, messageOf(error));
    }
  }

  /** What may not be read everywhere may perhaps be read in the namespaces of the change. */
  async #refused(
    resource: DiscoveredResource,
    reason: string,
  ): Promise<readonly KubeObject[] | undefined> {
    const name = resourceName(resource);
    const objects: KubeObject[] = [];
    const namespaces: string[] = [];
    if (resource.namespaced)
      for (const namespace of this.#options.namespaces)
        try {
          objects.push(
            ...(await listAll(this.#options.client, resource, { max: OBJECTS_MAX, namespace })),
          );
          namespaces.push(namespace);
        } catch (error) {
          if (!isRefusal(error)) throw error;
        }
    if (namespaces.length === 0 && NEEDED.includes(name))
      throw new ReadError(`Cannot plan without the right to list ${name}: ${reason}`);
    this.unread.push({
      resource: name,
      reason,
      ...(namespaces.length === 0 ? {} : { namespaces }),
    });
    return namespaces.length === 0 ? undefined : objects;
  }
}

/** The server said no; it did not fail on the way. */
function isRefusal(error: unknown): boolean {
  return (
    isStatus(error, 'Forbidden') ||
    isStatus(error, 'NotFound') ||
    isStatus(error, 'MethodNotAllowed') ||
    isStatus(error, 'ServiceUnavailable') ||
    isStatus(error, 'InternalError')
  );
}

function isElsewhere(object: KubeObject): object is APIService {
  return object.kind === 'APIService' && (object as APIService).spec?.service !== undefined;
}

function versionOf({ spec }: APIService): string {
  return `${spec?.group ?? ''}/${spec?.version ?? ''}`;
}

/**
 * Without references to owners that were not read: the garbage collector of the fork would take them
 * for gone, and their dependents with them.
 */
function withoutStrangers(objects: readonly KubeObject[]): readonly KubeObject[] {
  const uids = new Set(objects.map(({ metadata }) => metadata?.uid));
  return objects.map((object) => {
    const owners = object.metadata?.ownerReferences ?? [];
    if (owners.every(({ uid }) => uids.has(uid))) return object;
    const ownerReferences = owners.filter(({ uid }) => uids.has(uid));
    return { ...object, metadata: { ...object.metadata, ownerReferences } };
  });
}
