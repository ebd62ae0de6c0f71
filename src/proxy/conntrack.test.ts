import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conntrackDeletions } from './conntrack.ts';

describe('conntrackDeletions', () => {
  const change = (
    map: string,
    key: string,
    before: string | undefined,
    after: string | undefined,
  ) => ({ map, key, before, after });

  it('forgets UDP flows to an endpoint that left, and not those to one that only moved its index', () => {
    const changes = [
      change('endpoints', '10.96.0.7 . udp . 53 . 0', '10.0.0.1 . 53', '10.0.0.2 . 53'),
      change('endpoints', '10.96.0.7 . udp . 53 . 1', '10.0.0.2 . 53', undefined),
      change('endpoints', '10.96.0.7 . tcp . 53 . 0', '10.0.0.1 . 53', undefined),
    ];
    assert.deepEqual(conntrackDeletions(changes, 'ip'), [
      [
        '-D',
        '-f',
        'ipv4',
        '-p',
        'udp',
        '--orig-dst',
        '10.96.0.7',
        '--orig-port-dst',
        '53',
        '--dst-nat',
        '10.0.0.1',
      ],
    ]);
  });

  it('names the family, without which the ports of nodes mean IPv4', () => {
    const changes = [
      change('endpoints', 'fd00::7 . udp . 53 . 0', 'fd00:1::1 . 53', undefined),
      change('node_ports', 'udp . 30053', undefined, 'goto x'),
    ];
    assert.deepEqual(
      conntrackDeletions(changes, 'ip6').map((args) => args.join(' ')),
      [
        '-D -f ipv6 -p udp --orig-port-dst 30053',
        '-D -f ipv6 -p udp --orig-dst fd00::7 --orig-port-dst 53 --dst-nat fd00:1::1',
      ],
    );
  });

  it('forgets the flows of a UDP port that got its first endpoint', () => {
    const changes = [
      change('services', '10.96.0.7 . udp . 53', undefined, 'goto x'),
      change('node_ports', 'udp . 30053', undefined, 'goto x'),
    ];
    assert.deepEqual(conntrackDeletions(changes, 'ip'), [
      ['-D', '-f', 'ipv4', '-p', 'udp', '--orig-dst', '10.96.0.7', '--orig-port-dst', '53'],
      ['-D', '-f', 'ipv4', '-p', 'udp', '--orig-port-dst', '30053'],
    ]);
  });
});
