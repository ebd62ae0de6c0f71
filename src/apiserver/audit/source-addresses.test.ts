import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceAddresses } from './source-addresses.ts';

describe('addresses of a request', () => {
  const rows: [forwarded: string, real: string, peer: string | undefined, want: string[]][] = [
    ['', '', '10.0.0.1', ['10.0.0.1']],
    ['', '', '::ffff:10.0.0.1', ['10.0.0.1']],
    ['', '', '2001:DB8::1', ['2001:db8::1']],
    ['1.1.1.1, nonsense,2.2.2.2', '', '10.0.0.1', ['1.1.1.1', '2.2.2.2', '10.0.0.1']],
    ['1.1.1.1', '3.3.3.3', '10.0.0.1', ['1.1.1.1', '3.3.3.3', '10.0.0.1']],
    ['1.1.1.1,3.3.3.3', '1.1.1.1', '10.0.0.1', ['1.1.1.1', '3.3.3.3', '10.0.0.1']],
    ['1.1.1.1', '', '1.1.1.1', ['1.1.1.1']],
    ['10.0.0.1,1.1.1.1', '', '10.0.0.1', ['10.0.0.1', '1.1.1.1', '10.0.0.1']],
    ['', '', undefined, []],
  ];
  for (const [forwarded, real, peer, want] of rows)
    it(`${forwarded} | ${real} | ${peer} are ${want.join(' ')}`, () => {
      const headers = { 'x-forwarded-for': forwarded, 'x-real-ip': real };
      const request = { headers, ...(peer === undefined ? {} : { peer: { address: peer } }) };
      assert.deepEqual(sourceAddresses(request), want);
    });
});
