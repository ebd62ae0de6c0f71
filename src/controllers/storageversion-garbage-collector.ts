/**
 * Storage version garbage collector: takes from StorageVersions what API servers said that are gone,
 * and removes those of which nothing is left. A server lives as long as its Lease is there.
 *
 *   Lease deleted ────────▶ all versions that name its server ─┐
 *   StorageVersion changed ▶ its servers without a Lease ──────┴▶ status without them, or deletion
 *
 * Upstream: pkg/controller/storageversiongc, v1.36, and SetCommonEncodingVersion of
 * staging/src/k8s.io/apiserver/pkg/storageversion/updater.go; KEP-2339.
 */
import { STORAGE_VERSION } from '#api/apiserverinternal/storage-version.ts';
import { LEASE } from '#api/coordination/lease.ts';
import type {
  ServerStorageVersion,
  StorageVersion,
  StorageVersionCondition,
} from '#api/gen/apiserverinternal-v1alpha1.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';
import { keyFor } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';

const IDENTITY = 'storage-version-garbage-collector';
const NAMESPACE = 'kube-system';
const COMPONENT_LABEL = 'apiserver.kubernetes.io/identity';
const API_SERVER = 'kube-apiserver';
const ALL_EQUAL = 'AllEncodingVersionsEqual';

const isServer = (lease: Lease | undefined): boolean =>
  lease?.metadata?.labels?.[COMPONENT_LABEL] === API_SERVER;

const serversOf = ({ status }: StorageVersion): readonly ServerStorageVersion[] =>
  status?.storageVersions ?? [];

const idOf = ({ apiServerID = '' }: ServerStorageVersion): string => apiServerID;

/** Of a server that has gone. */
const ofLeases = defineKeyController({
  name: 'storageversion-garbage-collector-controller-leases',
  identity: IDENTITY,
  queue: 'storage_version_garbage_collector_leases',
  concurrency: 1,
  create: (setup) => {
    setup.watch(LEASE, ({ type, object }) => {
      const { namespace, name = '' } = object.metadata ?? {};
      return type === 'deleted' && namespace === NAMESPACE && isServer(object) ? [name] : [];
    });
    return async (id, { client }) => {
      if ((await leaseOf(client, id)) !== undefined) return;
      const nowMs = setup.environment.clock.now();
      for (const version of (await client.list(STORAGE_VERSION)).items)
        if (serversOf(version).some((server) => idOf(server) === id))
          await keepOnly(client, version, { isKept: (server) => idOf(server) !== id, nowMs });
    };
  },
});

/** Of a StorageVersion that was written for a server that had gone by then. */
const ofVersions = defineKeyController({
  name: 'storageversion-garbage-collector-controller',
  identity: IDENTITY,
  queue: 'storage_version_garbage_collector_storageversions',
  concurrency: 1,
  create: (setup) => {
    const leases = setup.watch(LEASE);
    const isUnknown = (server: ServerStorageVersion): boolean =>
      !isServer(leases.get(keyFor(idOf(server), NAMESPACE)));
    const versions = setup.watch(STORAGE_VERSION, ({ key }) => [key]);
    return async (name, { client }) => {
      const known = versions.get(name);
      // What the cache does not know yet, the server does.
      if (known === undefined || !serversOf(known).some(isUnknown)) return;
      const version = await client.get(STORAGE_VERSION, name);
      const gone = new Set<string>();
      for (const server of serversOf(version))
        if (!isServer(await leaseOf(client, idOf(server)))) gone.add(idOf(server));
      if (gone.size === 0) return;
      const nowMs = setup.environment.clock.now();
      await keepOnly(client, version, { isKept: (server) => !gone.has(idOf(server)), nowMs });
    };
  },
});

export const storageVersionGarbageCollectors: readonly Controller[] = [ofLeases, ofVersions];

async function leaseOf(client: Client, name: string): Promise<Lease | undefined> {
  try {
    return await client.get(LEASE, name, NAMESPACE);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

interface Cut {
  readonly isKept: (server: ServerStorageVersion) => boolean;
  readonly nowMs: number;
}

async function keepOnly(
  client: Client,
  version: StorageVersion,
  { isKept, nowMs }: Cut,
): Promise<void> {
  const kept = serversOf(version).filter(isKept);
  const name = version.metadata?.name ?? '';
  try {
    if (kept.length === 0) await client.delete(STORAGE_VERSION, { name });
    else await client.update(STORAGE_VERSION, withServers(version, kept, nowMs), 'status');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The version with these servers, and with what they agree on. */
function withServers(
  { status, ...version }: StorageVersion,
  storageVersions: ServerStorageVersion[],
  nowMs: number,
): StorageVersion {
  const before = status?.commonEncodingVersion;
  const versions = new Set(storageVersions.map(({ encodingVersion }) => encodingVersion));
  const [first] = versions;
  const common = versions.size === 1 ? first : undefined;
  const isAnother = before !== undefined && common !== undefined && before !== common;
  const is = common === undefined ? 'Unset' : 'Set';
  const condition: StorageVersionCondition = {
    type: ALL_EQUAL,
    status: common === undefined ? 'False' : 'True',
    observedGeneration: version.metadata?.generation ?? 0,
    lastTransitionTime: timeText(nowMs),
    reason: `CommonEncodingVersion${is}`,
    message: `Common encoding version ${is.toLowerCase()}`,
  };
  const conditions = withCondition(status?.conditions ?? [], condition, isAnother);
  return {
    ...version,
    status: {
      storageVersions,
      ...(common === undefined ? {} : { commonEncodingVersion: common }),
      conditions,
    },
  };
}

/** The condition keeps its time while it says the same, unless it `changed` all the same. */
function withCondition(
  conditions: readonly StorageVersionCondition[],
  next: StorageVersionCondition,
  changed: boolean,
): StorageVersionCondition[] {
  const known = conditions.find(({ type }) => type === next.type);
  if (known === undefined) return [...conditions, next];
  const time = known.lastTransitionTime;
  const isKept = known.status === next.status && !changed && time !== undefined;
  const said = isKept ? { ...next, lastTransitionTime: time } : next;
  return conditions.map((each) => (each === known ? said : each));
}
