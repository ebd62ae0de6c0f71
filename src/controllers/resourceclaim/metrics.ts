/**
 * What is counted of ResourceClaims.
 *
 * Upstream: pkg/controller/resourceclaim/metrics/metrics.go and controller.go, v1.36.
 */
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { alpha, type Counter, countsBy, type MetricRegistry } from '#base/metrics.ts';
import { POD_CLAIM } from '../shared/pod-claims.ts';

const EXTENDED_RESOURCE = 'resource.kubernetes.io/extended-resource-claim';
const CREATES = alpha(
  'resourceclaim_controller_creates_total',
  'Requests to create claims.',
  'status',
  'admin_access',
);
const CLAIMS = alpha(
  'resourceclaim_controller_resource_claims',
  'Claims that there are; the source is empty for those that users made.',
  'allocated',
  'admin_access',
  'source',
);

export class ClaimMetrics {
  readonly #creates: Counter;

  /** `claims`: all that there are. */
  constructor(registry: MetricRegistry, claims: () => readonly ResourceClaim[]) {
    this.#creates = registry.counter(CREATES);
    registry.observed(CLAIMS, () => countsBy(claims(), labelsOf));
  }

  /** Counts a request to create `claim`, and how it goes. */
  async creation(claim: ResourceClaim, request: Promise<ResourceClaim>): Promise<ResourceClaim> {
    const access = adminAccess(claim);
    try {
      const made = await request;
      this.#creates.add(['success', access]);
      return made;
    } catch (error) {
      this.#creates.add(['failure', access]);
      throw error;
    }
  }
}

function labelsOf(claim: ResourceClaim): string[] {
  const { annotations } = claim.metadata ?? {};
  const source =
    annotations?.[EXTENDED_RESOURCE] === 'true'
      ? 'extended_resource'
      : (annotations?.[POD_CLAIM] ?? '') === ''
        ? ''
        : 'resource_claim_template';
  return [String(claim.status?.allocation !== undefined), adminAccess(claim), source];
}

function adminAccess({ spec }: ResourceClaim): string {
  const requests = spec?.devices?.requests ?? [];
  return String(requests.some(({ exactly }) => exactly?.adminAccess === true));
}
