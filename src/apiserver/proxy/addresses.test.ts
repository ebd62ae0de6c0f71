import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressGuard } from './addresses.ts';

const guard = new AddressGuard({
  advertise: { address: '192.168.0.100', port: 6443 },
  serviceClusterIpRange: '10.96.0.0/16,fd00:10:96::/112',
});
const allows = (address: string, port = 80, declared: number[] = []): boolean =>
  guard.allows(address, port, declared);

describe('addresses that a proxy may speak to', () => {
  it('are those of pods and nodes', () => {
    for (const address of ['10.244.1.7', '192.168.0.101', 'fd00:10:244::7', '2001:db8::1'])
      assert.equal(allows(address), true, address);
  });

  const refused = {
    loopback: ['127.0.0.1', '127.8.9.1', '::1'],
    'link-local': ['169.254.1.1', 'fe80::1'],
    unspecified: ['0.0.0.0', '0.1.2.3', '::'],
    'multicast and broadcast': ['224.0.0.1', '239.1.2.3', 'ff02::1', '255.255.255.255'],
    metadata: ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16'],
    Services: ['10.96.0.1', '10.96.255.1', 'fd00:10:96::1'],
    'IPv4 in IPv6 clothes': ['::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '64:ff9b::7f00:1'],
    'no addresses': ['', 'localhost', '127.1', '0x7f000001', 'fe80::1%eth0'],
  };
  for (const [what, addresses] of Object.entries(refused)) {
    it(`are never ${what}`, () => {
      for (const address of addresses) assert.equal(allows(address, 80, [80]), false, address);
    });
  }

  it("at the server's own address are only ports that the object declares, never its own", () => {
    assert.equal(allows('192.168.0.100', 2379), false);
    assert.equal(allows('192.168.0.100', 8080, [8080]), true);
    assert.equal(allows('192.168.0.100', 6443, [6443]), false);
    assert.equal(allows('::ffff:192.168.0.100', 6443, [6443]), false);
  });
});
