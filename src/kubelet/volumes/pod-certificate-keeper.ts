/**
 * Keeps one podCertificate source of one pod supplied: asks for a certificate, waits for it, and asks
 * anew in time, with a new key each time.
 *
 * Like a pod's worker it is only told to look again; looks never overlap. Nothing outlives the
 * kubelet: the next one asks anew. Upstream: pkg/kubelet/podcertificate, v1.36.
 */
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { Pod, PodCertificateProjection } from '#api/gen/core-v1.ts';
import type { PrivateKeys } from '#base/doors.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { PodEvents, type KubeletEvents } from '../events.ts';
import { POD_CERTIFICATE_REQUEST, SERVICE_ACCOUNT } from '../resources.ts';
import { keyKindOf, podCertificateRequest } from './pod-certificate-order.ts';
import {
  ageWarnings,
  type Asked,
  askedBy,
  type CertificateState,
  type Credentials,
  credentialsOf,
  type Issued,
  outcomeOf,
  stateName,
  type Warning,
} from './pod-certificate-state.ts';

/** Certificates that were issued together are not renewed together. */
const JITTER_MS = 5 * 60_000;
const RETRY_FIRST_MS = 5;
const RETRY_MAX_MS = 1_000_000;

export interface KeeperDoors {
  readonly client: Client;
  readonly environment: Environment;
  readonly keys: PrivateKeys;
  readonly events: KubeletEvents;
  /** Of this node; its uid is undefined while it is not known. */
  readonly node: () => { readonly name: string; readonly uid: string | undefined };
  /** A request as far as it has been seen. */
  readonly seen: (namespace: string, name: string) => PodCertificateRequest | undefined;
}

export interface KeptSource {
  readonly pod: Pod;
  readonly volume: string;
  /** Which of the sources of the volume. */
  readonly index: number;
  readonly source: PodCertificateProjection;
}

export class PodCertificateKeeper {
  readonly kept: KeptSource;
  readonly #doors: KeeperDoors;
  readonly #events: PodEvents;
  readonly #onChange: () => void;
  /** Undefined before the first look. */
  #state: CertificateState | undefined;
  #dirty = false;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #failures = 0;
  #timer: Timer | undefined;

  /** `onChange`: what the pod is to read, or why it cannot, has changed. */
  constructor(doors: KeeperDoors, kept: KeptSource, onChange: () => void) {
    this.kept = kept;
    this.#doors = doors;
    this.#events = new PodEvents(doors.events, () => kept.pod);
    this.#onChange = onChange;
  }

  /** Undefined before anything was tried. Throws with upstream's message while there are none. */
  get credentials(): Credentials | undefined {
    return this.#state === undefined ? undefined : credentialsOf(this.#state);
  }

  /** As the metric names it; undefined before anything was tried. */
  get stateName(): string | undefined {
    if (this.#state === undefined) return undefined;
    return stateName(this.#state, this.#doors.environment.clock.now());
  }

  /** Looks again, soon. */
  wake(): void {
    this.#dirty = true;
    if (this.#running !== undefined || this.#isStopped) return;
    this.#running = this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#dirty) this.wake();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#isStopped) {
      this.#dirty = false;
      this.#timer?.cancel();
      try {
        await this.#look();
        this.#failures = 0;
      } catch (error) {
        if (this.#isStopped) return;
        this.#retry(error);
      }
    }
  }

  #retry(error: unknown): void {
    const { environment } = this.#doors;
    const { pod, volume, index } = this.kept;
    environment.log.warn('podCertificate source not handled', {
      namespace: pod.metadata?.namespace,
      pod: pod.metadata?.name,
      volume,
      sourceIndex: index,
      error: messageOf(error),
    });
    const delayMs = Math.min(RETRY_FIRST_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures++;
    this.#timer = environment.timers.after(delayMs, () => this.wake());
  }

  async #look(): Promise<void> {
    this.#state ??= { phase: 'initial' };
    const state = this.#state;
    if (state.phase === 'initial')
      this.#state = { phase: 'waiting', asked: await this.#ask('initial') };
    else if (state.phase === 'waiting') this.#lookAtRequest(state);
    else if (state.phase === 'issued') await this.#refresh(state.issued);
  }

  async #refresh(issued: Issued): Promise<void> {
    if (this.#nowMs < issued.refreshAtMs) return;
    const told = this.#tellAge(issued);
    this.#state = { phase: 'issued', issued: told };
    this.#state = { phase: 'waiting', asked: await this.#ask('refresh'), issued: told };
  }

  #lookAtRequest({ asked, issued }: Extract<CertificateState, { phase: 'waiting' }>): void {
    const namespace = this.kept.pod.metadata?.namespace ?? '';
    const request = this.#doors.seen(namespace, asked.name);
    if (request === undefined) {
      const name = JSON.stringify(`${namespace}/${asked.name}`);
      if (this.#nowMs <= asked.abandonAtMs)
        throw new Error(`PodCertificateRequest ${name} is not to be seen`);
      this.#state = issued === undefined ? { phase: 'initial' } : { phase: 'issued', issued };
      throw new Error(`PodCertificateRequest ${name} appears to have been deleted`);
    }
    const outcome = outcomeOf(request, asked, this.#jitterMs());
    if (outcome !== undefined) {
      this.#state = outcome.state;
      if (outcome.warning !== undefined) this.#warn(outcome.warning);
      this.#onChange();
    } else if (issued !== undefined)
      this.#state = { phase: 'waiting', asked, issued: this.#tellAge(issued) };
  }

  #tellAge(issued: Issued): Issued {
    const warnings = ageWarnings(issued, this.#nowMs);
    for (const warning of warnings) this.#warn(warning);
    return { ...issued, told: [...issued.told, ...warnings.map(({ reason }) => reason)] };
  }

  #warn({ reason, message }: Warning): void {
    this.#events.pod('Warning', reason, message);
  }

  get #nowMs(): number {
    return this.#doors.environment.clock.now();
  }

  #jitterMs(): number {
    return this.#doors.environment.random.next() * JITTER_MS;
  }

  /** Makes a key and a request for it. */
  async #ask(which: 'initial' | 'refresh'): Promise<Asked> {
    const { client, keys, node } = this.#doors;
    const { pod, source } = this.kept;
    const account = await client
      .get(SERVICE_ACCOUNT, pod.spec?.serviceAccountName ?? '', pod.metadata?.namespace)
      .catch(failedTo('while fetching service account'));
    const { name, uid } = node();
    if (uid === undefined)
      throw new Error(`while getting node object from local cache: node "${name}" not found`);
    const create = async (): Promise<Asked> => {
      const key = await keys.make(keyKindOf(source.keyType ?? ''));
      const order = {
        pod,
        source,
        serviceAccountUid: account.metadata?.uid ?? '',
        node: { name, uid },
      };
      const made = await client.create(POD_CERTIFICATE_REQUEST, podCertificateRequest(order, key));
      const text = key.export({ type: 'pkcs8', format: 'pem' }).toString();
      return askedBy(made, text, this.#jitterMs());
    };
    return create().catch(failedTo(`while creating ${which} PodCertificateRequest`));
  }
}

function failedTo(doing: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${doing}: ${messageOf(error)}`, { cause: error });
  };
}
