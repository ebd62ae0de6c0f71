import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sh, unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
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

const NAMESPACES = [`coxos${process.pid}a`, `coxos${process.pid}b`] as const;
const skip = unlessNetworkNamespaces(NAMESPACES[0], ['nsenter', 'umount']);

describe('where interfaces are seen', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'own-sysfs-'));
  const mounted = join(folder, 'sys');
  /** In a process of that namespace, which keeps the `/sys` of this one; and what it ran. */
  const ownSysfsIn = (namespace: string): string => {
    const program = `
      import { ownSysfs } from './src/cli/own-sysfs.ts';
      import { realProcesses } from './src/edge/processes.ts';
      const ran = [];
      const run = (...call) => (ran.push(call[0]), realProcesses().run(...call));
      console.log(await ownSysfs({ runtimePath: '${folder}' }, { run }), ...ran);`;
    return sh(
      `nsenter --net=${namespace} ${process.execPath} --input-type=module -e "${program}"`,
    ).trim();
  };
  const shown = (): string[] => readdirSync(`${mounted}/class/net`).toSorted();

  before(() => {
    for (const [nth, name] of NAMESPACES.entries())
      sh(`ip netns add ${name}
        ip -n ${name} link add name own${nth} type bridge`);
  });
  after(() => {
    spawnSync('umount', [mounted]);
    for (const name of NAMESPACES) spawnSync('ip', ['netns', 'del', name]);
    rmSync(folder, { recursive: true });
  });

  it('is /sys, or a mount where that is of another namespace, also of one of before', () => {
    assert.equal(ownSysfsIn('/proc/self/ns/net'), '/sys');
    for (const [nth, name] of NAMESPACES.entries()) {
      const ran = nth === 0 ? 'mount' : 'umount mount';
      assert.equal(ownSysfsIn(`/run/netns/${name}`), `${mounted} ${ran}`);
      assert.deepEqual(shown(), ['lo', `own${nth}`]);
      assert.equal(ownSysfsIn(`/run/netns/${name}`), mounted);
    }
  });
});
