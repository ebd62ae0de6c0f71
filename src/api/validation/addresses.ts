/** Addresses of endpoints and load balancers. Upstream: pkg/apis/core/validation/validation.go. */
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';
import { type IpRange, parseCidr, parseIp, rangeContains } from '../meta/ip.ts';
import { isDns1123Subdomain } from '../meta/names.ts';
import { validateIp } from './ip.ts';
import { invalidAll } from './metadata.ts';

/** What is said of the addresses of some ranges. */
const SPECIAL = [
  special('may not be in the loopback range (127.0.0.0/8, ::1/128)', ['127.0.0.0/8', '::1/128']),
  special('may not be in the link-local range (169.254.0.0/16, fe80::/10)', [
    '169.254.0.0/16',
    'fe80::/10',
  ]),
  special('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)', [
    '224.0.0.0/24',
    'ff02::/16',
  ]),
];

function special(
  detail: string,
  texts: readonly string[],
): { readonly detail: string; readonly ranges: readonly IpRange[] } {
  return { detail, ranges: texts.flatMap((text) => parseCidr(text) ?? []) };
}

/** Addresses that make no sense as the end of a connection from elsewhere. */
export function validateEndpointIp(text: string, at: FieldPath): FieldError[] {
  const address = parseIp(text);
  if (address === undefined) return [invalidValue(at, text, 'must be a valid IP address')];
  if (address.value === 0n) return [invalidValue(at, text, `may not be unspecified (${text})`)];
  return SPECIAL.filter(({ ranges }) => ranges.some((range) => rangeContains(range, address))).map(
    ({ detail }) => invalidValue(at, text, detail),
  );
}

interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
}

/** What a load balancer answers on. Addresses that were there before are not looked at again. */
export function validateLoadBalancerAddresses(
  next: readonly Ingress[],
  old: readonly Ingress[],
  at: FieldPath,
): FieldError[] {
  const known = old.map(({ ip }) => ip ?? '');
  return next.flatMap(({ ip, hostname }, i) => {
    const here = at.index(i);
    const errors = ip ? validateIp(ip, here.child('ip'), known) : [];
    if (!hostname) return errors;
    errors.push(...invalidAll(here.child('hostname'), hostname, isDns1123Subdomain(hostname)));
    if (parseIp(hostname) !== undefined) {
      errors.push(
        invalidValue(here.child('hostname'), hostname, 'must be a DNS name, not an IP address'),
      );
    }
    return errors;
  });
}
