import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IPBlock } from '#api/gen/networking-v1.ts';
import { addressBlocksOf, addressBlockText, blocksContain } from './address-blocks.ts';

describe('addressBlocksOf', () => {
  const rows: [title: string, blocks: IPBlock[], texts: string[]][] = [
    ['a range', [{ cidr: '10.0.0.0/8' }], ['10.0.0.0-10.255.255.255']],
    ['one address', [{ cidr: '10.0.0.7/32' }], ['10.0.0.7']],
    ['everything', [{ cidr: '0.0.0.0/0' }], ['0.0.0.0-255.255.255.255']],
    [
      'exceptions at both ends and within',
      [{ cidr: '10.0.0.0/28', except: ['10.0.0.0/31', '10.0.0.8/32', '10.0.0.15/32'] }],
      ['10.0.0.2-10.0.0.7', '10.0.0.9-10.0.0.14'],
    ],
    ['nothing where all is excepted', [{ cidr: '10.0.0.0/28', except: ['10.0.0.0/24'] }], []],
    [
      'exceptions elsewhere',
      [{ cidr: '10.0.0.0/31', except: ['10.0.1.0/24'] }],
      ['10.0.0.0-10.0.0.1'],
    ],
    [
      'what one block excepts and another holds',
      [{ cidr: '10.0.0.0/24', except: ['10.0.0.0/25'] }, { cidr: '10.0.0.8/32' }],
      ['10.0.0.8', '10.0.0.128-10.0.0.255'],
    ],
    [
      'blocks that overlap or touch as one',
      [{ cidr: '10.0.1.0/24' }, { cidr: '10.0.0.0/24' }, { cidr: '10.0.0.9/32' }],
      ['10.0.0.0-10.0.1.255'],
    ],
    ['nothing of IPv6', [{ cidr: 'fd00::/8', except: ['fd01::/16'] }], []],
  ];
  for (const [title, blocks, texts] of rows) {
    it(`reads ${title}`, () => {
      assert.deepEqual(addressBlocksOf(blocks).map(addressBlockText), texts);
    });
  }

  it('says whether an address is in one', () => {
    const blocks = addressBlocksOf([{ cidr: '10.0.0.0/28', except: ['10.0.0.8/32'] }]);
    const inside = ['10.0.0.0', '10.0.0.15', '10.0.0.8', '10.0.0.16', '::a00:1', 'x'];
    assert.deepEqual(
      inside.filter((address) => blocksContain(blocks, address)),
      ['10.0.0.0', '10.0.0.15'],
    );
  });
});
