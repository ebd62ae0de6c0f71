/**
 * Whether an APIService is available, and why not: decided from what is there, without any effect.
 *
 * Source: upstream kube-aggregator/pkg/controllers/status/{local,remote}.
 */
import type { APIService, APIServiceCondition } from '#api/gen/apiregistration-v1.ts';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';

export type Verdict = Pick<APIServiceCondition, 'reason' | 'message'> & {
  readonly status: 'True' | 'False';
};

export const LOCAL: Verdict = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

export const PASSED: Verdict = {
  status: 'True',
  reason: 'Passed',
  message: 'all checks passed',
};

export function failedDiscovery(message: string): Verdict {
  return { status: 'False', reason: 'FailedDiscoveryCheck', message };
}

/** What is missing in the cluster; undefined when the server itself is to be asked. */
export function missing(
  { spec }: APIService,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Verdict | undefined {
  const { namespace = '', name = '', port = 443 } = spec?.service ?? {};
  const subject = `service/${name} in ${JSON.stringify(namespace)}`;
  const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (service === undefined) return no('ServiceNotFound', `${subject} is not present`);
  if (service.spec?.type !== undefined && service.spec.type !== 'ClusterIP') return undefined;
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (found === undefined)
    return no('ServicePortError', `${subject} is not listening on port ${port}`);
  if (slices.length === 0)
    return no('EndpointsNotFound', `cannot find endpointslices for ${subject}`);
  const portName = found.name ?? '';
  if (slices.some((slice) => hasReadyEndpoint(slice, portName))) return undefined;
  return no(
    'MissingEndpoints',
    `endpointslices for ${subject} have no addresses with port name ${JSON.stringify(portName)}`,
  );
}

function hasReadyEndpoint({ endpoints, ports }: EndpointSlice, portName: string): boolean {
  const isReady = (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false);
  return isReady && (ports ?? []).some(({ name, port }) => (name ?? '') === portName && port);
}

/** The APIService with the verdict in its status; undefined when it says so already. */
export function withVerdict(
  service: APIService,
  verdict: Verdict,
  nowText: string,
): APIService | undefined {
  const conditions = service.status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === 'Available');
  const { status, reason = '', message = '' } = verdict;
  const isSame =
    before?.status === status && before.reason === reason && before.message === message;
  if (isSame) return undefined;
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  const next = { type: 'Available', status, lastTransitionTime: since ?? nowText, reason, message };
  const others = conditions.filter(({ type }) => type !== 'Available');
  return { ...service, status: { ...service.status, conditions: [...others, next] } };
}
