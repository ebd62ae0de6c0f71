/**
 * Impersonation: a user who may act as another does so, for this request.
 *
 * Source: Kubernetes documentation, "User impersonation"; KEP-5284.
 */
import type { Clock } from '#base/env.ts';
import { whenThere } from '#base/eventual.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { tookMs } from '../audit/latency.ts';
import { impersonationOf } from '../authn/impersonation-headers.ts';
import { attributesFor, type Authorizer } from '../authz/authorizer.ts';
import { Impersonation } from '../authz/impersonation.ts';
import type { RequestContext, User } from '../context.ts';
import type { ImpersonationMetrics } from '../metrics/impersonation-metrics.ts';
import type { Filter, Next } from './filter.ts';

export interface ImpersonationServices {
  readonly authorize: Authorizer;
  readonly clock: Clock;
  readonly metrics: ImpersonationMetrics;
  /** The gate ConstrainedImpersonation. */
  readonly constrained: boolean;
}

export function impersonationFilter(services: ImpersonationServices): Filter {
  const { clock, metrics, constrained } = services;
  const timed: Authorizer = (attributes, signal) => {
    const start = clock.monotonicMs();
    return whenThere(services.authorize(attributes, signal), (decision) => {
      metrics.asked(attributes.verb, decision.outcome === 'allow', clock.monotonicMs() - start);
      return decision;
    });
  };
  const impersonation = new Impersonation(timed, { constrained });
  return {
    name: 'impersonation',
    handle(context, next) {
      const wanted = impersonationOf(context.request.headers);
      return wanted === undefined ? next() : asAnother(context, wanted, next);
    },
  };

  async function asAnother(
    context: RequestContext,
    wanted: User,
    next: Next,
  ): Promise<HttpResponse> {
    const start = clock.monotonicMs();
    let mode: string | undefined;
    try {
      const attributes = attributesFor(context.user, context.info);
      const granted = await impersonation.check(wanted, attributes, context.signal);
      context.user = granted.user;
      mode = granted.mode;
      context.audit?.impersonates(
        granted.user,
        granted.mode === 'legacy' ? '' : `impersonate:${granted.mode}`,
      );
    } finally {
      tookMs(context, 'impersonation', clock.monotonicMs() - start);
      metrics.attempted(mode, clock.monotonicMs() - start);
    }
    return next();
  }
}
