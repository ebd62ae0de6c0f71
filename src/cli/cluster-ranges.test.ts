import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addressAt,
  chooseRanges,
  type ClusterRanges,
  RANGE_DEFAULTS,
  type RangeFlags,
  serviceAddresses,
} from './cluster-ranges.ts';
import { UserError } from './user-error.ts';

const V4 = ['10.244.0.0/16', '10.96.0.0/16'] as const;
const BOTH = ['10.244.0.0/16,fd00:10:244::/48', '10.96.0.0/16,fd00:10:96::/112'] as const;
const TURNED = ['fd00:10:244::/48,10.244.0.0/16', 'fd00:10:96::/112,10.96.0.0/16'] as const;

function flags(podNetworkCidr?: string, serviceCidr?: string): RangeFlags {
  return {
    ...(podNetworkCidr === undefined ? {} : { podNetworkCidr }),
    ...(serviceCidr === undefined ? {} : { serviceCidr }),
  };
}

function ranges([podCidr, serviceClusterIpRange]: readonly [string, string]): ClusterRanges {
  return { podCidr, serviceClusterIpRange };
}

describe('the ranges of a cluster', () => {
  const chosen: [
    claim: string,
    given: RangeFlags,
    known: ClusterRanges | undefined,
    is: readonly [string, string],
  ][] = [
    ['are the default where nothing is given', {}, undefined, V4],
    ['are those of before where nothing is given', {}, ranges(TURNED), TURNED],
    [
      'are as given',
      flags('10.1.0.0/16', '10.2.0.0/20'),
      undefined,
      ['10.1.0.0/16', '10.2.0.0/20'],
    ],
    ['are of both families, IPv4 first', flags(...BOTH), undefined, BOTH],
    ['are of both families, IPv6 first', flags(...TURNED), undefined, TURNED],
    ['of pods go by those of Services', flags(undefined, TURNED[1]), undefined, TURNED],
    ['of Services go by those of pods', flags(BOTH[0]), undefined, BOTH],
    [
      'are said in one way',
      flags('10.1.2.3/16 , FD00:1::7/64', BOTH[1]),
      undefined,
      ['10.1.0.0/16,fd00:1::/64', BOTH[1]],
    ],
    ['may be given again', flags(...BOTH), ranges(BOTH), BOTH],
    [
      'may be given again, one of them',
      flags('10.1.0.0/16'),
      ranges(['10.1.0.0/16', V4[1]]),
      ['10.1.0.0/16', V4[1]],
    ],
    [
      'may be as large as can be',
      flags('12.0.0.0/8,fd00:1::/48', '11.0.0.0/8,fd00:2::/64'),
      undefined,
      ['12.0.0.0/8,fd00:1::/48', '11.0.0.0/8,fd00:2::/64'],
    ],
    [
      'may be as small as can be',
      flags('10.1.0.0/24,fd00:1::/64', '10.2.0.0/28,fd00:2::/124'),
      undefined,
      ['10.1.0.0/24,fd00:1::/64', '10.2.0.0/28,fd00:2::/124'],
    ],
  ];
  for (const [claim, given, known, is] of chosen)
    it(claim, () => assert.deepEqual(chooseRanges(given, known), ranges(is)));

  const refused: [claim: string, given: RangeFlags, pattern: RegExp][] = [
    [
      'what is no CIDR',
      flags('10.1.0.0'),
      /^Cannot use --pod-network-cidr "10\.1\.0\.0": "10\.1\.0\.0" is no CIDR/,
    ],
    ['an empty one', flags(undefined, ''), /^Cannot use --service-cidr "": "" is no CIDR/],
    ['two of one family', flags('10.1.0.0/16,10.2.0.0/16'), /both ranges are of IPv4/],
    ['two of the other', flags(undefined, 'fd00:1::/112,fd00:2::/112'), /both ranges are of IPv6/],
    [
      'three',
      flags('10.1.0.0/16,fd00:1::/48,10.2.0.0/16'),
      /give one range, or one of each family/,
    ],
    ['IPv6 alone', flags('fd00:1::/48', 'fd00:2::/112'), /no cluster of IPv6 alone/],
    [
      'too few for a node',
      flags('10.1.0.0/25'),
      /10\.1\.0\.0\/25 is too small: each node takes a \/24/,
    ],
    [
      'too few of IPv6',
      flags('10.1.0.0/16,fd00:1::/65', BOTH[1]),
      /too small: each node takes a \/64/,
    ],
    ['too many', flags('10.0.0.0/7'), /too large: a \/8/],
    ['too many of IPv6', flags('10.1.0.0/16,fd00:1::/47', BOTH[1]), /too large: a \/48/],
    ['too few for Services', flags(undefined, '10.2.0.0/29'), /too small: a \/28/],
    [
      'too few of IPv6 for Services',
      flags(undefined, '10.2.0.0/16,fd00:2::/125'),
      /too small: a \/124/,
    ],
    ['too many for Services', flags(undefined, '10.0.0.0/7'), /too large: a \/8/],
    [
      'too many of IPv6 for Services',
      flags(undefined, '10.2.0.0/16,fd00:2::/63'),
      /too large: a \/64/,
    ],
    ['addresses of loopback', flags('127.1.0.0/16'), /has addresses of 127\.0\.0\.0\/8 in it/],
    ['link-local addresses', flags('10.1.0.0/16,fe80:1::/48', BOTH[1]), /fe80::\/10/],
    ['addresses of groups', flags('10.1.0.0/16,ff05::/48', BOTH[1]), /ff00::\/8/],
    [
      'pods of one family, Services of both',
      flags(V4[0], BOTH[1]),
      /of the same families, in the same order/,
    ],
    ['another order', flags(BOTH[0], TURNED[1]), /in the same order/],
    [
      'what overlaps',
      flags('10.0.0.0/8', '10.2.0.0/16'),
      /10\.0\.0\.0\/8 \(--pod-network-cidr\) and 10\.2\.0\.0\/16 \(--service-cidr\) together/,
    ],
    ['what overlaps from the other side', flags('10.2.0.0/24', '10.2.0.0/16'), /in common/],
    ['what the nodes have', flags('10.245.0.0/16'), /the nodes of one machine/],
    [
      'what the nodes have of IPv6',
      flags(BOTH[0], '10.96.0.0/16,fd00:10:245::/112'),
      /nodes of one machine/,
    ],
  ];
  for (const [claim, given, pattern] of refused)
    it(`are not ${claim}`, () => refuses(() => chooseRanges(given, undefined), pattern));

  it('stay as they were chosen', () => {
    const known = ranges(V4);
    refuses(
      () => chooseRanges(flags('10.1.0.0/16'), known),
      /--pod-network-cidr "10\.1.* the range of this cluster is 10\.244/,
    );
    refuses(
      () => chooseRanges(flags(undefined, '10.97.0.0/16'), known),
      /--service-cidr "10\.97.*10\.96.*--reset/,
    );
    refuses(() => chooseRanges(flags(...BOTH), known), /--pod-network-cidr/);
  });

  it('have a part for each node', () => {
    const two = flags('10.1.0.0/23,fd00:1::/63', BOTH[1]);
    assert.equal(chooseRanges(two, undefined, 2).podCidr, '10.1.0.0/23,fd00:1::/63');
    refuses(
      () => chooseRanges(two, undefined, 3),
      /10\.1\.0\.0\/23 with 3 nodes: each takes a \/24, and there are 2/,
    );
    refuses(
      () => chooseRanges(flags('10.1.0.0/16,fd00:1::/64', BOTH[1]), undefined, 2),
      /fd00:1::\/64 with 2 nodes/,
    );
  });
});

describe('addresses of Services that a cluster has itself', () => {
  it('are of the main range', () => {
    assert.deepEqual(serviceAddresses(RANGE_DEFAULTS), {
      kubernetesAddress: '10.96.0.1',
      dnsAddress: '10.96.0.10',
    });
    assert.deepEqual(serviceAddresses(ranges(TURNED)), {
      kubernetesAddress: 'fd00:10:96::1',
      dnsAddress: 'fd00:10:96::a',
    });
  });

  it('are in the range, or it is an error', () => {
    assert.throws(() => addressAt('10.0.0.0/30', 4), /no address 4/);
    assert.throws(() => addressAt('x', 0), TypeError);
  });
});

function refuses(choose: () => unknown, pattern: RegExp): void {
  assert.throws(choose, (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, pattern);
    return true;
  });
}
