import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { addressBytes, addressOfDashedName, addressOfReverseName, dashedName } from './names.ts';
import { NodeResolvers } from './node-resolvers.ts';

describe('addressBytes', () => {
  const rows: [text: string, bytes: number[] | undefined][] = [
    ['10.0.0.255', [10, 0, 0, 255]],
    ['0.0.0.0', [0, 0, 0, 0]],
    ['10.0.0.256', undefined],
    ['10.0.0.01', undefined],
    ['10.0.00.1', undefined],
    ['10.0.0', undefined],
    ['10.0.0.', undefined],
    ['10.0.0.1.', undefined],
    ['10..0.1', undefined],
    ['10.0.0.1.1', undefined],
    ['10.0.0.x', undefined],
    ['', undefined],
    ['fd00::1', [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  ];
  for (const [text, bytes] of rows) {
    it(`${JSON.stringify(text)}: ${bytes?.join()}`, () => {
      const read = addressBytes(text);
      assert.deepEqual(read && [...read], bytes);
    });
  }
});

describe('addresses inside names', () => {
  it('are read from reverse names', () => {
    assert.equal(addressOfReverseName('4.3.2.1.in-addr.arpa'), '1.2.3.4');
    assert.equal(addressOfReverseName('256.3.2.1.in-addr.arpa'), undefined);
    assert.equal(addressOfReverseName('x.4.3.2.1.in-addr.arpa'), undefined);
    const six = `1.${'0.'.repeat(28)}0.d.f.ip6.arpa`;
    assert.equal(addressOfReverseName(six), 'fd00::1');
    assert.equal(addressOfReverseName(`0.${six}`), undefined);
    assert.equal(addressOfReverseName(six.replace('1.', 'g.')), undefined);
  });

  it('are written and read with dashes', () => {
    for (const address of ['10.244.0.7', 'fd00::1', '::1'])
      assert.equal(addressOfDashedName(dashedName(address)), address);
    assert.equal(addressOfDashedName('10-244-0'), undefined);
  });
});

describe('NodeResolvers', () => {
  it('reads them again after a second', async () => {
    const environment = new VirtualEnvironment();
    let texts = ['192.0.2.1', 'not an address'];
    const resolvers = new NodeResolvers({ environment, resolvers: () => texts, resolverPort: 54 });
    const first = [{ host: '192.0.2.1', port: 54 }];
    assert.deepEqual(resolvers.addresses(), first);
    texts = ['fd00::1'];
    await environment.advance(999);
    assert.deepEqual(resolvers.addresses(), first);
    await environment.advance(1);
    assert.deepEqual(resolvers.addresses(), [{ host: 'fd00::1', port: 54 }]);
  });
});
