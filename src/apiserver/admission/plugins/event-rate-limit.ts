/**
 * EventRateLimit: so many Events a second, from the whole cluster, a namespace, a user, or of one
 * object by one source.
 *
 * Source: upstream plugin/pkg/admission/eventratelimit.
 */
import type { Event } from '#api/gen/core-v1.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';
import { RecentMap } from '#base/recent-map.ts';
import { TokenBucket } from '#base/token-bucket.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import type { EventLimit } from '../configuration/event-rate-limit.ts';
import { joined } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';

export function eventRateLimit({ environment, configuration }: AdmissionServices): AdmissionPlugin {
  const limiters = (configuration?.eventLimits ?? []).map(
    (limit) => new Limiter(limit, environment.clock),
  );
  return {
    name: 'EventRateLimit',
    validate(attributes) {
      const { operation, kind, dryRun } = attributes;
      if (kind.group !== '' || kind.plural !== 'events' || dryRun) return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      // Each of them takes its part, though another has refused already.
      const messages = limiters
        .map((limiter) => limiter.objection(attributes))
        .filter((message) => message !== undefined);
      if (messages.length === 0) return;
      throw new StatusError({
        code: 429,
        reason: 'TooManyRequests',
        message: `Too many requests: ${joined(messages)}`,
      });
    },
  };
}

const KEYS: Readonly<Record<EventLimit['type'], (attributes: Attributes) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source, involvedObject: about } = (object ?? {}) as Partial<Event>;
    const parts = [
      source?.component,
      source?.host,
      about?.kind,
      about?.namespace,
      about?.name,
      about?.uid,
      about?.apiVersion,
    ];
    return parts.map((part) => part ?? '').join('');
  },
};

class Limiter {
  readonly #limit: EventLimit;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Whose bucket was dropped starts with a full one. */
  readonly #buckets: RecentMap<string, TokenBucket>;

  constructor(limit: EventLimit, clock: Pick<Clock, 'monotonicMs'>) {
    this.#limit = limit;
    this.#clock = clock;
    this.#buckets = new RecentMap(limit.cacheSize);
  }

  objection(attributes: Attributes): string | undefined {
    const { type, qps, burst } = this.#limit;
    const key = KEYS[type](attributes);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket({ perSecond: qps, burst }, this.#clock);
      this.#buckets.set(key, bucket);
    }
    return bucket.tryTake() ? undefined : `limit reached on type ${type} for key ${key}`;
  }
}
