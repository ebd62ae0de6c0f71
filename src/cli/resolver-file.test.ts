import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolverFile } from './resolver-file.ts';

const OWN = '/etc/resolv.conf';
const BEHIND = '/run/systemd/resolve/resolv.conf';

describe('resolverFile', () => {
  it('is that of systemd-resolved where the machine asks loopback alone', () => {
    const rows: readonly [files: Readonly<Record<string, string>>, expected: string][] = [
      [{ [OWN]: 'nameserver 127.0.0.53\n', [BEHIND]: 'nameserver 192.0.2.1\n' }, BEHIND],
      [{ [OWN]: 'nameserver ::1\n', [BEHIND]: '' }, BEHIND],
      [{ [OWN]: 'nameserver 127.0.0.53\n' }, OWN],
      [{ [OWN]: 'nameserver 192.0.2.9\nnameserver 127.0.0.1\n', [BEHIND]: '' }, OWN],
      [{ [OWN]: 'search example\n', [BEHIND]: '' }, OWN],
      [{ [BEHIND]: '' }, OWN],
      [{}, OWN],
    ];
    for (const [files, expected] of rows)
      assert.equal(
        resolverFile((path) => files[path]),
        expected,
        JSON.stringify(files),
      );
  });
});
