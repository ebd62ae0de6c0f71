/** /healthz, /livez and /readyz: named checks, `?verbose`, `?exclude=`. Upstream: server/healthz. */
import type { HttpResponse } from '#base/http/message.ts';
import { textResponse } from './respond.ts';

export class Health {
  #ready = false;
  /** What is wrong, by the name of the check. */
  readonly #failing = new Map<string, string>();
  readonly #waiters: (() => void)[] = [];
  readonly #readyChecks = new Map<string, () => string | undefined>();

  ready(): void {
    this.#ready = true;
    for (const wake of this.#waiters.splice(0)) wake();
  }
  fail(check: string, reason: string): void {
    this.#failing.set(check, reason);
  }
  /** A further check of /readyz: answers what is wrong, or undefined. */
  addReadyCheck(name: string, check: () => string | undefined): void {
    this.#readyChecks.set(name, check);
  }
  whenReady(): Promise<void> {
    return this.#ready ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Undefined when `path` is no health path. */
  handle(path: string, query: URLSearchParams): HttpResponse | undefined {
    const [, endpoint, only, ...rest] = path.split('/');
    if (
      (endpoint !== 'healthz' && endpoint !== 'livez' && endpoint !== 'readyz') ||
      rest.length > 0
    )
      return undefined;
    const all = this.#checks(endpoint);
    const excluded = new Set(query.getAll('exclude'));
    const checks = all.filter(
      ([name]) => (only === undefined || name === only) && !excluded.has(name),
    );
    if (only !== undefined && checks.length === 0) return undefined;
    const failed = checks.filter(([, wrong]) => wrong !== undefined);
    const lines = checks.map(([name, wrong]) =>
      wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`,
    );
    if (failed.length > 0)
      return textResponse(500, `${lines.join('\n')}\n${endpoint} check failed\n`);
    if (!query.has('verbose')) return textResponse(200, 'ok');
    return textResponse(200, `${lines.join('\n')}\n${endpoint} check passed\n`);
  }

  #checks(endpoint: string): [name: string, wrong: string | undefined][] {
    const checks: [string, string | undefined][] = [
      ['ping', undefined],
      ['log', undefined],
      ['etcd', this.#failing.get('store')],
    ];
    if (endpoint !== 'readyz') return checks;
    checks.push(['informer-sync', this.#ready ? undefined : 'not started']);
    for (const [name, check] of this.#readyChecks) checks.push([name, check()]);
    checks.push(['shutdown', this.#failing.get('shutdown')]);
    return checks;
  }
}
