import assert from 'node:assert/strict';
import { it } from 'node:test';
import { interfaceNames } from './own-sysfs.ts';

it('the kernel’s table of interfaces names them', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes',
    '    lo:     100       1    0    0    0     0          0         0      100',
    'eth0.7:123456789    1    0    0    0     0          0         0      100',
    '',
  ].join('\n');
  assert.deepEqual(interfaceNames(text), ['lo', 'eth0.7']);
});
