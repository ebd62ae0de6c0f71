/**
 * `npm run test:vm`: the tests that need more than this machine may have (version 2 of cgroups,
 * containerd 2, AppArmor, SCTP, user namespaces), in a virtual machine that is made for them.
 *
 * Files given as arguments are tested instead of all; after `--`, a command runs instead of tests.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { realProcesses } from '#edge/processes.ts';
import { installPrerequisites } from '#cli/prerequisites.ts';
import { Progress } from '#cli/progress.ts';
import { messageOf } from '#cli/user-error.ts';
import { cacheFolder, findDisk } from './vm/disk.ts';
import { hasKvm, runMachine } from './vm/machine.ts';
import { packPackages, packRepository } from './vm/repository.ts';
import { guestCommand } from './vm/command.ts';

const NEEDED = [
  ['qemu-system-x86', ['/usr/bin/qemu-system-x86_64']],
  ['mmdebstrap', ['/usr/bin/mmdebstrap']],
  ['e2fsprogs', ['/sbin/mke2fs', '/usr/sbin/mke2fs']],
] as const;
const MEMORY_MIB = 5120;
const LIMIT_MS = 45 * 60_000;

async function main(args: readonly string[]): Promise<number> {
  const progress = new Progress((line) => process.stdout.write(line));
  await installPrerequisites({ processes: realProcesses(), progress, more: NEEDED });
  const disk = await progress.step('Finding the disk of the virtual machine', () =>
    Promise.resolve(findDisk()),
  );
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-vm-'));
  try {
    const command = guestCommand(args, { all: realTests(), hasKvm: hasKvm() });
    const root = join(import.meta.dirname, '..');
    const repository = packRepository(root, folder, command);
    const packages = packPackages(root, cacheFolder());
    const processors = Math.min(2, availableParallelism());
    return await runMachine(
      { disk, hasKvm: hasKvm(), repository, packages, folder, processors, memoryMib: MEMORY_MIB },
      LIMIT_MS,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function realTests(): string[] {
  return globSync(['{src,test}/**/{*real,kernel}.test.ts']).sort();
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
