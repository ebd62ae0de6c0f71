import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IPBlock } from '#api/gen/networking-v1.ts';
import { parseIp } from '#base/ip.ts';
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
    [
      'IPv6 with exceptions',
      [{ cidr: 'fd00::/125', except: ['fd00::/128', 'fd00::6/127'] }],
      ['fd00::1-fd00::5'],
    ],
    [
      'both families, each for itself',
      [{ cidr: '::a00:0/127' }, { cidr: '10.0.0.0/31' }, { cidr: '::/0' }],
      ['10.0.0.0-10.0.0.1', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ],
    [
      'exceptions of another family, which change nothing',
      [{ cidr: '10.0.0.0/31', except: ['::a00:0/128'] }],
      ['10.0.0.0-10.0.0.1'],
    ],
    ['nothing of what is no range', [{ cidr: 'x' }], []],
  ];
  for (const [title, blocks, texts] of rows) {
    it(`reads ${title}`, () => {
      assert.deepEqual(addressBlocksOf(blocks).map(addressBlockText), texts);
    });
  }

  it('says whether an address is in one', () => {
    const blocks = addressBlocksOf([
      { cidr: '10.0.0.0/28', except: ['10.0.0.8/32'] },
      { cidr: 'fd00::/127' },
    ]);
    const inside = ['10.0.0.0', '10.0.0.15', '10.0.0.8', '10.0.0.16', '::a00:1', 'fd00::1', '::1'];
    assert.deepEqual(
      inside.filter((address) => blocksContain(blocks, parseIp(address)!)),
      ['10.0.0.0', '10.0.0.15', 'fd00::1'],
    );
  });
});
