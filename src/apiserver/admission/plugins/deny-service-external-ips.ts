/**
 * DenyServiceExternalIPs: no Service gets an address of `spec.externalIPs` that it had not before.
 *
 * Source: upstream plugin/pkg/admission/network/denyserviceexternalips.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { refusal } from '../refusal.ts';
import { isFor, SERVICES } from '../targets.ts';

export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  validate(attributes) {
    const { operation, subresource, object, old } = attributes;
    if (!isFor(attributes, SERVICES) || subresource !== '') return;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const before = (old as Service | undefined)?.spec?.externalIPs ?? [];
    const added = ((object as Service).spec?.externalIPs ?? []).filter(
      (address) => !before.includes(address),
    );
    if (added.length > 0)
      throw refusal(attributes, 'Use of external IPs is denied by admission control');
  },
};
