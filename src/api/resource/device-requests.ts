/** Defaults of device requests, in claims and claim templates. Upstream: pkg/apis/resource/v1/defaults.go. */
import type { ResourceClaimSpec } from '#api/gen/resource-v1.ts';

interface Counted {
  allocationMode?: string;
  count?: number;
  tolerations?: { operator?: string }[];
}

function defaultCount(request: Counted): void {
  request.allocationMode ||= 'ExactCount';
  if (request.allocationMode === 'ExactCount') request.count ||= 1;
  for (const toleration of request.tolerations ?? []) toleration.operator ||= 'Equal';
}

/** A request asks for exactly one device unless it says otherwise. */
export function defaultDeviceRequests(spec: ResourceClaimSpec | undefined): void {
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    if (exactly !== undefined) defaultCount(exactly);
    for (const request of firstAvailable ?? []) defaultCount(request);
  }
}
