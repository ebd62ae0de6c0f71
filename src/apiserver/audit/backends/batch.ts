/**
 * Gathers events, and passes them on together, behind the backs of those who wait for answers.
 *
 * A batch goes out when it is full, and when its first event has waited long enough. Whoever passes
 * it on takes as long as it takes, while others follow; beyond `SENDING_MAX` of them they wait here.
 * What finds no room is lost, and counted.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/audit/buffered/buffered.go. Different
 * from it, on purpose: the bytes that wait have a limit too, and so have batches under way.
 */
import type { Environment, Timer } from '#base/env.ts';
import { TokenBucket } from '#base/token-bucket.ts';
import type { AuditEvent } from '../event.ts';
import type { AuditMetrics } from '../metrics.ts';
import type { BatchOptions } from '../options.ts';
import type { AuditBackend } from './backend.ts';

/** Batches under way at a time. */
const SENDING_MAX = 50;
/** Of all events that wait, bytes. */
const WAITING_BYTES_MAX = 256 * 1024 * 1024;

export interface BatchServices {
  readonly environment: Environment;
  readonly metrics: AuditMetrics;
  /** Of one batch; no limit without it. */
  readonly maxBatchBytes?: number;
  /** Of all batches: one waits for the other. */
  readonly oneAtATime?: boolean;
}

export class BatchBackend implements AuditBackend {
  readonly #inner: AuditBackend;
  readonly #options: BatchOptions;
  readonly #services: BatchServices;
  readonly #bucket: TokenBucket | undefined;
  readonly #sendingMax: number;
  readonly #waiting: AuditEvent[] = [];
  #waitingBytes = 0;
  /** Events whose time has come: they go out although the batch is not full. */
  #due = 0;
  #timer: Timer | undefined;
  /** Set while the rate allows no batch yet. */
  #throttle: Timer | undefined;
  /** The rate has granted a batch that is not out yet. */
  #hasGrant = false;
  #sending = 0;
  #onEmpty: (() => void) | undefined;
  #isStopped = false;

  constructor(inner: AuditBackend, options: BatchOptions, services: BatchServices) {
    this.#inner = inner;
    this.#options = options;
    this.#services = services;
    this.#sendingMax = services.oneAtATime === true ? 1 : SENDING_MAX;
    const { throttle } = options;
    if (throttle !== undefined)
      this.#bucket = new TokenBucket(throttle, services.environment.clock);
  }

  /** Always true: nobody waits for what becomes of them. */
  process(events: readonly AuditEvent[]): boolean {
    const { metrics } = this.#services;
    if (this.#isStopped) {
      metrics.lost('buffered', events.length, 'audit backend shut down');
      return true;
    }
    let lost = 0;
    for (const event of events) {
      const { size } = event;
      const hasRoom =
        this.#waiting.length < this.#options.bufferSize &&
        this.#waitingBytes + size <= WAITING_BYTES_MAX;
      if (!hasRoom) {
        lost += 1;
        continue;
      }
      this.#waiting.push(event);
      this.#waitingBytes += size;
    }
    if (lost > 0) metrics.lost('buffered', lost, 'audit buffer queue blocked');
    this.#pass();
    return true;
  }

  hasten(): void {
    this.#inner.hasten();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#due = this.#waiting.length;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    this.#pass();
    await empty;
    await this.#inner.stop();
  }

  /** Passes on what may go, and sees to it that the rest is not forgotten. */
  #pass(): void {
    while (this.#mayGo() && this.#isGranted()) this.#send(this.#take());
    if (this.#waiting.length > 0 && this.#due === 0 && this.#timer === undefined)
      this.#timer = this.#services.environment.timers.after(this.#options.maxWaitMs, () => {
        this.#timer = undefined;
        this.#due = this.#waiting.length;
        this.#pass();
      });
    if (this.#waiting.length === 0 && this.#sending === 0) this.#onEmpty?.();
  }

  #mayGo(): boolean {
    const isReady = this.#due > 0 || this.#waiting.length >= this.#options.maxSize;
    return isReady && this.#sending < this.#sendingMax;
  }

  #isGranted(): boolean {
    if (this.#bucket === undefined || this.#hasGrant) return true;
    if (this.#throttle !== undefined) return false;
    const waitMs = this.#bucket.take();
    this.#hasGrant = true;
    if (waitMs === 0) return true;
    this.#hasGrant = false;
    this.#throttle = this.#services.environment.timers.after(waitMs, () => {
      this.#throttle = undefined;
      this.#hasGrant = true;
      this.#pass();
    });
    return false;
  }

  #take(): readonly AuditEvent[] {
    this.#hasGrant = false;
    const { maxBatchBytes = Number.POSITIVE_INFINITY } = this.#services;
    let count = 0;
    let bytes = 0;
    for (const { size } of this.#waiting) {
      if (count === this.#options.maxSize || (count > 0 && bytes + size > maxBatchBytes)) break;
      count += 1;
      bytes += size;
    }
    const batch = this.#waiting.splice(0, count);
    this.#waitingBytes -= bytes;
    this.#due = Math.max(0, this.#due - count);
    this.#timer?.cancel();
    this.#timer = undefined;
    return batch;
  }

  #send(batch: readonly AuditEvent[]): void {
    this.#sending += 1;
    void Promise.resolve(this.#inner.process(batch)).then(() => {
      this.#sending -= 1;
      this.#pass();
    });
  }
}
