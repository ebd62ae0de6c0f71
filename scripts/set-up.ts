/**
 * Before `npm test`: what tests with real containers need of the machine. Where it cannot be
 * installed (no root, no Debian, no network) those tests are skipped, and say so by name.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realProcesses } from '#edge/processes.ts';
import { allRecipes, fillImageCache } from '#cli/images/import.ts';
import { installPrerequisites, updatePackageLists } from '#cli/prerequisites.ts';
import { Progress } from '#cli/progress.ts';
import { messageOf } from '#cli/user-error.ts';
import { BUSYBOX_RECIPE } from '#kit/busybox-image.ts';

/** Shows that writes are on the disk before they are answered. */
const STRACE = ['strace', ['/usr/bin/strace']] as const;
/** From which nodes pull images. */
const REGISTRY = ['docker-registry', ['/usr/bin/docker-registry']] as const;
/** Of what images are made. */
const IMAGE_PACKAGES = ['busybox-static', 'catatonit'];

async function setUp(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    process.stdout.write('Tests with real containers are skipped: they need Linux and root.\n');
    return;
  }
  const processes = realProcesses();
  const progress = new Progress((line) => process.stdout.write(line));
  try {
    await installPrerequisites({ processes, progress, more: [STRACE, REGISTRY] });
    const { exitCode } = await processes.run('apt-cache', ['show', ...IMAGE_PACKAGES]);
    if (exitCode !== 0)
      await progress.step('Getting the package lists', () => updatePackageLists(processes));
    // Tests with real containers run in networks of their own, where no mirror is.
    const folder = mkdtempSync(join(tmpdir(), 'coxswain-images-'));
    try {
      await fillImageCache([...allRecipes(), BUSYBOX_RECIPE], { processes, progress, folder });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } catch (error) {
    process.stdout.write(`${messageOf(error)}\n`);
  }
}

await setUp();
