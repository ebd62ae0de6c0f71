/** A copy of the sources with a mutant in it, on which the simulation can be run. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Edit, Mutant } from './mutant.ts';

export const COPIED = [
  'src',
  'test/sim',
  'test/kit',
  'test/tidy',
  'scripts',
  'package.json',
  'tsconfig.json',
];

/** The text with the fault. Throws when it is not what the mutant expects. */
export function mutated({ file, find, replace }: Edit, text: string): string {
  const parts = text.split(find);
  if (parts.length !== 2)
    throw new Error(`What a mutant replaces is ${parts.length - 1} times in ${file}: ${find}`);
  return parts.join(replace);
}

export function editsOf(mutant: Mutant): readonly Edit[] {
  return [mutant, ...(mutant.also ?? [])];
}

/** A folder to run in; the caller removes it with `remove`. */
export function copyWith(
  mutant: Mutant,
  root: string,
): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'cox-mutant-'));
  for (const path of COPIED) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of editsOf(mutant)) {
    const path = join(folder, edit.file);
    writeFileSync(path, mutated(edit, readFileSync(path, 'utf8')));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
