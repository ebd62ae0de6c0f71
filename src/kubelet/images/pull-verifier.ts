/**
 * Keeps a pod from an image that only another's credentials could pull: remembers with which each
 * image was pulled, and says of an image that is there whether the pod must pull it all the same.
 *
 *   image is there ─▶ policy (pure) ─▶ record of its pull ─▶ the pod's credentials match? ─▶ use, or pull
 *   pull ─▶ record of the intent ─▶ runtime ─▶ record of the credentials ─▶ intent goes
 *
 * Who cannot read or write a record verifies: nothing is used that was not shown to be the pod's.
 *
 * Source: KEP-2535, gate KubeletEnsureSecretPulledImages. Upstream:
 * pkg/kubelet/images/pullmanager/image_pull_manager.go, metrics.go, v1.36.
 */
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import { timeText } from '#api/meta/time.ts';
import type { Cri } from '../cri/cri.ts';
import { repositoryOf, withDefaultTag } from './image-name.ts';
import type { ImagePullCredentials, ImagePullRecords } from './image-pull-records.ts';
import {
  matchCredentials,
  pulledWith,
  type TrackedCredentials,
  withCredentials,
} from './tracked-credentials.ts';
import { mustVerify, type VerificationPolicy } from './verification-policy.ts';

const MS_PER_SECOND = 1000;
const SUBSYSTEM = 'kubelet_imagemanager';

export interface PullVerifierOptions {
  readonly environment: Environment;
  readonly cri: Pick<Cri, 'call'>;
  readonly records: ImagePullRecords;
  readonly policy: VerificationPolicy;
  readonly registry: MetricRegistry;
}

/** An image that is on the node, and who wants to use it. */
export interface VerifyRequest {
  /** As the pod names it. */
  readonly image: string;
  /** As the runtime does. */
  readonly imageRef: string;
  /** Of the pod, for this image; asked for only where they matter. */
  readonly credentials: () => Promise<readonly TrackedCredentials[]>;
}

type Verdict = 'credentialPolicyAllowed' | 'credentialRecordFound' | 'mustAuthenticate' | 'error';

export class PullVerifier {
  readonly #options: PullVerifierOptions;
  readonly #checks: Counter;
  /** By image as pods name it: how many pulls of it are under way. */
  readonly #underWay = new Map<string, number>();
  /** Records are read and written one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PullVerifierOptions) {
    this.#options = options;
    const { records, registry } = options;
    this.#checks = registry.counter(
      alpha(
        `${SUBSYSTEM}_image_mustpull_checks_total`,
        'Counter for how many times kubelet checked whether credentials need to be re-verified to access an image',
        'result',
      ),
    );
    registry.observed(
      alpha(`${SUBSYSTEM}_ondisk_pullintents`, 'Number of ImagePullIntents stored on disk.'),
      () => [[[], records.sizes.intents]],
    );
    registry.observed(
      alpha(`${SUBSYSTEM}_ondisk_pulledrecords`, 'Number of ImagePulledRecords stored on disk.'),
      () => [[[], records.sizes.pulled]],
    );
  }

  /** Whether the pod may use the image only after a pull of its own. Never rejects. */
  async mustPull(request: VerifyRequest): Promise<boolean> {
    const verdict = await this.#verdict(request).catch((error: unknown): Verdict => {
      const { image, imageRef } = request;
      this.#warn('cannot see whether a pod may use an image: it is pulled', error, {
        image,
        imageRef,
      });
      return 'error';
    });
    this.#checks.add([verdict]);
    return verdict === 'mustAuthenticate' || verdict === 'error';
  }

  async #verdict({ image, imageRef, credentials }: VerifyRequest): Promise<Verdict> {
    const { records, policy } = this.#options;
    const repository = repositoryOf(image);
    const record = await this.#inTurn(() => records.pulled(imageRef));
    const isPulled = record !== undefined || records.hasIntent(image);
    if (!mustVerify(policy, repository, isPulled)) return 'credentialPolicyAllowed';
    const recorded = record?.credentialMapping?.[repository];
    if (recorded === undefined) return 'mustAuthenticate';
    if (recorded.nodePodsAccessible === true) return 'credentialRecordFound';
    const match = matchCredentials(recorded, await credentials());
    if (match === 'refused') return 'mustAuthenticate';
    if (match !== 'allowed')
      await this.#record(image, imageRef, { kubernetesSecrets: [match.remember] }).catch(
        (error: unknown) => this.#warn('cannot add to the record of an image', error, { image }),
      );
    return 'credentialRecordFound';
  }

  /**
   * Before a pull; `pulled` or `failed` follows, neither where nobody can tell: then the image counts
   * as pulled until the kubelet starts again. Rejects when it cannot be written, and then nothing is pulled.
   */
  async begin(image: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#options.records.writeIntent(image);
      this.#underWay.set(image, (this.#underWay.get(image) ?? 0) + 1);
    });
  }

  /**
   * The image was pulled with these credentials; undefined: anonymously. Where that cannot be written
   * the intent stays, and so the image counts as pulled. Never rejects.
   */
  async pulled(
    image: string,
    imageRef: string,
    credentials: TrackedCredentials | undefined,
  ): Promise<void> {
    try {
      await this.#record(image, imageRef, pulledWith(credentials));
    } catch (error) {
      this.#warn('cannot write the record of an image', error, { image, imageRef });
      return;
    }
    await this.#end(image);
  }

  /** Nothing was pulled. Never rejects. */
  failed(image: string): Promise<void> {
    return this.#end(image);
  }

  /**
   * Takes up what was left when a kubelet ended in the middle of a pull: an image that is there by now
   * gets a record without credentials, so that the next pod has to show its own. Never rejects.
   */
  settle(): Promise<void> {
    return this.#settle(async () => {});
  }

  /**
   * Forgets images that are not there any more, after a collection that began at `sinceMs` (since 1970)
   * and found `imageRefs`; also pulls that a kubelet left before, whose image never came. Never rejects.
   */
  async prune(imageRefs: readonly string[], sinceMs: number): Promise<void> {
    await this.#settle((image) => this.#options.records.removeIntent(image));
    // Records have whole seconds.
    const since = Math.floor(sinceMs / MS_PER_SECOND) * MS_PER_SECOND;
    await this.#inTurn(() => this.#options.records.keepPulled(imageRefs, since)).catch(
      (error: unknown) => this.#warn('cannot remove records of images', error),
    );
  }

  async #settle(absent: (image: string) => Promise<void>): Promise<void> {
    const { records, cri } = this.#options;
    const broken = (error: unknown): void =>
      this.#warn('cannot read the record of a pull that was begun', error);
    const intents = await this.#inTurn(() => records.intents(broken));
    for (const image of intents) {
      if (this.#underWay.has(image)) continue;
      try {
        const asked = { image: { image: withDefaultTag(image) } };
        const { image: found } = await cri.call('imageStatus', asked);
        if (found?.id !== undefined) await this.#record(image, found.id, undefined);
        await this.#inTurn(async () => {
          // Meanwhile somebody may have begun again.
          if (this.#underWay.has(image)) return;
          await (found?.id === undefined ? absent(image) : records.removeIntent(image));
        });
      } catch (error) {
        this.#warn('cannot take up a pull that was begun', error, { image });
      }
    }
  }

  async #record(
    image: string,
    imageRef: string,
    credentials: ImagePullCredentials | undefined,
  ): Promise<void> {
    const { records, environment } = this.#options;
    await this.#inTurn(async () => {
      // One that cannot be read is written anew.
      const known = await records.pulled(imageRef).catch(() => undefined);
      const lastUpdatedTime = timeText(environment.clock.now());
      const before = known ?? { lastUpdatedTime, imageRef };
      const after = withCredentials(before, repositoryOf(image), credentials);
      if (known === undefined || after !== before)
        await records.writePulled({ ...after, lastUpdatedTime });
    });
  }

  async #end(image: string): Promise<void> {
    await this.#inTurn(async () => {
      const others = (this.#underWay.get(image) ?? 1) - 1;
      if (others > 0) {
        this.#underWay.set(image, others);
        return;
      }
      await this.#options.records.removeIntent(image);
      this.#underWay.delete(image);
    }).catch((error: unknown) =>
      this.#warn('cannot remove the record of a pull that was begun', error, { image }),
    );
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }

  #warn(what: string, error: unknown, more: Readonly<Record<string, string>> = {}): void {
    this.#options.environment.log.warn(what, { ...more, error: messageOf(error) });
  }
}
