/**
 * AlwaysAdmit and AlwaysDeny: the two that know no difference. Upstream has both deprecated.
 *
 * Source: upstream plugin/pkg/admission/{admit,deny}.
 */
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit' };

function deny(attributes: Attributes): never {
  throw refusal(attributes, 'admission control is denying all modifications');
}

export const alwaysDeny: AdmissionPlugin = { name: 'AlwaysDeny', admit: deny, validate: deny };
