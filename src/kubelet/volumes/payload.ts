/**
 * The files of configMap, secret and downwardAPI volumes, and of their parts in projected ones.
 *
 * Pure. Source: API reference v1.36, volume sources. Upstream:
 * pkg/volume/{configmap,secret,downwardapi}.
 */
import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '#api/gen/core-v1.ts';
import { type DownwardFacts, fieldValue, resourceValue } from '../container/downward.ts';
import type { FileProjection } from './atomic-writer.ts';

export const DEFAULT_FILE_MODE = 0o644;

interface ProjectionOptions {
  /** Absent: every key, under its own name. */
  readonly items?: readonly KeyToPath[];
  readonly defaultMode: number;
  readonly optional: boolean;
}

/** An absent object (`undefined`) is an empty one; whether that is allowed was decided before. */
export function configMapFiles(
  object: ConfigMap | undefined,
  options: ProjectionOptions,
): Map<string, FileProjection> {
  const values = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) values.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(object?.binaryData ?? {})) {
    values.set(key, Buffer.from(text, 'base64'));
  }
  return project(values, options, 'config');
}

export function secretFiles(
  object: Secret | undefined,
  options: ProjectionOptions,
): Map<string, FileProjection> {
  const values = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) {
    values.set(key, Buffer.from(text, 'base64'));
  }
  return project(values, options, 'secret');
}

function project(
  values: ReadonlyMap<string, Uint8Array>,
  { items, defaultMode, optional }: ProjectionOptions,
  kind: 'config' | 'secret',
): Map<string, FileProjection> {
  const files = new Map<string, FileProjection>();
  if (items === undefined || items.length === 0) {
    for (const [key, data] of values) files.set(key, { data, mode: defaultMode });
    return files;
  }
  for (const { key, path, mode } of items) {
    const data = values.get(key);
    if (data !== undefined) files.set(path, { data, mode: mode ?? defaultMode });
    else if (!optional) throw new Error(`references non-existent ${kind} key: ${key}`);
  }
  return files;
}

export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  pod: Pod,
  facts: DownwardFacts,
): Map<string, FileProjection> {
  const files = new Map<string, FileProjection>();
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    let text = '';
    if (fieldRef !== undefined) text = fieldValue(fieldRef.fieldPath, pod, facts);
    else if (resourceFieldRef !== undefined) {
      text = resourceValue(resourceFieldRef, pod, undefined, facts);
    }
    files.set(path, { data: Buffer.from(text), mode: mode ?? defaultMode });
  }
  return files;
}
