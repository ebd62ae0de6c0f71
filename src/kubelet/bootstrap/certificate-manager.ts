/**
 * Keeps one certificate of a node in force: asks for the next one in time, each with a key of its
 * own, stores it, and tells who uses it.
 *
 * Source: Kubernetes documentation, "Configure Certificate Rotation for the Kubelet"; upstream
 * staging/src/k8s.io/client-go/util/certificate/certificate_manager.go, v1.36.
 */
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import type { CertificateOrder } from './certificate-order.ts';
import type { CertificateStore } from './certificate-store.ts';
import { type CertificatePair, type CreateKey, validityOf } from './key-pair.ts';
import { requestCertificate } from './request-certificate.ts';
import { covers, isSignedBy, rotationDeadlineMs } from './rotation.ts';

/** Between attempts: upstream's first and last pause, doubled from one to the next. */
const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 32_000;
/** The longest that is slept at once: clocks are set, and timers have a limit. */
const SLEEP_MAX_MS = 60 * 60_000;

export interface CertificateManagerOptions {
  readonly environment: Environment;
  readonly store: Pick<CertificateStore, 'current' | 'update'>;
  /** Shows the node's client certificate that is in force. */
  readonly client: Client;
  readonly order: CertificateOrder;
  readonly createKey: CreateKey;
  /**
   * PEM of the authority that signs; a certificate of another one that is there at the start is
   * replaced at once. Undefined: whoever signed it.
   */
  readonly signer?: string;
  /** Called with each certificate that comes to count; not with the one that was there. */
  readonly onCertificate: (pair: CertificatePair) => void;
}

export class CertificateManager {
  readonly #options: CertificateManagerOptions;
  #current: CertificatePair | undefined;
  /** Who signs may be another one than the authority that is known: then once is enough. */
  #hasAsked = false;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
  }

  /** Runs until `signal` is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { environment, store } = this.#options;
    this.#current = await store.current().catch(() => undefined);
    while (!signal.aborted) {
      await this.#untilDue(signal);
      for (let pauseMs = RETRY_FIRST_MS; !signal.aborted; ) {
        if (await this.#rotate(signal)) break;
        await sleep(environment, pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS);
      }
    }
  }

  /** At once where there is none, one for other names, or one of an authority of before. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const { environment, order, signer } = this.#options;
    const current = this.#current;
    if (current === undefined || !covers(current.certificate, order.names)) return;
    if (!this.#hasAsked && signer !== undefined && !isSignedBy(current.certificate, signer)) return;
    const share = environment.random.next();
    const dueMs = rotationDeadlineMs(validityOf(current.certificate), share);
    for (;;) {
      const leftMs = dueMs - environment.clock.now();
      if (leftMs <= 0 || signal.aborted) return;
      await sleep(environment, Math.min(leftMs, SLEEP_MAX_MS), signal);
    }
  }

  async #rotate(signal: AbortSignal): Promise<boolean> {
    const { environment, store, client, order, createKey, onCertificate } = this.#options;
    const { log, clock } = environment;
    try {
      const keys = createKey();
      const pair = await requestCertificate({ environment, client, order, keys, signal });
      await store.update(pair, clock.now());
      this.#current = pair;
      this.#hasAsked = true;
      onCertificate(pair);
      log.info('a certificate was rotated', { signer: order.signer });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      log.warn('cannot rotate a certificate', { signer: order.signer, error: messageOf(error) });
      return false;
    }
  }
}
