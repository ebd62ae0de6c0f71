/**
 * A simulated CSI driver: what runs beside a real one in a cluster (provisioner, attacher, resizer,
 * and what registers it on nodes), over storage in memory. Operations take virtual time and fail as
 * the test says. It reaches the API server as everybody does, and can be stopped and started.
 *
 * Sources: the external-provisioner, external-attacher and external-resizer of
 * https://kubernetes-csi.github.io/docs/sidecar-containers.html.
 */
import { NODE } from '#api/core/node.ts';
import type { CSINode } from '#api/gen/storage-v1.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { CSI_NODE } from '#api/storage/csi-node.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import type { Environment } from '#base/env.ts';
import type { Identity } from '#client/in-process.ts';
import type { Client } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { Manager } from '#reconcile/manager.ts';
import { attacher } from './attacher.ts';
import { type Behaviour, CsiBackend, DRIVER } from './backend.ts';
import { provisioner } from './provisioner.ts';
import { resizer } from './resizer.ts';

const IDENTITY: Identity = { name: DRIVER, groups: ['system:masters'] };

export interface CsiOptions {
  /** Whether volumes are attached to nodes; they are unless said otherwise. */
  readonly attachRequired?: boolean;
  /** Volumes of one node's value of this label cannot be used on nodes of another. */
  readonly topologyKey?: string;
}

export interface CsiContext extends CsiOptions {
  readonly environment: Environment;
  readonly backend: CsiBackend;
  readonly behaviour: Behaviour;
}

export class SimulatedCsiDriver {
  readonly behaviour: Behaviour = {
    provisionMs: 300,
    attachMs: 300,
    detachMs: 300,
    resizeMs: 300,
    failure: () => undefined,
  };
  readonly backend = new CsiBackend(this.behaviour);
  readonly #options: CsiOptions;
  #manager: Manager | undefined;
  #stopping = new AbortController();

  constructor(options: CsiOptions = {}) {
    this.#options = options;
  }

  /**
   * Makes the CSIDriver and two StorageClasses: `fast`, the default, and `late`, whose volumes wait
   * for their first consumer. Both allow to grow.
   */
  async install(client: Client): Promise<void> {
    const { attachRequired = true } = this.#options;
    await client.create(CSI_DRIVER, { metadata: { name: DRIVER }, spec: { attachRequired } });
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const shared = { provisioner: DRIVER, allowVolumeExpansion: true };
    await client.create(STORAGE_CLASS, { metadata: { name: 'fast', annotations }, ...shared });
    await client.create(STORAGE_CLASS, {
      metadata: { name: 'late' },
      ...shared,
      volumeBindingMode: 'WaitForFirstConsumer',
    });
  }

  /** Starts anew over the same storage. */
  start(
    environment: Environment,
    clientOf: (identity: Identity, signal: AbortSignal) => Client,
  ): void {
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    const client = clientOf(IDENTITY, signal);
    const { backend, behaviour } = this;
    const context = { ...this.#options, environment, backend, behaviour };
    const controllers = [
      registrar(this.#options),
      provisioner(context),
      attacher(context),
      resizer(context),
    ];
    const informers = new InformerFactory({ client, environment });
    const clientFor = (): Client => client;
    this.#manager = new Manager({ controllers, informers, environment, clientFor });
    this.#manager.start(signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#manager?.stopped();
  }
}

/** The driver is on each node. */
function registrar({ topologyKey }: CsiOptions): Controller {
  return defineKeyController({
    name: 'csi-node-registrar',
    create: (setup) => {
      const nodes = setup.watch(NODE, ({ key }) => [key]);
      const registered = setup.watch(CSI_NODE, ({ key }) => [key]);
      return async (name, { client }) => {
        const node = nodes.get(name);
        if (node === undefined || registered.get(name) !== undefined) return;
        const { uid = '' } = node.metadata ?? {};
        const topologyKeys = topologyKey === undefined ? [] : [topologyKey];
        const csiNode: CSINode = {
          metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
          spec: { drivers: [{ name: DRIVER, nodeID: name, topologyKeys }] },
        };
        try {
          await client.create(CSI_NODE, csiNode);
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
        }
      };
    },
  });
}
