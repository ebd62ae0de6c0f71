/**
 * Cuts events that are too large: first their bodies go, then they.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/audit/truncate/truncate.go. Its
 * other half, batches that are cut by their size, is in `batch.ts`: upstream has it where it never
 * sees a batch.
 */
import type { AuditEvent } from '../event.ts';
import type { AuditMetrics } from '../metrics.ts';
import type { AuditBackend } from './backend.ts';

export class TruncateBackend implements AuditBackend {
  readonly #inner: AuditBackend;
  readonly #maxBytes: number;
  readonly #metrics: AuditMetrics;

  constructor(inner: AuditBackend, maxBytes: number, metrics: AuditMetrics) {
    this.#inner = inner;
    this.#maxBytes = maxBytes;
    this.#metrics = metrics;
  }

  process(events: readonly AuditEvent[]): boolean | Promise<boolean> {
    const fitting = events.map((event) => this.#cut(event)).filter((event) => this.#fits(event));
    const lost = events.length - fitting.length;
    if (lost > 0) this.#metrics.lost('truncate', lost, 'event is too large even after truncating');
    return fitting.length === 0 || this.#inner.process(fitting);
  }

  #cut(event: AuditEvent): AuditEvent {
    const { level } = event.head;
    const hasBodies = level === 'Request' || level === 'RequestResponse';
    return this.#fits(event) || !hasBodies ? event : event.truncated();
  }

  #fits(event: AuditEvent): boolean {
    return event.size <= this.#maxBytes;
  }

  hasten(): void {
    this.#inner.hasten();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }
}
