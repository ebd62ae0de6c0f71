/**
 * Who was known, and who was let through: of every request, and how long it took to find out. Counted
 * in plain numbers and by handles of series: every request comes by here.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/filters/metrics.go.
 */
import { alpha, exponentialBuckets, type MetricHead, type MetricRegistry } from '#base/metrics.ts';

const BUCKETS = exponentialBuckets(0.001, 2, 15);

/** `failure`: nobody showed who they are; `error`: what they showed is not good. */
export type AuthenticationResult = 'success' | 'failure' | 'error';
export type AuthorizationResult = 'allowed' | 'denied' | 'no-opinion' | 'error';

export class AccessMetrics {
  readonly #users = new Map<string, number>();
  readonly #authentication: Results<AuthenticationResult>;
  readonly #authorization: Results<AuthorizationResult>;

  constructor(registry: MetricRegistry) {
    registry.observed(
      alpha(
        'authenticated_user_requests',
        'Requests of users who are known, by the kind of their names.',
        'username',
      ),
      () => shown(this.#users),
      'counter',
    );
    this.#authentication = new Results(registry, {
      attempts: alpha(
        'authentication_attempts',
        'Requests by whether their users are known.',
        'result',
      ),
      seconds: alpha(
        'authentication_duration_seconds',
        'How long it took to find out who sends a request, in seconds.',
        'result',
      ),
    });
    this.#authorization = new Results(registry, {
      attempts: alpha(
        'authorization_attempts_total',
        'Requests by what authorizers said.',
        'result',
      ),
      seconds: alpha(
        'authorization_duration_seconds',
        'How long authorizers took, in seconds.',
        'result',
      ),
    });
  }

  /** A user is known; anonymous is one, where it is let in. */
  authenticated(userName: string, tookMs: number): void {
    const kind = kindOfName(userName);
    this.#users.set(kind, (this.#users.get(kind) ?? 0) + 1);
    this.#authentication.add('success', tookMs);
  }

  notAuthenticated(result: 'failure' | 'error', tookMs: number): void {
    this.#authentication.add(result, tookMs);
  }

  authorized(result: AuthorizationResult, tookMs: number): void {
    this.#authorization.add(result, tookMs);
  }
}

/** How often each result came, and how long it took to come. */
class Results<R extends string> {
  readonly #counts = new Map<string, number>();
  readonly #observe = new Map<string, (seconds: number) => void>();
  readonly #seriesOf: (result: R) => (seconds: number) => void;

  constructor(
    registry: MetricRegistry,
    { attempts, seconds }: { readonly attempts: MetricHead; readonly seconds: MetricHead },
  ) {
    registry.observed(attempts, () => shown(this.#counts), 'counter');
    const histogram = registry.histogram(seconds, BUCKETS);
    this.#seriesOf = (result) => histogram.of([result]);
  }

  add(result: R, tookMs: number): void {
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
    let observe = this.#observe.get(result);
    if (observe === undefined) {
      observe = this.#seriesOf(result);
      this.#observe.set(result, observe);
    }
    observe(tookMs / 1000);
  }
}

function* shown(
  counts: ReadonlyMap<string, number>,
): Iterable<readonly [readonly string[], number]> {
  for (const [label, count] of counts) yield [[label], count];
}

/** As upstream has them; no other names are shown. */
const KNOWN: ReadonlySet<string> = new Set([
  'admin',
  'client',
  'kube_proxy',
  'kubelet',
  'system:serviceaccount:kube-system:default',
]);

function kindOfName(name: string): string {
  if (KNOWN.has(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}
