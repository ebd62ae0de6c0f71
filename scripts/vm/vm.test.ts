import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { guestCommand } from './command.ts';
import { machineArguments, runsGuests } from './machine.ts';
import { diskRecipe } from './recipe.ts';

describe('guestCommand', () => {
  it('runs all tests, those that are named, or a command', () => {
    const all = { all: ['a', 'b'], hasKvm: true };
    assert.equal(guestCommand([], all), "node --test --test-concurrency=1 'a' 'b'\n");
    assert.equal(guestCommand(['c'], all), "node --test --test-concurrency=1 'c'\n");
    assert.equal(guestCommand(['--', 'c'], all), "'c'\n");
  });
  it('waits longer where the processor is emulated', () => {
    const script = guestCommand(['--', 'sh', '-c', 'echo $COXSWAIN_TEST_PATIENCE'], {
      all: [],
      hasKvm: false,
    });
    assert.equal(spawnSync('sh', ['-c', script]).stdout.toString(), '15\n');
  });
  it('gives the shell the words as they are', () => {
    const script = guestCommand(['--', 'printf', '%s|', "it's", '$HOME', 'two words'], {
      all: [],
      hasKvm: true,
    });
    assert.equal(spawnSync('sh', ['-c', script]).stdout.toString(), "it's|$HOME|two words|");
  });
});

const OPTIONS = {
  disk: { kernel: '/d/kernel', initrd: '/d/initrd', root: '/d/root.ext4' },
  repository: '/f/repository.ext4',
  packages: '/c/packages.ext4',
  folder: '/f',
  processors: 2,
  memoryMib: 1024,
  hasKvm: true,
};

/** What follows each `name`. */
function valuesOf(name: string, args: readonly string[]): (string | undefined)[] {
  return args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []));
}

describe('machineArguments', () => {
  it('keeps nothing that the guest writes', () => {
    const drives = valuesOf('-drive', machineArguments(OPTIONS));
    assert.deepEqual(
      drives.map((drive) => /^file=([^,]+),/.exec(drive ?? '')?.[1]),
      ['/d/root.ext4', '/f/repository.ext4', '/c/packages.ext4'],
    );
    for (const drive of drives) assert.match(drive ?? '', /snapshot=on/);
  });
  it('has no way to the outside', () => {
    assert.deepEqual(valuesOf('-netdev', machineArguments(OPTIONS)), ['user,id=net,restrict=on']);
  });
  it('has only the devices that are named', () => {
    assert.ok(machineArguments(OPTIONS).includes('-nodefaults'));
  });
  it('asks the processor whether it runs guests', () => {
    for (const name of ['vmx', 'svm'])
      assert.equal(runsGuests(`processor\t: 0\nflags\t\t: fpu ${name} sse\n`), true);
    assert.equal(runsGuests('flags\t\t: fpu svmx sse\nvmx flags\t: vnmi\n'), false);
  });
  it('emulates the processor where it has to', () => {
    assert.deepEqual(valuesOf('-accel', machineArguments(OPTIONS)), ['kvm']);
    assert.deepEqual(valuesOf('-accel', machineArguments({ ...OPTIONS, hasKvm: false })), [
      'tcg,thread=multi',
    ]);
  });
});

describe('diskRecipe', () => {
  it('has a script that a shell can read, and a key that names it', () => {
    const { hook, key } = diskRecipe();
    assert.equal(spawnSync('sh', ['-n'], { input: hook }).status, 0);
    assert.match(hook, /\napt-get -qq .*download busybox-static catatonit\n/);
    assert.match(hook, /^exec \/bin\/sh \/repository\/scripts\/vm\/guest\.sh\nEND$/m);
    assert.match(key, /^[0-9a-f]{12}$/);
  });
});
