/**
 * Has the claims of pods prepared by their drivers before anything of the pod is made, and undone
 * when nothing of it runs any more.
 *
 *   claim from the API ─▶ allocated? reserved for the pod? drivers there? ─▶ checkpoint
 *     ─▶ NodePrepareResources, a call for each driver ─▶ CDI devices ─▶ containers
 *
 * What was begun is written down before, so that it is undone after whatever happens. Upstream:
 * pkg/kubelet/cm/dra/manager.go, v1.36: messages are its.
 */
import type { Container, Pod, ResourceStatus } from '#api/gen/core-v1.ts';
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { alpha, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { RESOURCE_CLAIM } from '../resources.ts';
import { StateFile } from '../state-file.ts';
import { type ClaimDevice, type ClaimState, formatClaims, parseClaims } from './claim-state.ts';
import type { DevicesHealth } from './device-health.ts';
import type { ClaimReference, PreparedDevice } from './dra-api.ts';
import { DRA_BUCKETS } from './dra-buckets.ts';
import type { DraPlugin } from './dra-plugin.ts';
import { containerRequests, podClaims, whyNotFor } from './pod-claims.ts';
import { Turns } from './turns.ts';

const STATE_FILE = 'dra_manager_state';
const MS_PER_SECOND = 1000;
const ANY_DRIVER = '<any>';

export interface ClaimManagerOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  /** Where the checkpoint lies. */
  readonly directory: string;
  readonly client: Client;
  readonly registry: MetricRegistry;
  /** Throws an Error when the driver has no plug-in here. */
  readonly plugin: (driver: string) => DraPlugin;
  readonly health: DevicesHealth;
}

/** A claim that a pod here uses. */
interface Known extends ClaimState {
  /** By this kubelet, whole. */
  readonly isPrepared: boolean;
}

export class ClaimManager {
  readonly #options: ClaimManagerOptions;
  /** By namespace and name. */
  readonly #claims = new Map<string, Known>();
  readonly #file: StateFile;
  readonly #path: string;
  readonly #turns = new Turns();
  readonly #durations: Histogram;

  constructor(options: ClaimManagerOptions) {
    const { directory, registry } = options;
    this.#options = options;
    this.#path = `${directory}/${STATE_FILE}`;
    this.#file = new StateFile({
      ...options,
      path: this.#path,
      format: () => formatClaims([...this.#claims.values()]),
    });
    this.#durations = registry.histogram(
      alpha(
        'dra_operations_duration_seconds',
        'How long it took to have all claims of a pod prepared, or undone.',
        'operation_name',
        'is_error',
      ),
      DRA_BUCKETS,
    );
    registry.observed(
      alpha('dra_resource_claims_in_use', 'Claims that are prepared, by driver.', 'driver_name'),
      () => this.#inUse(),
    );
  }

  /** Once, before any pod. Rejects when the checkpoint cannot be read: devices may be in use. */
  async load(): Promise<void> {
    const { fileSystem } = this.#options;
    if ((await fileSystem.stat(this.#path)) === undefined) return;
    try {
      const claims = parseClaims(await fileSystem.readText(this.#path));
      for (const claim of claims) this.#claims.set(keyOf(claim), { ...claim, isPrepared: false });
    } catch (error) {
      throw new Error(
        `Cannot read ${this.#path}: ${messageOf(error)}. Drain the node and remove the file.`,
        { cause: error },
      );
    }
  }

  /** Rejects with an Error that says why the pod cannot start yet. */
  prepare(pod: Pod): Promise<void> {
    return this.#measured('PrepareResources', 'prepare dynamic resources', () => {
      const { namespace = '' } = pod.metadata ?? {};
      const names = podClaims(pod);
      const keys = names.map(({ name }) => keyOf({ namespace, name }));
      return this.#turns.run(keys, () => this.#prepare(pod));
    });
  }

  /** For a pod of which nothing runs any more. What is undone already is left out. */
  unprepare(pod: Pod): Promise<void> {
    return this.#measured('UnprepareResources', 'unprepare dynamic resources', () =>
      this.#unprepareFor(pod.metadata?.uid ?? ''),
    );
  }

  /** Undoes what pods hold that are gone. Never rejects. */
  async retain(isActive: (podUid: string) => boolean): Promise<void> {
    const uids = new Set([...this.#claims.values()].flatMap(({ podUids }) => [...podUids]));
    for (const uid of uids) {
      if (isActive(uid)) continue;
      await this.#unprepareFor(uid).catch((error: unknown) => {
        const values = { uid, error: messageOf(error) };
        this.#options.environment.log.warn('cannot undo claims of a pod that is gone', values);
      });
    }
  }

  /** Names of the CDI devices that the claims of a container bring. Throws an Error when one is not prepared. */
  cdiDevices(pod: Pod, container: Container): string[] {
    const { namespace = '' } = pod.metadata ?? {};
    return [...containerRequests(pod, container)].flatMap(([name, requests]) => {
      const claim = this.#claims.get(keyOf({ namespace, name }));
      if (claim === undefined)
        throw new Error(
          `internal error: unable to get claim info for ResourceClaim ${name} in namespace ${namespace}`,
        );
      const devices = [...claim.drivers.values()].flat();
      return requests.flatMap((request) =>
        devices
          .filter((device) => isOfRequest(device, request))
          .flatMap(({ cdiDeviceIds }) => cdiDeviceIds),
      );
    });
  }

  /** Of those claims of a container that are known. */
  claimsOf(pod: Pod, container: Container): ClaimState[] {
    const { namespace = '' } = pod.metadata ?? {};
    return [...containerRequests(pod, container).keys()].flatMap((name) => {
      const found = this.#claims.get(keyOf({ namespace, name }));
      return found === undefined ? [] : [found];
    });
  }

  /** KEP-4680. Upstream: UpdateAllocatedResourcesStatus. */
  healthOf(pod: Pod, container: Container): ResourceStatus[] {
    const { namespace = '' } = pod.metadata ?? {};
    return (container.resources?.claims ?? []).flatMap(({ name, request }) => {
      const only = { ...container, resources: { claims: [{ name }] } };
      const [claimName = ''] = containerRequests(pod, only).keys();
      const claim = this.#claims.get(keyOf({ namespace, name: claimName }));
      const resources = claim === undefined ? [] : this.#healthIn(claim, baseOf(request));
      const shown = request === undefined ? `claim:${name}` : `claim:${name}/${request}`;
      return resources.length === 0 ? [] : [{ name: shown, resources }];
    });
  }

  /** Pods that use one of these devices (`pool/device`). */
  podsUsing(driver: string, devices: ReadonlySet<string>): Set<string> {
    const using = [...this.#claims.values()].filter(({ drivers }) =>
      drivers
        .get(driver)
        ?.some(({ poolName, deviceName }) => devices.has(`${poolName}/${deviceName}`)),
    );
    return new Set(using.flatMap(({ podUids }) => [...podUids]));
  }

  #healthIn(claim: ClaimState, request: string): NonNullable<ResourceStatus['resources']> {
    const { health } = this.#options;
    const found = new Map<string, { resourceID: string; health: string; message?: string }>();
    for (const [driver, devices] of claim.drivers)
      for (const device of devices) {
        if (!isOfRequest(device, request)) continue;
        const { poolName, deviceName, cdiDeviceIds } = device;
        const resourceID = cdiDeviceIds[0] ?? `${driver}/${poolName}/${deviceName}`;
        const told = health.of(driver, poolName, deviceName);
        const message = told.message === '' ? {} : { message: told.message };
        if (!found.has(resourceID))
          found.set(resourceID, { resourceID, health: told.health, ...message });
      }
    return [...found.values()];
  }

  async #prepare(pod: Pod): Promise<void> {
    const podUid = pod.metadata?.uid ?? '';
    // Before anything is remembered: a pod that fails here must not get stuck when it is deleted.
    const claims = await this.#usable(pod);
    const todo = claims.filter((claim) => !this.#refer(claim, podUid).isPrepared);
    if (claims.length > 0) await this.#file.write();
    const batches = byDriver(todo);
    for (const [driver, batch] of batches)
      await this.#prepareWith(this.#options.plugin(driver), batch);
    for (const claim of todo) this.#change(claim, { isPrepared: true });
    if (todo.length > 0) await this.#file.write();
  }

  /** The pod's claims as the API has them. */
  async #usable(pod: Pod): Promise<ClaimState[]> {
    const { client, plugin } = this.#options;
    const { namespace = '' } = pod.metadata ?? {};
    const usable: ClaimState[] = [];
    for (const { name, mustBeOwned } of podClaims(pod)) {
      const claim = await client.get(RESOURCE_CLAIM, name, namespace).catch((error: unknown) => {
        throw new Error(`fetch ResourceClaim ${name}: ${messageOf(error)}`, { cause: error });
      });
      const problem = whyNotFor(pod, claim, mustBeOwned);
      if (problem !== undefined) throw new Error(problem);
      const state = stateOf(claim);
      for (const driver of state.drivers.keys()) plugin(driver);
      const before = this.#claims.get(keyOf(state));
      if (before !== undefined && before.uid !== state.uid)
        throw new Error(
          `old ResourceClaim with same name ${name} and different UID ${before.uid} still exists (previous pod force-deleted?!)`,
        );
      usable.push(state);
    }
    return usable;
  }

  /** The pod uses the claim from now on. */
  #refer(claim: ClaimState, podUid: string): Known {
    const before = this.#claims.get(keyOf(claim)) ?? { ...claim, isPrepared: false };
    const known = { ...before, podUids: new Set([...before.podUids, podUid]) };
    this.#claims.set(keyOf(claim), known);
    return known;
  }

  #change(claim: ClaimState, change: Partial<Known>): void {
    const before = this.#claims.get(keyOf(claim));
    if (before !== undefined) this.#claims.set(keyOf(claim), { ...before, ...change });
  }

  async #prepareWith(plugin: DraPlugin, claims: readonly ClaimState[]): Promise<void> {
    const answer = await plugin.prepare(claims.map(referenceOf)).catch((error: unknown) => {
      throw new Error(`NodePrepareResources: ${messageOf(error)}`, { cause: error });
    });
    const results = answer.claims ?? {};
    checkAnswer('NodePrepareResources', claims, results);
    for (const claim of claims) {
      const devices = (results[claim.uid]?.devices ?? []).map(deviceOf);
      const { drivers } = this.#claims.get(keyOf(claim)) ?? claim;
      this.#change(claim, { drivers: new Map([...drivers, [plugin.driver, devices]]) });
    }
  }

  async #unprepareFor(podUid: string): Promise<void> {
    const keys = [...this.#claims].filter(([, { podUids }]) => podUids.has(podUid));
    await this.#turns.run(
      keys.map(([key]) => key),
      () => this.#unprepare(podUid),
    );
  }

  async #unprepare(podUid: string): Promise<void> {
    const own = [...this.#claims.values()].filter(({ podUids }) => podUids.has(podUid));
    if (own.length === 0) return;
    const last = own.filter(({ podUids }) => podUids.size === 1);
    for (const [driver, claims] of byDriver(last)) {
      const plugin = this.#options.plugin(driver);
      const answer = await plugin.unprepare(claims.map(referenceOf)).catch((error: unknown) => {
        throw new Error(`NodeUnprepareResources: ${messageOf(error)}`, { cause: error });
      });
      checkAnswer('NodeUnprepareResources', claims, answer.claims ?? {});
    }
    for (const claim of own) {
      const podUids = new Set(claim.podUids);
      podUids.delete(podUid);
      if (podUids.size === 0) this.#claims.delete(keyOf(claim));
      else this.#change(claim, { podUids });
    }
    await this.#file.write();
  }

  #inUse(): (readonly [readonly string[], number])[] {
    const prepared = [...this.#claims.values()].filter(({ isPrepared }) => isPrepared);
    const counts = new Map([[ANY_DRIVER, prepared.length]]);
    for (const { drivers } of prepared)
      for (const driver of drivers.keys()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
    return [...counts].map(([driver, count]) => [[driver], count]);
  }

  async #measured(operation: string, what: string, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#options.environment;
    const startMs = clock.monotonicMs();
    let isError = true;
    try {
      await work();
      isError = false;
    } catch (error) {
      throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
    } finally {
      const seconds = (clock.monotonicMs() - startMs) / MS_PER_SECOND;
      this.#durations.observe([operation, String(isError)], seconds);
    }
  }
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** Throws an Error when the claim is not allocated. */
function stateOf({ metadata, status }: ResourceClaim): ClaimState {
  const { uid = '', name = '', namespace = '' } = metadata ?? {};
  if (status?.allocation === undefined) throw new Error(`ResourceClaim ${name}: not allocated`);
  const results = status.allocation.devices?.results ?? [];
  const drivers = new Map(results.map(({ driver }) => [driver, []]));
  return { uid, name, namespace, podUids: new Set(), drivers };
}

function byDriver(claims: readonly ClaimState[]): Map<string, ClaimState[]> {
  const batches = new Map<string, ClaimState[]>();
  for (const claim of claims)
    for (const driver of claim.drivers.keys())
      batches.set(driver, [...(batches.get(driver) ?? []), claim]);
  return batches;
}

function referenceOf({ namespace, uid, name }: ClaimState): ClaimReference {
  return { namespace, uid, name };
}

/** Throws an Error unless there is a good result for each claim, and for no other. */
function checkAnswer(
  method: string,
  claims: readonly ClaimState[],
  results: Readonly<Record<string, { readonly error?: string } | undefined>>,
): void {
  for (const [uid, result] of Object.entries(results)) {
    const claim = claims.find((each) => each.uid === uid);
    if (claim === undefined)
      throw new Error(`${method} returned result for unknown claim UID ${uid}`);
    const error = result?.error ?? '';
    if (error !== '') throw new Error(`${method} failed for ResourceClaim ${claim.name}: ${error}`);
  }
  const missing = claims.length - Object.keys(results).length;
  if (missing > 0) throw new Error(`${method} skipped ${missing} ResourceClaims`);
}

function deviceOf(device: PreparedDevice): ClaimDevice {
  return {
    poolName: device.poolName ?? '',
    deviceName: device.deviceName ?? '',
    ...(device.shareId === undefined ? {} : { shareId: device.shareId }),
    requestNames: device.requestNames ?? [],
    cdiDeviceIds: device.cdiDeviceIds ?? [],
  };
}

/** An empty name stands for all requests, and a device without names is of all. */
function isOfRequest({ requestNames }: ClaimDevice, request: string): boolean {
  return request === '' || requestNames.length === 0 || requestNames.includes(request);
}

/** Of a request with alternatives (`request/alternative`), the request. */
function baseOf(request = ''): string {
  return request.split('/')[0] ?? '';
}
