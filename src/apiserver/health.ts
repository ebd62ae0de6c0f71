/**
 * /healthz, /livez and /readyz: named checks, `?verbose`, `?exclude=`, and a path for each check.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/server/healthz; the names are upstream's for
 * the same work.
 */
import type { HttpResponse } from '#base/http/message.ts';
import { textResponse, withHeaders } from './respond.ts';

/** Work of the start, each a check that passes when it is done. */
const HOOKS: readonly string[] = [
  'poststarthook/start-apiextensions-informers',
  'poststarthook/start-apiextensions-controllers',
  'poststarthook/crd-informer-synced',
  'poststarthook/start-system-namespaces-controller',
  'poststarthook/start-cluster-authentication-info-controller',
  'poststarthook/storage-readiness',
  'poststarthook/start-service-ip-repair-controllers',
  'poststarthook/rbac/bootstrap-roles',
  'poststarthook/scheduling/bootstrap-system-priority-classes',
  'poststarthook/bootstrap-controller',
  'poststarthook/start-kubernetes-service-cidr-controller',
  'poststarthook/start-kube-apiserver-identity-lease-controller',
  'poststarthook/start-kube-apiserver-identity-lease-garbage-collector',
  'poststarthook/start-legacy-token-tracking-controller',
  'poststarthook/apiservice-status-local-available-controller',
  'poststarthook/apiservice-status-remote-available-controller',
  'poststarthook/apiservice-registration-controller',
  'poststarthook/apiservice-discovery-controller',
  'poststarthook/kube-apiserver-autoregistration',
  'autoregister-completion',
  'poststarthook/apiservice-openapi-controller',
  'poststarthook/apiservice-openapiv3-controller',
];
const ENDPOINTS = ['healthz', 'livez', 'readyz'] as const;
type Endpoint = (typeof ENDPOINTS)[number];
type Check = readonly [name: string, wrong: string | undefined];

const NO_SNIFF = { 'x-content-type-options': 'nosniff' };

export class Health {
  #ready = false;
  /** What is wrong, by the name of the check. */
  readonly #failing = new Map<string, string>();
  readonly #waiters: (() => void)[] = [];
  readonly #readyChecks = new Map<string, () => string | undefined>();
  readonly #healthChecks = new Map<string, () => string | undefined>();

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
  /** A further check of /readyz and /healthz; who fails it lives all the same. */
  addHealthCheck(name: string, check: () => string | undefined): void {
    this.#healthChecks.set(name, check);
  }
  whenReady(): Promise<void> {
    return this.#ready ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Every path that `handle` answers. */
  paths(): string[] {
    return ENDPOINTS.flatMap((endpoint) => [
      `/${endpoint}`,
      ...this.#checks(endpoint).map(([name]) => `/${endpoint}/${name}`),
    ]);
  }

  /** Undefined when `path` is no health path. */
  handle(path: string, query: URLSearchParams): HttpResponse | undefined {
    const endpoint = ENDPOINTS.find((name) => path === `/${name}` || path.startsWith(`/${name}/`));
    if (endpoint === undefined) return undefined;
    const checks = this.#checks(endpoint);
    const only = path.slice(endpoint.length + 2);
    if (path === `/${endpoint}`) return answer(endpoint, checks, query);
    const one = checks.find(([name]) => name === only);
    if (one === undefined) return undefined;
    const [, wrong] = one;
    if (wrong === undefined) return textResponse(200, 'ok');
    return withHeaders(textResponse(500, `internal server error: ${wrong}\n`), NO_SNIFF);
  }

  #checks(endpoint: Endpoint): Check[] {
    const notYet = this.#ready ? undefined : 'not finished';
    const checks: Check[] = [
      ['ping', undefined],
      ['log', undefined],
      ['etcd', this.#failing.get('store')],
    ];
    if (endpoint === 'readyz') {
      checks.push(['etcd-readiness', this.#failing.get('store')]);
      checks.push(['informer-sync', this.#ready ? undefined : 'not started']);
    }
    // A server that is starting lives: it is not started again.
    for (const hook of HOOKS) checks.push([hook, endpoint === 'livez' ? undefined : notYet]);
    if (endpoint !== 'livez')
      for (const [name, check] of this.#healthChecks) checks.push([name, check()]);
    if (endpoint !== 'readyz') return checks;
    for (const [name, check] of this.#readyChecks) checks.push([name, check()]);
    checks.push(['shutdown', this.#failing.get('shutdown')]);
    return checks;
  }
}

function answer(
  endpoint: Endpoint,
  checks: readonly Check[],
  query: URLSearchParams,
): HttpResponse {
  const excluded = new Set(query.getAll('exclude').filter((name) => name !== ''));
  const unknown = new Set(excluded);
  let isWell = true;
  const lines = checks.map(([name, wrong]) => {
    if (excluded.has(name)) {
      unknown.delete(name);
      return `[+]${name} excluded: ok`;
    }
    if (wrong === undefined) return `[+]${name} ok`;
    isWell = false;
    return `[-]${name} failed: reason withheld`;
  });
  if (unknown.size > 0) {
    const names = [...unknown].toSorted().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`);
  }
  const text = `${lines.join('\n')}\n`;
  const response = !isWell
    ? textResponse(500, `${text}${endpoint} check failed\n`)
    : textResponse(200, query.has('verbose') ? `${text}${endpoint} check passed\n` : 'ok');
  return withHeaders(response, NO_SNIFF);
}
