/** The files of Debian packages, as an image holds them: nothing of this machine's own comes in. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { output } from '../command.ts';
import type { Folders } from '../folders.ts';

/** apt as if nothing were installed, and as any user. */
const APT = [
  '-qq',
  '-o',
  'Dir::State::status=/dev/null',
  '-o',
  'Debug::NoLocking=1',
  '-o',
  'APT::Sandbox::User=',
  '-o',
  'APT::Install-Recommends=false',
];
/** Since Debian 12 all programs and libraries lie in /usr. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const NOT_NEEDED = ['doc', 'man', 'locale', 'info', 'lintian', 'bug', 'bash-completion'];

export class Packages {
  readonly #folders: Folders;

  constructor(folders: Folders) {
    this.#folders = folders;
  }

  /** Downloads packages with all that they need; answers the names of their files. */
  closure(names: readonly string[]): string[] {
    const { packages, work } = this.#folders;
    const none = join(work, 'no-packages');
    for (const folder of [packages, none]) mkdirSync(join(folder, 'partial'), { recursive: true });
    const cache = (folder: string): string[] => ['-o', `Dir::Cache::archives=${folder}`];
    output('apt-get', [...APT, ...cache(packages), '-y', '--download-only', 'install', ...names]);
    // A package that is in the cache already has no address to print: so an empty cache is asked.
    const plan = output('apt-get', [...APT, ...cache(none), '--print-uris', 'install', ...names]);
    return plan
      .split('\n')
      .flatMap((line) => line.split(' ')[1] ?? [])
      .sort();
  }

  /** Unpacks package files (as `closure` names them) into a folder. */
  unpack(files: readonly string[], folder: string): void {
    for (const name of MERGED) {
      mkdirSync(join(folder, 'usr', name), { recursive: true });
      rmSync(join(folder, name), { force: true });
      symlinkSync(`usr/${name}`, join(folder, name));
    }
    for (const file of files) {
      output('sh', [
        '-c',
        'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner',
        'unpack',
        join(this.#folders.packages, file),
        folder,
      ]);
    }
    for (const name of NOT_NEEDED)
      rmSync(join(folder, 'usr', 'share', name), { recursive: true, force: true });
  }
}
