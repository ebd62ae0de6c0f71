/** Makes volumes for claims that name the driver, and deletes them when nobody wants them. */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { NODE } from '#api/core/node.ts';
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import { sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { type Controller, defineKeyController, type Setup } from '#reconcile/controller.ts';
import { DRIVER } from './backend.ts';
import type { CsiContext } from './driver.ts';

const FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const CLAIM_KEY = 'claim:';
const VOLUME_KEY = 'volume:';
const BACKOFF = { firstMs: 1_000, msMax: 300_000 };

export function provisioner(context: CsiContext): Controller {
  return defineKeyController({
    name: DRIVER,
    concurrency: 100,
    backoff: BACKOFF,
    create: (setup) => {
      const provisioning = new Provisioning(setup, context);
      return (key, { client }) => provisioning.sync(key, client);
    },
  });
}

class Provisioning {
  readonly #setup: Setup;
  readonly #context: CsiContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;

  constructor(setup: Setup, context: CsiContext) {
    this.#setup = setup;
    this.#context = context;
    this.#claims = setup.watch(PERSISTENT_VOLUME_CLAIM, ({ key }) => [CLAIM_KEY + key]);
    this.#volumes = setup.watch(PERSISTENT_VOLUME, ({ key }) => [VOLUME_KEY + key]);
    this.#classes = setup.watch(STORAGE_CLASS);
  }

  async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith(CLAIM_KEY)) {
      const claim = this.#claims.get(key.slice(CLAIM_KEY.length));
      if (claim !== undefined) await this.#provision(claim, client);
      return;
    }
    const volume = this.#volumes.get(key.slice(VOLUME_KEY.length));
    if (volume !== undefined) await this.#reclaim(volume, client);
  }

  async #provision(claim: PersistentVolumeClaim, client: Client): Promise<void> {
    const { backend, behaviour, environment } = this.#context;
    const { annotations = {}, uid = '' } = claim.metadata ?? {};
    const storageClass = this.#classes.get(storageClassOf(claim));
    const name = `pvc-${uid}`;
    if ((claim.spec?.volumeName ?? '') !== '' || annotations[PROVISIONER] !== DRIVER) return;
    if (storageClass === undefined || this.#volumes.get(name) !== undefined) return;
    const isLate = storageClass.volumeBindingMode === 'WaitForFirstConsumer';
    const selectedNode = annotations[SELECTED_NODE];
    if (isLate && selectedNode === undefined) return;
    await sleep(environment, behaviour.provisionMs, this.#setup.signal);
    this.#setup.signal.throwIfAborted();
    const failure = behaviour.failure('provision', claim.metadata?.name ?? '');
    if (failure !== undefined) {
      const className = storageClass.metadata?.name ?? '';
      const message = `failed to provision volume with StorageClass "${className}": ${failure}`;
      this.#setup.events.event({
        about: claim,
        type: 'Warning',
        reason: 'ProvisioningFailed',
        message,
      });
      // Another node may have room.
      if (isLate) await this.#forgetNode(claim, client);
      throw new Error(message);
    }
    const bytes = claim.spec?.resources?.requests?.['storage'] ?? '0';
    const isShared = (claim.spec?.accessModes ?? []).some((mode) => mode.endsWith('Many'));
    backend.create(name, { bytes, isShared });
    const affinity = await this.#affinity(selectedNode, client);
    try {
      await client.create(PERSISTENT_VOLUME, volumeOf(claim, { storageClass, name, affinity }));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const message = `Successfully provisioned volume ${name}`;
    this.#setup.events.event({
      about: claim,
      type: 'Normal',
      reason: 'ProvisioningSucceeded',
      message,
    });
  }

  async #forgetNode(claim: PersistentVolumeClaim, client: Client): Promise<void> {
    const { name = '', namespace = '' } = claim.metadata ?? {};
    const patch = { metadata: { annotations: { [SELECTED_NODE]: null } } };
    await client.patch(PERSISTENT_VOLUME_CLAIM, { name, namespace }, 'merge', patch);
  }

  async #affinity(
    selectedNode: string | undefined,
    client: Client,
  ): Promise<Pick<NonNullable<PersistentVolume['spec']>, 'nodeAffinity'>> {
    const { topologyKey: key } = this.#context;
    if (key === undefined) return {};
    const nodes = (await client.list(NODE)).items;
    const node = nodes.find(({ metadata }) => metadata?.name === selectedNode) ?? nodes[0];
    const values = [node?.metadata?.labels?.[key] ?? ''];
    const nodeSelectorTerms = [{ matchExpressions: [{ key, operator: 'In' as const, values }] }];
    return { nodeAffinity: { required: { nodeSelectorTerms } } };
  }

  /** A volume that no claim wants any more goes, once it is on no node. */
  async #reclaim(volume: PersistentVolume, client: Client): Promise<void> {
    const { metadata, spec, status } = volume;
    const { name = '', annotations, finalizers = [] } = metadata ?? {};
    if (annotations?.[PROVISIONED_BY] !== DRIVER || status?.phase !== 'Released') return;
    if (spec?.persistentVolumeReclaimPolicy !== 'Delete' || !finalizers.includes(FINALIZER)) return;
    const attachments = (await client.list(VOLUME_ATTACHMENT)).items;
    const attachment = attachments.find((each) => each.spec?.source.persistentVolumeName === name);
    try {
      if (attachment !== undefined)
        throw new Error(
          `persistentvolume ${name} is still attached to node ${attachment.spec?.nodeName ?? ''}`,
        );
      this.#context.backend.delete(spec.csi?.volumeHandle ?? '');
    } catch (error) {
      const message = messageOf(error);
      this.#setup.events.event({
        about: volume,
        type: 'Warning',
        reason: 'VolumeFailedDelete',
        message,
      });
      throw error;
    }
    await ignoreMissing(client.delete(PERSISTENT_VOLUME, { name }));
    const kept = finalizers.filter((each) => each !== FINALIZER);
    const patch = { metadata: { finalizers: kept } };
    await ignoreMissing(client.patch(PERSISTENT_VOLUME, { name }, 'merge', patch));
  }
}

function volumeOf(
  claim: PersistentVolumeClaim,
  {
    storageClass,
    name,
    affinity,
  }: {
    readonly storageClass: StorageClass;
    readonly name: string;
    readonly affinity: Pick<NonNullable<PersistentVolume['spec']>, 'nodeAffinity'>;
  },
): PersistentVolume {
  const {
    name: claimName = '',
    namespace = '',
    uid = '',
    resourceVersion = '',
  } = claim.metadata ?? {};
  const { accessModes = [], volumeMode = 'Filesystem', resources } = claim.spec ?? {};
  return {
    metadata: { name, annotations: { [PROVISIONED_BY]: DRIVER }, finalizers: [FINALIZER] },
    spec: {
      accessModes: [...accessModes],
      volumeMode,
      capacity: { storage: resources?.requests?.['storage'] ?? '0' },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        name: claimName,
        namespace,
        uid,
        resourceVersion,
      },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata?.name ?? '',
      csi: { driver: DRIVER, volumeHandle: name },
      ...affinity,
    },
  };
}

async function ignoreMissing(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
