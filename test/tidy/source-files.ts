/** The source files of the project, read once, and what they import. */
import { globSync, readFileSync } from 'node:fs';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

let files: readonly SourceFile[] | undefined;

export function sourceFiles(): readonly SourceFile[] {
  files ??= globSync('src/*/**/*.ts')
    .sort()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  return files;
}

const IMPORT =
  /^\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** What a file imports, as written. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].flatMap((match) => match[1] ?? match[2] ?? match[3] ?? []);
}

const TYPES = /^\s*(?:import|export)\s+type\b[^'";]*?from\s*['"][^'"]+['"]/gm;
const THREAD = /\bnew URL\(\s*['"](\.[^'"]+\.ts)['"]\s*,\s*import\.meta\.url/g;

/** What runs because a file is imported: no types, but the programs of its threads. */
export function valueImportsOf(text: string): string[] {
  const threads = [...text.matchAll(THREAD)].flatMap((match) => match[1] ?? []);
  return [...importsOf(text.replace(TYPES, '')), ...threads];
}

/** Tests, and what only tests use: kits, and the conformance suites of interfaces. */
export function isForTests(path: string): boolean {
  return /\.test\.ts$|\/[^/]*test-kit\.ts$|\/conformance[^/]*\.ts$/.test(path);
}

/** `src/store/sqlite/worker.ts` is in module `store`. */
export function moduleOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Text with comments and strings blanked, so that a ban on a call is no ban on its name. */
export function codeOf(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (match) => match.replace(/[^\n]/g, ' '),
  );
}
