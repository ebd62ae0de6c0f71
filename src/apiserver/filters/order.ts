/**
 * The filters in order, outermost first. Read top down: this is what happens to a request.
 */
import type { Clock } from '#base/env.ts';
import type { RequestContext, User } from '../context.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { auditFilter, auditInitFilter } from './audit.ts';
import { authenticationFilter } from './authentication.ts';
import { authorizationFilter } from './authorization.ts';
import { cborAnswerFilter, cborRequestFilter } from './cbor.ts';
import { compressionFilter } from './compression.ts';
import { errorFilter } from './errors.ts';
import type { Filter } from './filter.ts';
import { flowControlFilter } from './flow-control.ts';
import type { FlowControl } from '../flow-control/flow-control.ts';
import { AccessMetrics } from '../metrics/access-metrics.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { impersonationFilter, type ImpersonationServices } from './impersonation.ts';
import { type InFlightLimits, inFlightFilter } from './in-flight.ts';
import { metricsFilter } from './metrics.ts';
import { timeoutFilter } from './timeout.ts';
import { warningFilter } from './warnings.ts';

export interface FilterServices {
  authenticate(context: RequestContext): Promise<User>;
  readonly dismissesAnonymous: boolean;
  readonly authorize: Authorizer;
  readonly impersonation: ImpersonationServices;
  readonly inFlight: InFlightLimits;
  /** Without it requests in flight are limited as they are counted. */
  readonly flowControl: FlowControl | undefined;
  readonly requestTimeoutMs: number;
  /** The gate APIResponseCompression. */
  readonly compresses: boolean;
  readonly metrics: ServerMetrics;
  readonly clock: Clock;
  /** Without it nothing is audited. */
  readonly auditor: Auditor | undefined;
}

export function filtersInOrder(services: FilterServices): readonly Filter[] {
  const { auditor, clock } = services;
  const access = new AccessMetrics(services.metrics.registry);
  return [
    // When did it come?
    ...(auditor === undefined ? [] : [auditInitFilter()]),
    // Counts what comes and how long it takes.
    metricsFilter(services.metrics),
    // Large answers go out in gzip where the client takes it.
    compressionFilter(services.compresses),
    // What is JSON inside is CBOR for those who ask for that.
    cborAnswerFilter(),
    // Gives the answer its audit id and turns whatever is thrown into a Status.
    errorFilter(),
    // Adds the Warning headers that were collected on the way.
    warningFilter(),
    // Ends requests that take too long; watches and streams are exempt.
    timeoutFilter(services.requestTimeoutMs, auditor),
    // Who is it?
    authenticationFilter(services, access),
    // What is written down of it.
    ...(auditor === undefined ? [] : [auditFilter(auditor)]),
    // As whom do they act?
    impersonationFilter(services.impersonation),
    // Too many at a time: some wait, some get a 429.
    services.flowControl === undefined
      ? inFlightFilter(services.inFlight, { registry: services.metrics.registry, clock })
      : flowControlFilter({ ...services, control: services.flowControl }),
    // May they?
    authorizationFilter(services.authorize, access),
    // Bodies in CBOR are JSON inside.
    cborRequestFilter(),
  ];
}
