/** What becomes of the family fields of a new Service, for all that a client may say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IPFamily, Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { initFamilyFields, normalizeClusterIps } from './ip-families.ts';

const POLICIES = [undefined, 'SingleStack', 'PreferDualStack', 'RequireDualStack'] as const;
const FAMILIES = ['', '4', '6', '46', '64'];

const familiesOf = (digits: string): IPFamily[] =>
  digits.split('').map((digit) => (digit === '6' ? 'IPv6' : 'IPv4'));

/** `S4`: SingleStack of IPv4; `x`: refused. */
function outcome(spec: ServiceSpec, cluster: string): string {
  const service: Service = { metadata: { name: 'web' }, spec };
  try {
    normalizeClusterIps(spec, undefined);
    initFamilyFields(service, undefined, { families: familiesOf(cluster) });
  } catch {
    return 'x';
  }
  const digits = (spec.ipFamilies ?? []).map((family) => family.slice(3)).join('');
  return `${spec.ipFamilyPolicy?.[0]}${digits}`;
}

/** For no policy, SingleStack, PreferDualStack, RequireDualStack: no families, 4, 6, 46, 64. */
function outcomes(addresses: string, cluster: string): string {
  const ips = { '4': '10.0.0.1', '6': 'fd00::1', N: 'None', n: 'None' };
  const clusterIPs = addresses.split('').map((letter) => ips[letter as keyof typeof ips]);
  return POLICIES.map((policy) =>
    FAMILIES.map((families) =>
      outcome(
        {
          type: 'ClusterIP',
          ...(addresses === 'n' ? {} : { selector: { app: 'x' } }),
          ...(clusterIPs[0] === undefined ? {} : { clusterIP: clusterIPs[0], clusterIPs }),
          ...(policy === undefined ? {} : { ipFamilyPolicy: policy }),
          ...(families === '' ? {} : { ipFamilies: familiesOf(families) }),
        },
        cluster,
      ),
    ).join(' '),
  ).join(' | ');
}

const NEVER = 'x x x x x | x x x x x | x x x x x | x x x x x';
const FREE_46 = 'R46 R46 R64 R46 R64 | S4 S4 S6 x x | P46 P46 P64 P46 P64 | R46 R46 R64 R46 R64';
const FREE_64 = 'R64 R46 R64 R46 R64 | S6 S4 S6 x x | P64 P46 P64 P46 P64 | R64 R46 R64 R46 R64';
const ONLY_4 = 'S4 S4 x x x | S4 S4 x x x | P46 P46 x P46 x | R46 R46 x R46 x';
const ONLY_6 = 'S6 x S6 x x | S6 x S6 x x | P64 x P64 x P64 | R64 x R64 x R64';
const BOTH_46 = 'x x x x x | x x x x x | P46 P46 x P46 x | R46 R46 x R46 x';
const BOTH_64 = 'x x x x x | x x x x x | P64 x P64 x P64 | R64 x R64 x R64';
const ANY_46 = 'S4 S4 S6 x x | S4 S4 S6 x x | P46 P46 P64 P46 P64 | R46 R46 R64 R46 R64';
const ANY_64 = 'S6 S4 S6 x x | S6 S4 S6 x x | P64 P46 P64 P46 P64 | R64 R46 R64 R46 R64';
const SINGLE_4 = 'S4 S4 x x x | S4 S4 x x x | P4 P4 x x x | x x x x x';
const SINGLE_6 = 'S6 x S6 x x | S6 x S6 x x | P6 x P6 x x | x x x x x';
const WHAT: Readonly<Record<string, string>> = {
  '': 'no address',
  N: 'a headless one',
  n: 'a headless one without selector',
};

describe('a new Service that says nothing, one, or both families, on a cluster of', () => {
  type Row = [cluster: string, addresses: string, outcomes: string];
  const rows: Row[] = [
    ['4', '', SINGLE_4],
    ['4', '4', SINGLE_4],
    ['4', '46', NEVER],
    ['4', '64', NEVER],
    ['4', 'N', SINGLE_4],
    ['4', 'n', FREE_46],
    ['6', '', SINGLE_6],
    ['6', '6', SINGLE_6],
    ['6', '46', NEVER],
    ['6', '64', NEVER],
    ['6', 'N', SINGLE_6],
    ['6', 'n', FREE_64],
    ['46', '', ANY_46],
    ['46', '4', ONLY_4],
    ['46', '6', ONLY_6],
    ['46', '46', BOTH_46],
    ['46', '64', BOTH_64],
    ['46', 'N', ANY_46],
    ['46', 'n', FREE_46],
    ['64', '', ANY_64],
    ['64', '4', ONLY_4],
    ['64', '6', ONLY_6],
    ['64', '46', BOTH_46],
    ['64', '64', BOTH_64],
    ['64', 'N', ANY_64],
    ['64', 'n', FREE_64],
  ];
  for (const [cluster, addresses, expected] of rows) {
    it(`${cluster}, with ${WHAT[addresses] ?? `addresses of ${addresses}`}`, () =>
      assert.equal(outcomes(addresses, cluster), expected));
  }
});
