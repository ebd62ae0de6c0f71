/** What runs when a file is imported: all that it imports, and so on. */
import { dirname, join } from 'node:path';
import { valueImportsOf } from './source-files.ts';

/** Texts by their paths from the root. */
export type Files = Pick<ReadonlyMap<string, string>, 'get'>;

/** The files and packages that run when one of `entries` is imported. */
export function bundleOf(
  entries: readonly string[],
  files: Files,
): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const reached = new Set<string>();
  const packages = new Set<string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    const text = files.get(path);
    if (text === undefined) throw new Error(`Cannot follow imports to ${path}: no such file`);
    reached.add(path);
    for (const target of valueImportsOf(text)) {
      const name = packageOf(target);
      if (name !== undefined) packages.add(name);
      else if (!target.startsWith('node:')) open.push(pathOf(target, path));
    }
  }
  return { files: reached, packages };
}

/** `@scope/name` of `@scope/name/file.js`; undefined for files of ours and of Node. */
function packageOf(target: string): string | undefined {
  if (/^([.#]|node:)/.test(target)) return undefined;
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function pathOf(target: string, importer: string): string {
  if (target.startsWith('#kit/')) return `test/${target.slice(1)}`;
  return target.startsWith('#') ? `src/${target.slice(1)}` : join(dirname(importer), target);
}
