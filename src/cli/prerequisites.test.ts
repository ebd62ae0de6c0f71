import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Processes, ProcessResult } from '#base/doors.ts';
import { Progress } from './progress.ts';
import { installPrerequisites } from './prerequisites.ts';
import { UserError } from './user-error.ts';

const progress = new Progress(() => {});

/** A machine with `files`, on which apt's install fails `failures` times. */
function machine(files: readonly string[], failures = 0) {
  const commands: string[] = [];
  let left = failures;
  const processes: Processes = {
    run(command, args): Promise<ProcessResult> {
      const words = args.filter((arg) => !arg.startsWith('-') && !/::/.test(arg));
      commands.push([command, ...words].join(' '));
      const fails = words[0] === 'install' && left-- > 0;
      return Promise.resolve({
        exitCode: fails ? 100 : 0,
        stdout: Buffer.alloc(0),
        stderr: Buffer.from(fails ? 'E: Unable to locate package\n' : ''),
      });
    },
  };
  return { processes, commands, exists: (path: string) => files.includes(path) };
}

const APT = '/usr/bin/apt-get';
const ALL_BUT_CONTAINERD = [
  APT,
  '/usr/sbin/runc',
  '/usr/lib/cni/bridge',
  '/usr/sbin/nft',
  '/usr/sbin/conntrack',
  '/usr/sbin/ip',
  '/usr/sbin/sysctl',
];

describe('installPrerequisites', () => {
  it('does nothing where all is there', async () => {
    const { processes, commands, exists } = machine([...ALL_BUT_CONTAINERD, '/usr/bin/containerd']);
    await installPrerequisites({ processes, progress, exists });
    assert.deepEqual(commands, []);
  });

  it('installs what is missing, and gets the package lists when apt does not know it', async () => {
    const { processes, commands, exists } = machine(ALL_BUT_CONTAINERD, 1);
    await installPrerequisites({ processes, progress, exists });
    const install = 'apt-get install containerd';
    assert.deepEqual(commands, [install, 'apt-get update', install]);
  });

  it('installs what is asked for beside', async () => {
    const { processes, commands, exists } = machine([...ALL_BUT_CONTAINERD, '/usr/bin/containerd']);
    await installPrerequisites({
      processes,
      progress,
      exists,
      more: [['strace', ['/usr/bin/strace']]],
    });
    assert.deepEqual(commands, ['apt-get install strace']);
  });

  it('leaves no service of a package enabled or running', async () => {
    const { processes, commands, exists } = machine([...ALL_BUT_CONTAINERD, '/run/systemd/system']);
    await installPrerequisites({ processes, progress, exists });
    assert.deepEqual(commands, [
      'systemctl mask containerd.service',
      'apt-get install containerd',
      'systemctl unmask containerd.service',
      'systemctl disable containerd.service',
    ]);
  });

  it("leaves the user's containerd service alone when something else is missing", async () => {
    const files = [...ALL_BUT_CONTAINERD, '/usr/bin/containerd', '/run/systemd/system'];
    const { processes, commands, exists } = machine(files.filter((file) => !file.endsWith('/nft')));
    await installPrerequisites({ processes, progress, exists });
    assert.deepEqual(commands, ['apt-get install nftables']);
  });

  it('says what to do when it cannot', async () => {
    const offline = machine(ALL_BUT_CONTAINERD, 2);
    await assert.rejects(
      installPrerequisites({ ...offline, progress }),
      (error) =>
        error instanceof UserError &&
        /Cannot install containerd: E: Unable.*apt-get update/s.test(error.message),
    );
    const other = machine([]);
    await assert.rejects(
      installPrerequisites({ ...other, progress }),
      (error) =>
        error instanceof UserError &&
        /containerd.*conntrack.*no apt-get.*--simulated-nodes/.test(error.message),
    );
    assert.deepEqual(other.commands, []);
  });
});
