/**
 * `/healthz` and its checks.
 *
 * Source: Kubernetes documentation "Kubernetes API health endpoints" (the form, with `verbose` and
 * `exclude`); upstream staging/src/k8s.io/apiserver/pkg/server/healthz, pkg/kubelet/kubelet.go
 * (SyncLoopHealthCheck), v1.36.
 */
import type { Clock } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { notFound, textResponse } from './responses.ts';

/** Twice the time between two looks at everything, and at least this. */
const LOOP_LATE_MS = 300_000;

export interface HealthCheck {
  readonly name: string;
  /** What is wrong; undefined: nothing. */
  check(): string | undefined;
}

/** The loop that looks at the runtime, whatever it finds there: has it turned? */
export class SyncLoopCheck implements HealthCheck {
  readonly name = 'syncloop';
  readonly #clock: Clock;
  #turnedMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  turned(): void {
    this.#turnedMs = this.#clock.monotonicMs();
  }

  check(): string | undefined {
    const turnedMs = this.#turnedMs;
    // Before its first turn it is not late.
    if (turnedMs === undefined || this.#clock.monotonicMs() <= turnedMs + LOOP_LATE_MS)
      return undefined;
    return 'sync Loop took longer than expected';
  }
}

const PING: HealthCheck = { name: 'ping', check: () => undefined };

/** `name`: of one check; empty for all. */
export function serveHealth(
  name: string,
  query: URLSearchParams,
  more: readonly HealthCheck[],
): HttpResponse {
  const checks = [PING, ...more];
  if (name === '') return serveAll(query, checks);
  const found = checks.find((one) => one.name === name);
  if (found === undefined) return notFound();
  const wrong = found.check();
  return wrong === undefined
    ? textResponse(200, 'ok')
    : textResponse(500, `internal server error: ${wrong}\n`);
}

function serveAll(query: URLSearchParams, checks: readonly HealthCheck[]): HttpResponse {
  const excluded = new Set(query.getAll('exclude'));
  let failed = false;
  const lines: string[] = [];
  for (const one of checks) {
    const { name } = one;
    if (excluded.delete(name)) lines.push(`[+]${name} excluded: ok\n`);
    else if (one.check() === undefined) lines.push(`[+]${name} ok\n`);
    else {
      failed = true;
      lines.push(`[-]${name} failed: reason withheld\n`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].toSorted().map((name) => JSON.stringify(name));
    const text = `no matches for ${names.join(',')}`;
    lines.push(`warn: some health checks cannot be excluded: ${text}\n`);
  }
  if (failed) return textResponse(500, `${lines.join('')}healthz check failed\n`);
  const isVerbose = query.has('verbose');
  return textResponse(200, isVerbose ? `${lines.join('')}healthz check passed\n` : 'ok');
}
