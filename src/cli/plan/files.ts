/** The texts of a change: files, folders and stdin, as `kubectl -f` takes them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../user-error.ts';

export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** What kubectl takes out of a folder. */
const EXTENSIONS = /\.(json|ya?ml)$/;

/** In the order of the names given; the files of a folder in that of their names. Throws UserError. */
export function readTexts(
  names: readonly string[],
  { recursive, stdin }: { readonly recursive: boolean; readonly stdin: () => string },
): NamedText[] {
  return names.flatMap((name) => {
    if (name === '-') return [{ name: 'stdin', text: stdin() }];
    return pathsAt(name, recursive).map((path) => ({ name: path, text: textAt(path) }));
  });
}

function pathsAt(name: string, recursive: boolean): string[] {
  if (!isFolder(name)) return [name];
  const paths = filesIn(name, recursive);
  if (paths.length > 0) return paths;
  throw new UserError(`error reading [${name}]: recognized file extensions are [.json .yaml .yml]`);
}

function isFolder(name: string): boolean {
  try {
    return statSync(name).isDirectory();
  } catch {
    throw new UserError(`the path ${JSON.stringify(name)} does not exist`);
  }
}

function filesIn(folder: string, recursive: boolean): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isFolder(path)) return recursive ? filesIn(path, recursive) : [];
    return EXTENSIONS.test(entry.name) ? [path] : [];
  });
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}
