/**
 * Volume binder: gives each claim a volume, asks drivers for those that are missing, and says what
 * becomes of a volume when its claim is gone.
 *
 *   claim ────────────────▶ claim key ──▶ best volume ─▶ volume Bound, claim Bound
 *   class ──▶ claims of it ────▲ │             └ none: the class's provisioner is named on the claim
 *   volume ─▶ claims it suits ─┘ │
 *      └──────────────────▶ volume key ─▶ Available, Bound, Released ─▶ kept, recycled, deleted
 *
 * What waits is looked at again every 15 s, and told again what it waits for. One key at a time, so
 * that two claims do not reach for one volume.
 *
 * Upstream: pkg/controller/volume/persistentvolume, v1.36, which looks at everything every 15 s.
 */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { claimsOf } from '#api/core/pod-claims.ts';
import { BIND_COMPLETED } from '#api/core/volume-binding.ts';
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { messageOf } from '#base/error.ts';
import { type Informer, keyFor, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { defaultClassOf } from './persistentvolume-binder/default-class.ts';
import { VolumeMetrics } from './persistentvolume-binder/metrics.ts';
import { migratedClaim, migratedVolume } from './persistentvolume-binder/migration.ts';
import { Newest } from './persistentvolume-binder/newest.ts';
import { OperationTimes } from './persistentvolume-binder/operation-times.ts';
import { type ClaimPlan, planClaim } from './persistentvolume-binder/plan-claim.ts';
import { planVolume, type Reclaim } from './persistentvolume-binder/plan-volume.ts';
import { deleterOf, HOST_PATH, MIGRATED_TO } from './persistentvolume-binder/plugins.ts';
import {
  planRecycler,
  RECYCLER_NAMESPACE,
  RECYCLER_TIMEOUTS,
  recyclerName,
  recyclerRefused,
  type RecyclerTimeouts,
} from './persistentvolume-binder/recycle.ts';
import { provisionedClaim } from './persistentvolume-binder/states.ts';
import { CLAIM_KEY, VOLUME_KEY, Wakes } from './persistentvolume-binder/wakes.ts';
import { Writer } from './persistentvolume-binder/writer.ts';
import { isPodTerminated } from './shared/pods.ts';

const SYNC_MS = 15_000;

export interface VolumeBinderOptions {
  /** How often what waits is looked at again; 15 s unless given. */
  readonly syncMs?: number;
  /** Whether volumes are made on demand; they are unless said otherwise. */
  readonly provisions?: boolean;
  readonly recyclerTimeouts?: RecyclerTimeouts;
}

export function volumeBinder(options: VolumeBinderOptions = {}): Controller {
  return defineKeyController({
    name: 'persistentvolume-controller',
    queue: 'claims',
    identity: 'persistent-volume-binder',
    concurrency: 1,
    create: (setup) => new Binder(setup, options).reconcile,
  });
}

class Binder {
  readonly #setup: Setup;
  readonly #options: VolumeBinderOptions;
  readonly #again: Result;
  readonly #pods: Informer<Pod>;
  readonly #classes: Informer<StorageClass>;
  readonly #wakes: Wakes;
  readonly #claims: Newest<PersistentVolumeClaim>;
  readonly #volumes: Newest<PersistentVolume>;
  /** Volumes whose recyclers were started by this controller, by uid. */
  readonly #recycling = new Set<string>();
  readonly #metrics: VolumeMetrics;
  readonly #times: OperationTimes;

  constructor(setup: Setup, options: VolumeBinderOptions) {
    this.#setup = setup;
    this.#options = options;
    this.#again = { requeueAfterMs: options.syncMs ?? SYNC_MS };
    const claims = setup.watch(PERSISTENT_VOLUME_CLAIM);
    const volumes = setup.watch(PERSISTENT_VOLUME);
    this.#metrics = new VolumeMetrics(setup.metrics, {
      volumes: () => volumes.list(),
      claims: () => claims.list(),
    });
    this.#times = new OperationTimes(setup.metrics, setup.environment.clock);
    this.#claims = new Newest(claims);
    this.#volumes = new Newest(volumes);
    const wakes = new Wakes(claims, volumes);
    this.#wakes = wakes;
    setup.watch(PERSISTENT_VOLUME_CLAIM, (change) => {
      this.#claims.saw(change);
      if (change.type === 'deleted') this.#times.forget(CLAIM_KEY + change.key);
      return wakes.ofClaim(change);
    });
    setup.watch(PERSISTENT_VOLUME, (change) => {
      this.#volumes.saw(change);
      if (change.type === 'deleted') this.#times.succeeded(VOLUME_KEY + change.key);
      return wakes.ofVolume(change);
    });
    this.#classes = setup.watch(STORAGE_CLASS, (change) => wakes.ofClass(change));
    this.#pods = setup.watch(POD, (change) => wakes.ofPod(change));
    this.#pods.index(BY_CLAIM, (pod) => claimsOf(pod).map(({ key }) => key));
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<Result | void> => {
    const { client } = pass;
    const { events } = this.#setup;
    const writer = new Writer({ client, events, claims: this.#claims, volumes: this.#volumes });
    if (key.startsWith(CLAIM_KEY)) {
      const claim = this.#claims.get(key.slice(CLAIM_KEY.length));
      return claim === undefined ? undefined : this.#syncClaim(claim, writer);
    }
    const volume = this.#volumes.get(key.slice(VOLUME_KEY.length));
    return volume === undefined ? undefined : this.#syncVolume(volume, writer, pass);
  };

  async #syncClaim(found: PersistentVolumeClaim, writer: Writer): Promise<Result | void> {
    const marked = migratedClaim(found);
    const claim = marked === undefined ? found : await writer.claim(marked);
    const key = keyOf(claim);
    const plan = planClaim({
      claim,
      volume: this.#volumes.get(claim.spec?.volumeName ?? ''),
      candidates: this.#wakes
        .candidatesOf(claim)
        .flatMap((each) => this.#volumes.get(keyOf(each)) ?? []),
      storageClass: this.#classes.get(storageClassOf(claim)),
      defaultClass: defaultClassOf(this.#classes.list()),
      waitingPods: this.#users(key).flatMap(({ metadata, spec }) =>
        (spec?.nodeName ?? '') === '' ? (metadata?.name ?? '') : [],
      ),
      provisions: this.#options.provisions ?? true,
    });
    return this.#actOnClaim(claim, plan, writer);
  }

  async #actOnClaim(
    claim: PersistentVolumeClaim,
    plan: ClaimPlan,
    writer: Writer,
  ): Promise<Result | void> {
    switch (plan.do) {
      case 'bind': {
        const work = writer.bind(plan.volume, claim);
        return takesAny(claim) ? this.#times.endWith(CLAIM_KEY + keyOf(claim), work) : work;
      }
      case 'default-class':
        return this.#metrics.defaultClass(
          writer.claim({ ...claim, spec: { ...claim.spec, storageClassName: plan.className } }),
        );
      case 'wait':
        if (plan.tell !== undefined) writer.tell(claim, plan.tell);
        await writer.claimPhase(claim, 'Pending');
        return this.#again;
      case 'provision':
        await this.#askFor(claim, plan, writer);
        return this.#again;
      case 'lose':
        if (claim.status?.phase === 'Lost') return;
        await writer.claimPhase(claim, 'Lost');
        return writer.tell(claim, plan.tell);
      case 'fail':
        writer.tell(claim, plan.tell);
        throw new Error(plan.error);
      case 'nothing':
        return;
    }
  }

  /** Names the provisioner on the claim: that is how drivers know. */
  async #askFor(
    claim: PersistentVolumeClaim,
    { provisioner, problem }: Extract<ClaimPlan, { readonly do: 'provision' }>,
    writer: Writer,
  ): Promise<void> {
    const key = CLAIM_KEY + keyOf(claim);
    const failed = (message: string): void => {
      this.#times.failed(key);
      writer.tell(claim, { type: 'Warning', reason: 'ProvisioningFailed', message });
    };
    if (provisioner !== undefined) {
      this.#times.begin(key, provisioner, 'provision');
      const next = provisionedClaim(claim, provisioner);
      try {
        if (next !== undefined) await writer.claim(next);
      } catch (error) {
        failed(`Error saving claim: ${messageOf(error)}`);
        throw error;
      }
    }
    if (problem !== undefined) return failed(problem);
    const message =
      `Waiting for a volume to be created either by the external provisioner '${provisioner ?? ''}' ` +
      'or manually by the system administrator. If volume creation is delayed, please verify that ' +
      'the provisioner is running and correctly registered.';
    writer.tell(claim, { type: 'Normal', reason: 'ExternalProvisioning', message });
  }

  async #syncVolume(found: PersistentVolume, writer: Writer, pass: Pass): Promise<Result | void> {
    const marked = migratedVolume(found);
    const volume = marked === undefined ? found : await writer.volume(marked);
    const claim = await this.#claimOf(volume);
    const plan = planVolume(volume, claim);
    switch (plan.do) {
      case 'phase':
        await writer.volumePhase(volume, plan.phase);
        return;
      case 'wake-claim':
        if (claim !== undefined) this.#setup.enqueue(CLAIM_KEY + keyOf(claim));
        return;
      case 'mismatch':
        writer.tell(volume, plan.ofVolume);
        if (claim !== undefined) writer.tell(claim, plan.ofClaim);
        return this.#again;
      case 'unbind':
        return writer.unbind(volume);
      case 'release': {
        const isReleased = ['Released', 'Failed'].includes(volume.status?.phase ?? '');
        const next = isReleased ? volume : await writer.volumePhase(volume, 'Released');
        return this.#reclaim(next, plan.reclaim, { writer, pass });
      }
    }
  }

  /** The claim that the volume's reference means. What the cache does not know, the server may. */
  async #claimOf({ spec, status }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { name = '', namespace = '', uid = '' } = spec?.claimRef ?? {};
    if (uid === '') return undefined;
    const known = this.#claims.get(keyFor(name, namespace));
    if (known?.metadata?.uid === uid) return known;
    if (known === undefined && ['Released', 'Failed'].includes(status?.phase ?? ''))
      return undefined;
    try {
      const live = await this.#setup.client.get(PERSISTENT_VOLUME_CLAIM, name, namespace);
      return live.metadata?.uid === uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #reclaim(
    volume: PersistentVolume,
    reclaim: Reclaim,
    { writer, pass }: { readonly writer: Writer; readonly pass: Pass },
  ): Promise<Result | void> {
    if (isToBeDeleted(volume)) this.#timeDeletion(volume, reclaim);
    if (reclaim.do === 'leave') return;
    if (reclaim.do === 'recycle') return this.#recycle(volume, writer, pass);
    const { reason, message } = reclaim;
    await writer.volumePhase(volume, 'Failed', { type: 'Warning', reason, message });
  }

  #timeDeletion(volume: PersistentVolume, reclaim: Reclaim): void {
    const key = VOLUME_KEY + keyOf(volume);
    const plugin = deleterOf(volume, this.#classes.get(storageClassOf(volume)));
    this.#times.begin(key, plugin, 'delete');
    if (reclaim.do === 'fail' && plugin === HOST_PATH) this.#times.failed(key);
  }

  async #recycle(volume: PersistentVolume, writer: Writer, { client }: Pass): Promise<Result> {
    const { name = '', namespace = '' } = volume.spec?.claimRef ?? {};
    const claimKey = keyFor(name, namespace);
    const target = { name: recyclerName(volume), namespace: RECYCLER_NAMESPACE };
    const pod = this.#pods.get(keyFor(target.name, target.namespace));
    const uid = volume.metadata?.uid ?? '';
    // A new claim of the old one's name has another volume, and so have its Pods.
    const users = this.#claims.get(claimKey) === undefined ? this.#users(claimKey) : [];
    const plan = planRecycler({
      volume,
      pod,
      isOurs: this.#recycling.has(uid),
      users: users.map(keyOf).toSorted(),
      timeouts: this.#options.recyclerTimeouts ?? RECYCLER_TIMEOUTS,
    });
    if (plan.do === 'start') {
      try {
        await client.create(POD, plan.pod);
        this.#recycling.add(uid);
      } catch (error) {
        if (isAlreadyExists(error)) await ignoreMissing(client.delete(POD, target));
        await writer.volumePhase(volume, 'Failed', recyclerRefused(error));
      }
    }
    if (plan.do === 'tell') writer.tell(volume, plan.tell);
    if (plan.do === 'fail' || plan.do === 'done') {
      if (pod !== undefined) await ignoreMissing(client.delete(POD, target));
      this.#recycling.delete(uid);
    }
    if (plan.do === 'fail') await writer.volumePhase(volume, 'Failed', plan.tell);
    if (plan.do === 'done') {
      writer.tell(volume, plan.tell);
      await writer.unbind(volume);
    }
    return this.#again;
  }

  /** The Pods that use a claim and have not ended. */
  #users(claimKey: string): Pod[] {
    return this.#pods.byIndex(BY_CLAIM, claimKey).filter((pod) => !isPodTerminated(pod));
  }
}

const BY_CLAIM = 'claim';

/** Whether a claim was never bound, and its volume is chosen here. */
function takesAny({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') === '' && metadata?.annotations?.[BIND_COMPLETED] === undefined;
}

/** Here or by the driver that made it; not by one that has taken over from another. */
function isToBeDeleted({ metadata, spec }: PersistentVolume): boolean {
  if ((metadata?.annotations?.[MIGRATED_TO] ?? '') !== '') return false;
  return spec?.persistentVolumeReclaimPolicy === 'Delete';
}

async function ignoreMissing(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
