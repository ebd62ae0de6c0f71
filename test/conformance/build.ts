/**
 * Builds, from the modules that go.mod names: the suite (`e2e.test`), what runs it side by side
 * (`ginkgo`), kubectl, and the programs that the test images hold.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { output, say } from './command.ts';
import { type Folders, MODULE } from './folders.ts';
import { readResults } from './junit.ts';

/** Static programs run in any image. */
const STATIC = { CGO_ENABLED: '0' };
const SOURCES = ['go.mod', 'go.sum', 'suite_test.go', 'build.ts'];

/** Does nothing when all is built of these sources already. */
export function build(folders: Folders): void {
  const stampPath = join(folders.binaries, '.stamp');
  const stamp = stampOfSources();
  if (readIfThere(stampPath) === stamp) return;
  say('Building the suite and its programs: minutes, the first time …');
  mkdirSync(folders.binaries, { recursive: true });
  rmSync(stampPath, { force: true });
  const flags = ['-trimpath', '-ldflags', `-s -w ${versionFlags()}`];
  go(['build', ...flags, '-o', `${folders.binaries}/`, 'tool']);
  go(['test', '-c', '-vet=off', ...flags, '-o', join(folders.binaries, 'e2e.test'), '.']);
  writeFileSync(folders.specs, `${conformanceSpecs(folders).join('\n')}\n`);
  writeFileSync(stampPath, stamp);
}

/** The folder of upstream's sources in Go's module cache. */
export function upstreamSources(): string {
  return go(['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes']).trim();
}

/** Names of the specs that a label filter and other flags of the runner choose, without a cluster. */
export function chosenSpecs(folders: Folders, selection: readonly string[]): string[] {
  const report = join(folders.work, `dry-run-${process.pid}`);
  try {
    output(join(folders.binaries, 'e2e.test'), [
      ...selection.map((flag) => flag.replace(/^--/, '--ginkgo.')),
      '--ginkgo.dry-run',
      '--ginkgo.silence-skips',
      '--provider=skeleton',
      `--report-dir=${report}`,
    ]);
    return readResults(report)
      .filter(({ result }) => result === 'pass')
      .map(({ name }) => name)
      .sort();
  } finally {
    rmSync(report, { recursive: true, force: true });
  }
}

function conformanceSpecs(folders: Folders): string[] {
  return chosenSpecs(folders, ['--label-filter=Conformance']);
}

/** Without it kubectl and the suite call themselves v0.0.0, and find that they do not fit together. */
function versionFlags(): string {
  const version = go(['list', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes']).trim();
  const [major = '', minor = ''] = version.slice(1).split('.');
  const facts = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .flatMap((path) => Object.entries(facts).map(([name, value]) => `-X ${path}.${name}=${value}`))
    .join(' ');
}

function stampOfSources(): string {
  const hash = createHash('sha256').update(go(['version']));
  for (const file of SOURCES) hash.update(readFileSync(join(MODULE, file)));
  return hash.digest('hex');
}

function go(args: readonly string[]): string {
  return output('go', args, { directory: MODULE, environment: STATIC });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
