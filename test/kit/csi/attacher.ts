/** Answers VolumeAttachments: attaches, detaches, and says what failed. */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import type { VolumeAttachment, VolumeAttachmentStatus } from '#api/gen/storage-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import { sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { type Controller, defineKeyController, type Setup } from '#reconcile/controller.ts';
import { DRIVER } from './backend.ts';
import type { CsiContext } from './driver.ts';

const FINALIZER = 'external-attacher/csi-example-com';
const BACKOFF = { firstMs: 1_000, msMax: 300_000 };

export function attacher(context: CsiContext): Controller {
  return defineKeyController({
    name: 'external-attacher',
    concurrency: 100,
    backoff: BACKOFF,
    create: (setup) => {
      const attachments = setup.watch(VOLUME_ATTACHMENT, ({ key }) => [key]);
      const attaching = new Attaching(setup, context);
      return async (key, { client }) => {
        const attachment = attachments.get(key);
        if (attachment?.spec?.attacher !== DRIVER) return;
        if (attachment.metadata?.deletionTimestamp !== undefined)
          await attaching.detach(attachment, client);
        else if (attachment.status?.attached !== true) await attaching.attach(attachment, client);
      };
    },
  });
}

class Attaching {
  readonly #setup: Setup;
  readonly #context: CsiContext;

  constructor(setup: Setup, context: CsiContext) {
    this.#setup = setup;
    this.#context = context;
  }

  async attach(attachment: VolumeAttachment, client: Client): Promise<void> {
    const { backend, behaviour, environment } = this.#context;
    const { name = '', finalizers = [] } = attachment.metadata ?? {};
    if (!finalizers.includes(FINALIZER)) {
      const patch = { metadata: { finalizers: [...finalizers, FINALIZER] } };
      await client.patch(VOLUME_ATTACHMENT, { name }, 'merge', patch);
    }
    const { nodeName = '', source } = attachment.spec ?? {};
    await sleep(environment, behaviour.attachMs, this.#setup.signal);
    this.#setup.signal.throwIfAborted();
    try {
      const volume = await client.get(PERSISTENT_VOLUME, source?.persistentVolumeName ?? '');
      backend.publish(volume.spec?.csi?.volumeHandle ?? '', nodeName);
    } catch (error) {
      await this.#say(name, { attached: false, attachError: this.#problem(error) }, client);
      throw error;
    }
    await this.#say(name, { attached: true }, client);
  }

  async detach(attachment: VolumeAttachment, client: Client): Promise<void> {
    const { backend, behaviour, environment } = this.#context;
    const { name = '', finalizers = [] } = attachment.metadata ?? {};
    if (!finalizers.includes(FINALIZER)) return;
    const { nodeName = '', source } = attachment.spec ?? {};
    await sleep(environment, behaviour.detachMs, this.#setup.signal);
    this.#setup.signal.throwIfAborted();
    try {
      // The name of a volume of this driver is its handle.
      backend.unpublish(source?.persistentVolumeName ?? '', nodeName);
    } catch (error) {
      const attached = attachment.status?.attached ?? false;
      await this.#say(name, { attached, detachError: this.#problem(error) }, client);
      throw error;
    }
    const patch = { metadata: { finalizers: finalizers.filter((each) => each !== FINALIZER) } };
    await client.patch(VOLUME_ATTACHMENT, { name }, 'merge', patch);
  }

  #problem(error: unknown): NonNullable<VolumeAttachmentStatus['attachError']> {
    return { message: messageOf(error), time: timeText(this.#context.environment.clock.now()) };
  }

  async #say(name: string, status: VolumeAttachmentStatus, client: Client): Promise<void> {
    const patch = { status: { attachError: null, detachError: null, ...status } };
    const options = { subresource: 'status' } as const;
    try {
      await client.patch(VOLUME_ATTACHMENT, { name }, 'merge', patch, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
