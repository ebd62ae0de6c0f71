/**
 * Variables out of a file that another container has written into a volume (`fileKeyRef`).
 *
 * The file has a part of the shell's syntax: `NAME='value'`, with values of several lines, comments,
 * and nothing but single quotes. Source: KEP-3721. Upstream: pkg/kubelet/util/env/env_util.go and
 * pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), v1.36.
 */
import type { FileKeySelector } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { MountedVolume } from '../volumes/volume-manager.ts';

/** Whoever wrote it may go on writing; upstream has no limit but that of a line, 64 KiB. */
const FILE_BYTES_MAX = 1024 * 1024;

export interface EnvFileVolumes {
  readonly fileSystem: Pick<FileSystem, 'readWithin'>;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
}

/** Undefined: it is optional and not there. An empty value counts as not there. Rejects with upstream's message. */
export async function fileValue(
  { volumeName, path, key, optional = false }: FileKeySelector,
  { fileSystem, volumes }: EnvFileVolumes,
): Promise<string | undefined> {
  const volume = volumes.get(volumeName);
  if (volume === undefined || volume.path === '')
    throw new Error(`cannot find the volume "${volumeName}" referenced by FileKeyRef`);
  let value: string | undefined;
  try {
    const bytes = await fileSystem.readWithin(volume.path, path, FILE_BYTES_MAX);
    value = variableIn(Buffer.from(bytes).toString(), key);
  } catch (error) {
    // What is in the file, or why it cannot be read, is not for whoever reads the pod's status.
    throw new Error("couldn't parse env file", { cause: error });
  }
  if (value !== undefined && value !== '') return value;
  if (optional) return undefined;
  throw new Error(`environment variable key "${key}" not found in file "${volume.path}/${path}"`);
}

/** The first value of `name`; lines after it are not looked at. Throws where a line before it is none. */
export function variableIn(text: string, name: string): string | undefined {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = (lines[at] ?? '').replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const fault = (what: string): Error =>
      new Error(`invalid environment variable format at line ${at + 1}: ${what}`);
    const equals = line.indexOf('=');
    if (equals < 0) throw fault("missing '='");
    const found = line.slice(0, equals);
    if (found.trim() === '') throw fault('empty variable name');
    if (/[ \t]$/.test(found)) throw fault("whitespace before '=' is not allowed");
    let rest = line.slice(equals + 1);
    // As a shell reads it: an empty value, and a command after it.
    if (/^[ \t]/.test(rest)) {
      if (found === name) return '';
      continue;
    }
    if (!rest.startsWith("'")) throw fault('value must be enclosed in single quotes');
    rest = rest.slice(1);
    let value = '';
    for (const first = at + 1; !rest.includes("'"); rest = lines[at] ?? '') {
      value += `${rest}\n`;
      at += 1;
      if (at === lines.length)
        throw new Error(
          `invalid environment variable format starting at line ${first}: unclosed single quote`,
        );
    }
    const closing = rest.indexOf("'");
    if (!/^[ \t]*(#|$)/.test(rest.slice(closing + 1)))
      throw fault('unexpected content after closing quote');
    if (found === name) return value + rest.slice(0, closing);
  }
  return undefined;
}
