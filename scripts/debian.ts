/**
 * Fetches packages of another suite of Debian, without touching the machine's own package lists.
 *
 * The mirror and its key are those of the machine's configuration; only the suite is another one.
 * apt checks the signatures.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Mirror {
  readonly uri: string;
  readonly signedBy: string | undefined;
}

/**
 * Downloads `packages` of `suite` and unpacks them into a folder of `directory`, which it names.
 * Dependencies do not come with them. `check` is given each file's name before it is unpacked, and
 * throws where it will not do. Needs apt-get and dpkg-deb.
 */
export function fetchPackages(
  directory: string,
  suite: string,
  packages: readonly string[],
  check: (file: string) => void = () => {},
): string {
  const lists = join(directory, 'lists');
  const cache = join(directory, 'cache');
  for (const path of [lists, cache]) mkdirSync(join(path, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives/partial'), { recursive: true });
  const sources = join(directory, 'suite.sources');
  writeFileSync(sources, sourcesText(findMirror(), suite));
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${cache}`,
    'APT::Get::List-Cleanup=0',
    // The directory is private to this user, which apt's own user cannot enter.
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  const run = (command: string, args: readonly string[]): void => {
    execFileSync(command, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  run('apt-get', [...options, 'update']);
  run('apt-get', [...options, 'download', ...packages]);
  const unpacked = join(directory, 'unpacked');
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.deb'))) {
    check(file);
    run('dpkg-deb', ['-x', file, unpacked]);
  }
  return unpacked;
}

function sourcesText({ uri, signedBy }: Mirror, suite: string): string {
  const key = signedBy === undefined ? '' : `Signed-By: ${signedBy}\n`;
  return `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\n${key}`;
}

/** The first Debian archive in the machine's apt configuration. */
export function findMirror(): Mirror {
  for (const path of configurationFiles()) {
    for (const mirror of readMirrors(readFileSync(path, 'utf8'))) {
      if (/\/debian\/?$/.test(mirror.uri)) return mirror;
    }
  }
  throw new Error('Cannot find a mirror of Debian: /etc/apt names none');
}

function configurationFiles(): string[] {
  const parts = '/etc/apt/sources.list.d';
  const inParts = existsSync(parts) ? readdirSync(parts).toSorted() : [];
  const files = ['/etc/apt/sources.list', ...inParts.map((name) => join(parts, name))];
  return files.filter((path) => existsSync(path) && /\.(?:list|sources)$/.test(path));
}

/** Both forms that apt knows: one line an entry, and stanzas of fields. */
function readMirrors(text: string): Mirror[] {
  const lines = [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s/gm)].map((match) => ({
    uri: match[2] ?? '',
    signedBy: /signed-by=(\S+)/.exec(match[1] ?? '')?.[1],
  }));
  const stanzas = text.split(/\n\s*\n/).flatMap((stanza) => {
    const uris = /^URIs:\s*(.+)$/m.exec(stanza)?.[1]?.split(/\s+/) ?? [];
    const signedBy = /^Signed-By:\s*(\S+)$/m.exec(stanza)?.[1];
    return uris.map((uri) => ({ uri, signedBy }));
  });
  return [...lines, ...stanzas];
}
