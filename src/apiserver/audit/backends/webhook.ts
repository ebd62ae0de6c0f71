/**
 * Events to a webhook, as an EventList.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/audit/webhook/webhook.go and
 * pkg/util/webhook/webhook.go: five attempts whatever goes wrong, each wait half as long again as
 * the one before, and up to a fifth more.
 */
import { API_VERSION } from '#api/audit/policy.ts';
import { type Environment, sleep, type Timer, timeoutSignal } from '#base/env.ts';
import { readBody } from '#base/http/message.ts';
import type { AuditEvent } from '../event.ts';
import type { AuditMetrics } from '../metrics.ts';
import type { WebhookOptions } from '../options.ts';
import type { AuditBackend } from './backend.ts';

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 5;
const FACTOR = 1.5;
const JITTER = 0.2;
/** Of an answer that is an error. */
const ANSWER_BYTES_MAX = 64 * 1024;
const SHOWN_MAX = 1024;
/** When the server stops, what is under way is tried no longer than this. */
const STOP_MS = 20_000;

export interface WebhookServices {
  readonly environment: Environment;
  readonly metrics: AuditMetrics;
}

export class WebhookBackend implements AuditBackend {
  readonly #options: Pick<WebhookOptions, 'handler' | 'url' | 'initialBackoffMs'>;
  readonly #services: WebhookServices;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #over = new AbortController();
  #stopping: Timer | undefined;

  constructor(
    options: Pick<WebhookOptions, 'handler' | 'url' | 'initialBackoffMs'>,
    services: WebhookServices,
  ) {
    this.#options = options;
    this.#services = services;
  }

  process(events: readonly AuditEvent[]): Promise<boolean> {
    const sent = this.#send(events);
    this.#underWay.add(sent);
    return sent.finally(() => this.#underWay.delete(sent));
  }

  async #send(events: readonly AuditEvent[]): Promise<boolean> {
    const { environment, metrics } = this.#services;
    const items = events.map(({ text }) => text).join(',');
    const body = Buffer.from(
      `{"kind":"EventList","apiVersion":"${API_VERSION}","metadata":{},"items":[${items}]}\n`,
    );
    let waitMs = this.#options.initialBackoffMs;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#post(body);
        return true;
      } catch (error) {
        if (attempt === ATTEMPTS || this.#over.signal.aborted) {
          metrics.lost('webhook', events.length, error);
          return false;
        }
      }
      const jitterMs = waitMs * JITTER * environment.random.next();
      await sleep(environment, waitMs + jitterMs, this.#over.signal);
      waitMs *= FACTOR;
    }
  }

  async #post(body: Uint8Array): Promise<void> {
    const limit = timeoutSignal(this.#services.environment, TIMEOUT_MS, this.#over.signal);
    try {
      const response = await this.#options.handler({
        method: 'POST',
        url: this.#options.url,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'kube-apiserver',
        },
        body,
        signal: limit.signal,
      });
      const answer = await readBody(response.body, ANSWER_BYTES_MAX);
      if (response.status >= 200 && response.status < 300) return;
      const text = Buffer.from(answer).toString().slice(0, SHOWN_MAX);
      throw new Error(`the webhook answered ${response.status}: ${text}`);
    } finally {
      limit.release();
    }
  }

  hasten(): void {
    this.#stopping ??= this.#services.environment.timers.after(STOP_MS, () => this.#over.abort());
  }

  async stop(): Promise<void> {
    this.hasten();
    await Promise.all(this.#underWay);
    this.#stopping?.cancel();
  }
}
