/**
 * What an API server is told of its audit events: which, and where they go.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/server/options/audit.go for modes and
 * numbers.
 */
import type { Policy } from '#api/audit/policy.ts';
import type { Rate } from '#base/token-bucket.ts';
import type { Handler } from '#base/http/message.ts';

/**
 * `batch`: events gather and go out together, behind the answers. `blocking`: an answer waits until
 * its event is where it belongs. `blocking-strict`: and a request whose first event cannot be
 * written is not served.
 */
export const MODES = ['batch', 'blocking', 'blocking-strict'] as const;
export type Mode = (typeof MODES)[number];

export interface BatchOptions {
  /** Events that may wait; what comes beyond that is dropped, and counted. */
  readonly bufferSize: number;
  /** Events that go out together. */
  readonly maxSize: number;
  /** An event waits no longer for others, milliseconds. */
  readonly maxWaitMs: number;
  /** How often batches go out; as often as it takes without it. */
  readonly throttle?: Rate;
}

export interface TruncateOptions {
  /** Events of one batch together, bytes. */
  readonly maxBatchBytes: number;
  /** One event; a larger one loses its bodies, and one that is larger still is dropped. */
  readonly maxEventBytes: number;
}

export interface DeliveryOptions {
  readonly mode: Mode;
  /** Counts in the mode `batch`. */
  readonly batch: BatchOptions;
  /** Without it events go out whole, whatever their size. */
  readonly truncate?: TruncateOptions;
}

/** Where lines go: a file, or standard output. */
export interface LineOutput {
  /** Resolves when `text`, which is whole lines, will outlive this process. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

export const FORMATS = ['legacy', 'json'] as const;
export type Format = (typeof FORMATS)[number];

export interface LogOptions extends DeliveryOptions {
  readonly output: LineOutput;
  readonly format: Format;
}

export interface WebhookOptions extends DeliveryOptions {
  /** The road to the webhook, with its credentials. */
  readonly handler: Handler;
  /** Its path. */
  readonly url: string;
  /** Before the second attempt; each further one waits longer. */
  readonly initialBackoffMs: number;
}

export interface AuditOptions {
  readonly policy: Policy;
  readonly log?: LogOptions;
  readonly webhook?: WebhookOptions;
}
