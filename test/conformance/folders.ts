/** Where the built suite, the images and the logs of runs are kept: outside of the repository. */
import { join } from 'node:path';
import { userCacheFolder } from '#cli/images/cache.ts';

/** The Go module that names the suite. */
export const MODULE = import.meta.dirname;

export interface Folders {
  /** Programs that `build` makes. */
  readonly binaries: string;
  /** Names of all conformance specs, one a line. */
  readonly specs: string;
  /** Every image, as one OCI archive. */
  readonly imageArchive: string;
  /** Debian packages that were downloaded for the images. */
  readonly packages: string;
  readonly runs: string;
  /** For what is thrown away at the end. */
  readonly work: string;
}

/** `CONFORMANCE_HOME`, else in the user's cache. */
export function folders(): Folders {
  const home = process.env['CONFORMANCE_HOME'] || join(userCacheFolder(process.env), 'conformance');
  return {
    binaries: join(home, 'bin'),
    specs: join(home, 'specs.txt'),
    imageArchive: join(home, 'images.tar'),
    packages: join(home, 'packages'),
    runs: join(home, 'runs'),
    work: join(home, 'work'),
  };
}
