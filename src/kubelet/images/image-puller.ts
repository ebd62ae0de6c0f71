/**
 * Sees to it that the image of a container is on the node, by its pull policy.
 *
 * Upstream: pkg/kubelet/images/image_manager.go, v1.36.
 */
import type { PodSandboxConfig } from '#api/gen/cri-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { aggregate } from '../config/validate.ts';
import type { ImageUser } from '../container/security-context.ts';
import type { Cri } from '../cri/cri.ts';
import type { KubeletEvent, PodEvents } from '../events.ts';
import { formatGoDuration } from '../go-format.ts';
import { BackoffTable } from '../pod/backoff.ts';
import { plainMessage, StartError } from '../pod/start-error.ts';
import { repositoryOf, withDefaultTag } from './image-name.ts';
import type { FoundCredentials, PullCredentials } from './pull-credentials.ts';
import type { PullGate } from './pull-gate.ts';
import type { PullVerifier } from './pull-verifier.ts';
import type { TrackedCredentials } from './tracked-credentials.ts';

export interface FoundImage {
  /** As the runtime takes it to make a container. */
  readonly ref: string;
  readonly user: ImageUser;
}

export type ImageEvent = Pick<KubeletEvent, 'type' | 'reason' | 'message'>;

export interface EnsureImageRequest {
  readonly pod: Pod;
  /** As the pod names it. */
  readonly image: string;
  /** `Always`, `IfNotPresent`, `Never`; `IfNotPresent` unless given. */
  readonly pullPolicy?: string | undefined;
  readonly sandboxConfig: PodSandboxConfig;
  /** It was there a moment ago. */
  readonly found?: FoundImage | undefined;
  /** Reports what happens, about whatever uses the image. */
  readonly tell: (event: ImageEvent) => void;
  /** Of the pod. */
  readonly events: Pick<PodEvents, 'pod'>;
  readonly signal: AbortSignal;
}

export class ImagePuller {
  readonly #cri: Cri;
  readonly #environment: Environment;
  readonly #credentials: Pick<PullCredentials, 'find' | 'forget'>;
  readonly #gate: PullGate;
  readonly #verifier: PullVerifier | undefined;
  readonly #backoff = new BackoffTable();
  /** When the last attempt failed, and how. */
  readonly #failures = new Map<string, { readonly atMs: number; readonly text: string }>();

  constructor(options: {
    readonly cri: Cri;
    readonly environment: Environment;
    readonly credentials: Pick<PullCredentials, 'find' | 'forget'>;
    readonly gate: PullGate;
    /** Undefined: every pod may use every image that is there. */
    readonly verifier?: PullVerifier | undefined;
  }) {
    this.#verifier = options.verifier;
    this.#gate = options.gate;
    this.#cri = options.cri;
    this.#environment = options.environment;
    this.#credentials = options.credentials;
  }

  /** Rejects with StartError. */
  async ensure(request: EnsureImageRequest): Promise<FoundImage> {
    const { image: requested, pullPolicy: policy = 'IfNotPresent' } = request;
    const image = this.#named(request, requested);
    const present = request.found ?? (await this.#inspect(request, image));
    const find = onceOnly(() => this.#credentials.find(request.pod, repositoryOf(image)));
    if (
      present !== undefined &&
      policy !== 'Always' &&
      !(await this.#mustPull(requested, present, find))
    ) {
      const accessible = this.#verifier === undefined ? '' : ' and can be accessed by the pod';
      const message = `Container image "${requested}" already present on machine${accessible}`;
      request.tell({ type: 'Normal', reason: 'Pulled', message });
      return present;
    }
    if (policy === 'Never') {
      // Who may not use an image is not told that it is there.
      const message = `Container image "${requested}" is not present with pull policy of Never`;
      request.tell({ type: 'Warning', reason: 'ErrImageNeverPull', message });
      throw new StartError('ErrImageNeverPull', message);
    }
    return this.#pull(request, image, find);
  }

  /** A look ahead. Undefined: it is not there, or `ensure` will say what is wrong with it. */
  async find(image: string): Promise<FoundImage | undefined> {
    try {
      return await this.#find(withDefaultTag(image));
    } catch {
      return undefined;
    }
  }

  /** Forgets pulls of images other than `refs`, found by a collection that began at `sinceMs`. */
  async prune(refs: readonly string[], sinceMs: number): Promise<void> {
    await this.#verifier?.prune(refs, sinceMs);
  }

  async #mustPull(image: string, { ref }: FoundImage, find: FindCredentials): Promise<boolean> {
    const credentials = async () => (await find()).credentials;
    const request = { image, imageRef: ref, credentials };
    return (await this.#verifier?.mustPull(request)) ?? false;
  }

  /** Forgets what it knows of a pod that is gone. */
  forget(podUid: string): void {
    this.#backoff.forget(podUid);
    this.#credentials.forget(podUid);
    for (const key of this.#failures.keys()) {
      if (key.startsWith(podUid)) this.#failures.delete(key);
    }
  }

  #named({ tell }: EnsureImageRequest, requested: string): string {
    try {
      return withDefaultTag(requested);
    } catch (error) {
      const text = `Failed to apply default image tag "${requested}": ${plainMessage(error)}`;
      tell({ type: 'Warning', reason: 'InspectFailed', message: text });
      throw new StartError('InvalidImageName', text);
    }
  }

  async #inspect(request: EnsureImageRequest, image: string): Promise<FoundImage | undefined> {
    try {
      return await this.#find(image);
    } catch (error) {
      const message = `Failed to inspect image "${image}": ${String(plainMessage(error))}`;
      request.tell({ type: 'Warning', reason: 'InspectFailed', message });
      throw new StartError('ImageInspectError', message);
    }
  }

  async #find(image: string): Promise<FoundImage | undefined> {
    const { image: found } = await this.#cri.call('imageStatus', { image: { image } });
    if (found?.id === undefined) return undefined;
    const { username = '' } = found;
    // An image that names no user runs as root.
    const uid = found.uid === undefined && username !== '' ? undefined : (found.uid?.value ?? 0);
    return { ref: found.id, user: { username, ...(uid === undefined ? {} : { uid }) } };
  }

  async #pull(
    request: EnsureImageRequest,
    image: string,
    find: FindCredentials,
  ): Promise<FoundImage> {
    const { pod, image: requested } = request;
    const { clock } = this.#environment;
    const key = `${pod.metadata?.uid ?? ''}_${image}`;
    this.#checkBackoff(request, image, key);
    await this.#begin(requested);
    const startedMs = clock.monotonicMs();
    request.tell({
      type: 'Normal',
      reason: 'Pulling',
      message: `Pulling image "${image}"`,
    });
    let turnMs = startedMs;
    let used: TrackedCredentials | undefined;
    try {
      used = await this.#gate.run(() => {
        turnMs = clock.monotonicMs();
        return this.#pullWithCredentials(request, image, find);
      }, request.signal);
    } catch (error) {
      await this.#verifier?.failed(requested);
      if (request.signal.aborted) throw new StartError('ErrImagePull', 'context canceled');
      throw this.#pullFailed(request, image, key, error);
    }
    this.#failures.delete(key);
    this.#backoff.forget(key);
    const found = await this.#inspect(request, image);
    if (found === undefined) throw new StartError('ErrImagePull', `image "${image}" not found`);
    await this.#verifier?.pulled(requested, found.ref, used);
    const since = (ms: number): string => formatGoDuration(Math.round(clock.monotonicMs() - ms));
    const [took, withWait] = [since(turnMs), since(startedMs)];
    const size = await this.#sizeOf(image);
    request.tell({
      type: 'Normal',
      reason: 'Pulled',
      message: `Successfully pulled image "${image}" in ${took} (${withWait} including waiting). Image size: ${size} bytes.`,
    });
    return found;
  }

  async #begin(image: string): Promise<void> {
    try {
      await this.#verifier?.begin(image);
    } catch (error) {
      const why = `failed to record image pull intent: ${messageOf(error)}`;
      const message = `Failed to record image pull intent for container image "${image}": ${why}`;
      throw new StartError('ErrImagePull', message);
    }
  }

  #checkBackoff(request: EnsureImageRequest, image: string, key: string): void {
    const nowMs = this.#environment.clock.now();
    const waitMs = this.#backoff.waitMs(key, this.#failures.get(key)?.atMs ?? 0, nowMs);
    if (waitMs === 0) return;
    const text = `Back-off pulling image "${image}"`;
    request.tell({
      type: 'Normal',
      reason: 'BackOff',
      message: text,
    });
    const before = this.#failures.get(key)?.text;
    const message = before === undefined ? text : `${text}: ${before}`;
    throw new StartError('ImagePullBackOff', message, nowMs + waitMs);
  }

  #pullFailed(
    { tell }: EnsureImageRequest,
    image: string,
    key: string,
    error: unknown,
  ): StartError {
    tell({
      type: 'Warning',
      reason: 'Failed',
      message: `Failed to pull image "${image}": ${messageOf(error)}`,
    });
    const failure = pullError(image, error);
    const nowMs = this.#environment.clock.now();
    this.#backoff.next(key, nowMs, nowMs);
    this.#failures.set(key, { atMs: nowMs, text: `${failure.reason}: ${failure.message}` });
    return failure;
  }

  /** Each set of credentials that fits is tried; without any, anonymously. Gives what was accepted. */
  async #pullWithCredentials(
    { events, sandboxConfig, signal }: EnsureImageRequest,
    image: string,
    find: FindCredentials,
  ): Promise<TrackedCredentials | undefined> {
    const found = await find();
    if (found.missingSecrets.length > 0)
      events.pod(
        'Warning',
        'FailedToRetrieveImagePullSecret',
        `Unable to retrieve some image pull secrets (${found.missingSecrets.join(', ')}); attempting to pull the image may not succeed.`,
      );
    const tries: readonly (TrackedCredentials | undefined)[] =
      found.credentials.length > 0 ? found.credentials : [undefined];
    const failures: unknown[] = [];
    for (const credentials of tries) {
      const asked = { image: { image }, sandboxConfig, ...authOf(credentials) };
      try {
        await this.#cri.call('pullImage', asked, { signal });
        return credentials;
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures.length === 1 ? failures[0] : new Error(aggregate(failures.map(messageOf)));
  }

  async #sizeOf(image: string): Promise<number> {
    const { image: found } = await this.#cri.call('imageStatus', { image: { image } });
    return found?.size ?? 0;
  }
}

type FindCredentials = () => Promise<FoundCredentials>;

/** They may be wanted twice, and their providers are asked once. */
function onceOnly(find: FindCredentials): FindCredentials {
  let found: Promise<FoundCredentials> | undefined;
  return () => (found ??= find());
}

function authOf(credentials: TrackedCredentials | undefined) {
  if (credentials === undefined) return {};
  const { username, password } = credentials;
  return { auth: { username, password } };
}

/** What runtimes begin a message with when they know more than that it failed. */
const REASONS: Readonly<Record<string, string>> = {
  RegistryUnavailable: 'the registry is unavailable',
  SignatureValidationFailed: 'the signature validation failed',
};

/** Source: k8s.io/cri-api/pkg/errors; upstream evalCRIPullErr. */
function pullError(image: string, error: unknown): StartError {
  const plain = plainMessage(error);
  for (const [reason, words] of Object.entries(REASONS))
    if (plain.startsWith(reason)) {
      const rest = plain.slice(reason.length);
      return new StartError(reason, `image pull failed for ${image} because ${words}${rest}`);
    }
  return new StartError('ErrImagePull', messageOf(error));
}
