import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chooseConfig, type ConfigChoice, nodeNameOf } from './cluster-choices.ts';
import { dataDirectoryAt, prepareDataDirectory } from './data-directory.ts';
import { Progress } from './progress.ts';
import { UserError } from './user-error.ts';

const skip = existsSync('/proc/net/if_inet6') ? false : 'the kernel has no IPv6';

describe('a cluster of both families in pods', { skip }, () => {
  const RANGES = ['fd00:10:96::/112,10.96.0.0/16', '10.96.0.0/16,fd00:10:96::/112'] as const;
  const choiceIn = (path: string, serviceCidr: string): ConfigChoice => {
    const data = dataDirectoryAt(path);
    prepareDataDirectory(data);
    return {
      asked: undefined,
      data,
      simulatedNodes: 0,
      ranges: { serviceCidr },
      selfHosted: true,
      dns: 'pods',
      history: {},
      versions: {},
      progress: new Progress(() => {}),
    };
  };
  const folderFor = (t: { after(end: () => void): void }): string => {
    const folder = mkdtempSync(join(tmpdir(), 'choices-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  it('has a node with an address of each, the first family’s first', async (t) => {
    const config = await chooseConfig(choiceIn(folderFor(t), RANGES[0]));
    assert.deepEqual([config.selfHosted, config.dns], [true, 'pods']);
    assert.equal(config.dnsAddress, 'fd00:10:96::a');
    assert.match(config.nodeAddress, /:/);
    assert.match(config.secondNodeAddress ?? '', /^[0-9.]+$/);
  });

  it('takes a port that is free by both', async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
    t.after(() => server.close());
    const taken = server.address();
    const port = typeof taken === 'object' ? (taken?.port ?? 0) : 0;
    const asked = { host: '127.0.0.1', port };
    for (const serviceCidr of RANGES)
      await assert.rejects(
        chooseConfig({ ...choiceIn(folderFor(t), serviceCidr), asked }),
        (error) => error instanceof UserError && /another program does/.test(error.message),
      );
  });
});

describe('nodeNameOf', () => {
  it('is the name of the machine where a Node may have it, else the nearest', () => {
    const names = {
      'Host-1.Example.COM': 'host-1.example.com',
      my_host: 'my-host',
      '_a.-b-': 'a.b',
    };
    for (const [machine, name] of Object.entries(names)) assert.equal(nodeNameOf(machine), name);
    for (const odd of ['', '---', '___']) assert.equal(nodeNameOf(odd), 'node');
  });
});
