/**
 * Events as lines of a log.
 *
 * Lines that come while others are being written go out together, in one write.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/audit/log/backend.go.
 */
import type { AuditEvent } from '../event.ts';
import type { AuditMetrics } from '../metrics.ts';
import type { Format, LineOutput } from '../options.ts';
import type { AuditBackend } from './backend.ts';

interface Round {
  readonly events: AuditEvent[];
  readonly written: Promise<boolean>;
}

export class LogBackend implements AuditBackend {
  readonly #output: LineOutput;
  readonly #format: Format;
  readonly #metrics: AuditMetrics;
  /** What gathers while a write is under way. */
  #next: Round | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(output: LineOutput, format: Format, metrics: AuditMetrics) {
    this.#output = output;
    this.#format = format;
    this.#metrics = metrics;
  }

  process(events: readonly AuditEvent[]): Promise<boolean> {
    this.#next ??= this.#begin();
    this.#next.events.push(...events);
    return this.#next.written;
  }

  #begin(): Round {
    const events: AuditEvent[] = [];
    const written = this.#last.then(() => {
      this.#next = undefined;
      return this.#write(events);
    });
    this.#last = written;
    return { events, written };
  }

  async #write(events: readonly AuditEvent[]): Promise<boolean> {
    try {
      await this.#output.write(events.map((event) => `${this.#line(event)}\n`).join(''));
      return true;
    } catch (error) {
      this.#metrics.lost('log', events.length, error);
      return false;
    }
  }

  #line(event: AuditEvent): string {
    return this.#format === 'legacy' ? event.legacyText() : event.text;
  }

  hasten(): void {}

  async stop(): Promise<void> {
    await this.#last;
    await this.#output.close();
  }
}
