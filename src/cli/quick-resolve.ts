/**
 * Finds our own modules by their names alone. Node looks at the disk for each of thousands of
 * imports, to learn what kind of file it is and which package it is of; of the files under `src/`
 * all that is known. Without this a start takes some 150 ms longer, and nothing else is different.
 */
import { registerHooks } from 'node:module';

const SOURCE = new URL('../', import.meta.url).href;
const FORMAT = 'module-typescript';

/** To be called before what it is to find is imported. */
export function resolveQuickly(): void {
  registerHooks({
    resolve(specifier, { parentURL }, next) {
      const url = parentURL === undefined ? undefined : quickUrl(specifier, parentURL);
      return url === undefined ? next(specifier) : { url, format: FORMAT, shortCircuit: true };
    },
  });
}

/** The URL of a module of `src/` that another one imports; undefined for everything else. */
export function quickUrl(specifier: string, parentUrl: string): string | undefined {
  if (!parentUrl.startsWith(SOURCE) || !specifier.endsWith('.ts')) return undefined;
  // As package.json maps them.
  if (specifier.startsWith('#')) return SOURCE + specifier.slice(1);
  if (specifier.startsWith('./')) {
    const folder = parentUrl.slice(0, parentUrl.lastIndexOf('/'));
    return folder + specifier.slice(1);
  }
  return specifier.startsWith('../') ? new URL(specifier, parentUrl).href : undefined;
}
