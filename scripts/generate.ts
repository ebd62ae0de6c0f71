/**
 * Makes `src/api/gen/`: TypeScript interfaces and the field table of every kind, and the messages
 * of the container runtime interface.
 *
 *   node scripts/generate.ts [--from DIR]
 *
 * The facts come from the Go sources of Kubernetes' libraries as Debian packages them. Without
 * `--from` they are downloaded (`scripts/debian.ts`); with it, DIR is a directory that
 * holds `k8s.io/`, the Go source root of the unpacked packages. Only names, numbers, types, keys
 * and defaults are taken, no sentences. The output is committed; nothing else writes there.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchPackages } from './debian.ts';
import { apiregistration } from './generate/apiregistration.ts';
import { protoDisagreements } from './generate/check-proto.ts';
import { readCri, writeCriInterfaces, writeCriTable } from './generate/cri.ts';
import { readPackage } from './generate/go.ts';
import { writeInterfaces } from './generate/interfaces.ts';
import { buildModel } from './generate/model.ts';
import { readSmd } from './generate/smd.ts';
import { DEBIAN_PACKAGES, LIBRARY_VERSION, packageSources } from './generate/sources.ts';
import { writeTable } from './generate/table.ts';

const OUTPUT = join(import.meta.dirname, '../src/api/gen');

function generate(root: string): void {
  const packages = [
    ...packageSources().map((source) => readPackage(root, source)),
    apiregistration(),
  ];
  const models = buildModel(packages);
  const smd = readSmd(root);
  const disagreements = [...smd.disagreements(models), ...protoDisagreements(root, models)];
  if (disagreements.length > 0) {
    throw new Error(`Cannot trust the facts: sources disagree\n${disagreements.join('\n')}`);
  }
  mkdirSync(OUTPUT, { recursive: true });
  for (const [file, text] of writeInterfaces(models))
    writeFileSync(join(OUTPUT, `${file}.ts`), text);
  writeFileSync(join(OUTPUT, 'schema.gen.ts'), writeTable(models, smd));
  const cri = readCri(root);
  writeFileSync(join(OUTPUT, 'cri-v1.ts'), writeCriInterfaces(cri));
  writeFileSync(join(OUTPUT, 'cri.gen.ts'), writeCriTable(cri));
}

function checkVersion(file: string): void {
  if (!file.includes(`_${LIBRARY_VERSION}`))
    throw new Error(`Cannot use ${file}: its version must begin with ${LIBRARY_VERSION}`);
}

/** Runs with the Go source root: that of `--from`, or a fresh one that is removed afterwards. */
function withSources(run: (root: string) => void): void {
  const from = process.argv.indexOf('--from');
  const given = process.argv[from + 1];
  if (from > 0 && given !== undefined) {
    run(given);
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'coxswain-generate-'));
  try {
    // Unstable has the newest sources.
    const unpacked = fetchPackages(directory, 'unstable', DEBIAN_PACKAGES, checkVersion);
    run(join(unpacked, 'usr/share/gocode/src'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

withSources(generate);
