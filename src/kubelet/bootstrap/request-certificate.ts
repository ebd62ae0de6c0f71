/**
 * Asks for a certificate and waits, by a watch, until it is made, refused, or the time is over.
 *
 * Source: upstream staging/src/k8s.io/client-go/util/certificate/csr/csr.go, v1.36.
 */
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { isAlreadyExists, StatusError } from '#api/meta/status.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { Backoff } from '#client/backoff.ts';
import type { Client } from '#client/client.ts';
import { BootstrapError } from './bootstrap-error.ts';
import {
  type CertificateOrder,
  type KeyObjects,
  outcomeOf,
  signingRequest,
} from './certificate-order.ts';
import { type CertificatePair, isPair, keyText } from './key-pair.ts';

/** Upstream's. */
const WAIT_MS = 15 * 60_000;

export interface RequestOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly order: CertificateOrder;
  readonly keys: KeyObjects;
  /** How long to wait for the certificate, milliseconds; 15 minutes unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The certificate with its key. Rejects with BootstrapError when it was refused, or is not there
 * when the time is over; with the API server's error when the request may not be made.
 */
export async function requestCertificate(options: RequestOptions): Promise<CertificatePair> {
  const { environment, order, keys, timeoutMs = WAIT_MS } = options;
  const limit = timeoutSignal(environment, timeoutMs, options.signal);
  const request = signingRequest(order, keys);
  const attempt = new Attempt({ ...options, signal: limit.signal }, request);
  try {
    const certificate = await attempt.certificate();
    if (certificate === undefined) throw new BootstrapError(attempt.late(timeoutMs));
    const pair = { certificate, key: keyText(keys.privateKey) };
    if (isPair(pair)) return pair;
    throw new BootstrapError(
      `the certificate of request ${request.metadata?.name ?? ''} is not for the key it was asked with`,
    );
  } finally {
    limit.release();
  }
}

/** One request from its creation to its answer, over as many connections as it takes. */
class Attempt {
  readonly #options: RequestOptions & { readonly signal: AbortSignal };
  readonly #request: CertificateSigningRequest;
  #isCreated = false;
  #lastError: string | undefined;

  constructor(
    options: RequestOptions & { readonly signal: AbortSignal },
    request: CertificateSigningRequest,
  ) {
    this.#options = options;
    this.#request = request;
  }

  /** Undefined: the signal was first. */
  async certificate(): Promise<string | undefined> {
    const { environment, signal } = this.#options;
    const backoff = new Backoff(environment);
    while (!signal.aborted) {
      try {
        await this.#create();
        const certificate = await this.#await();
        if (certificate !== undefined) return certificate;
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (isFinal(error)) throw error;
        this.#lastError = messageOf(error);
      }
      await sleep(environment, backoff.next(), signal);
    }
    return undefined;
  }

  /** Why there is no certificate, in words. */
  late(timeoutMs: number): string {
    const name = this.#request.metadata?.name ?? '';
    if (this.#options.signal.reason?.name !== 'TimeoutError') return 'the request was given up';
    const seconds = timeoutMs / 1000;
    if (this.#isCreated)
      return `certificate signing request ${name} was not answered within ${seconds} s: approve it (kubectl certificate approve ${name}), and see that the signer ${this.#options.order.signer} runs`;
    return `certificate signing request ${name} could not be made within ${seconds} s: ${this.#lastError ?? 'no answer'}`;
  }

  async #create(): Promise<void> {
    if (this.#isCreated) return;
    try {
      await this.#options.client.create(CERTIFICATE_SIGNING_REQUEST, this.#request);
    } catch (error) {
      // Our own, of before a crash: nobody else has the key that its name is made of.
      if (!isAlreadyExists(error)) throw error;
    }
    this.#isCreated = true;
  }

  /** Undefined: the watch ended. */
  async #await(): Promise<string | undefined> {
    const { client, signal } = this.#options;
    const fieldSelector = `metadata.name=${this.#request.metadata?.name ?? ''}`;
    const { items, resourceVersion } = await client.list(CERTIFICATE_SIGNING_REQUEST, {
      fieldSelector,
    });
    const [found] = items;
    if (found === undefined) {
      // The cleaner takes away what nobody answered: asked anew.
      this.#isCreated = false;
      return undefined;
    }
    const certificate = answerOf(found);
    if (certificate !== undefined) return certificate;
    const done = new AbortController();
    const end = (): void => done.abort();
    signal.addEventListener('abort', end);
    let answer: (() => string | undefined) | undefined;
    try {
      await client.watch<CertificateSigningRequest>(
        CERTIFICATE_SIGNING_REQUEST,
        { fieldSelector, resourceVersion, signal: done.signal },
        ({ type, object }) => {
          if (type === 'DELETED') end();
          else if (type !== 'BOOKMARK' && outcomeOf(object).kind !== 'waiting') {
            answer = () => answerOf(object);
            end();
          }
        },
      );
    } finally {
      signal.removeEventListener('abort', end);
    }
    return answer?.();
  }
}

/** The certificate; undefined: it is waited for. Throws BootstrapError when it was refused. */
function answerOf(request: CertificateSigningRequest): string | undefined {
  const outcome = outcomeOf(request);
  if (outcome.kind === 'refused') throw new BootstrapError(outcome.message);
  return outcome.kind === 'issued' ? outcome.certificate : undefined;
}

/** Codes that say no, whoever asks again. */
const FINAL_CODES = new Set([400, 401, 403, 422]);

function isFinal(error: unknown): boolean {
  if (error instanceof BootstrapError) return true;
  return error instanceof StatusError && FINAL_CODES.has(error.status.code ?? 0);
}
