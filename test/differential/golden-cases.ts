/** Upstream's golden objects, every field set: as they are, where the golden data is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS } from '#api/kinds.ts';
import type { AnyKind } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { collectionUrl, kindLabel, NAMESPACE, resourceLabel } from './kind-urls.ts';
import type { Case } from './model.ts';
import { withMeta } from './update-cases.ts';

const SHARED = process.env['COXSWAIN_SHARED'];

/** In the ids of these cases, and of no others. */
const MARK = ': create golden';

export function isGolden(id: string): boolean {
  return id.includes(MARK);
}

/** None without the golden data (COXSWAIN_SHARED). */
export function goldenCases(): Case[] {
  if (SHARED === undefined) return [];
  const folder = join(SHARED, 'golden', 'objects');
  return KINDS.flatMap((kind) =>
    casesOf(kind, join(folder, `${kind.group || 'core'}.${kind.version}.${kind.kind}.json`)),
  );
}

function casesOf(kind: AnyKind, path: string): Case[] {
  if (!existsSync(path)) return [];
  const golden = JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
  const object = withMeta(golden, {
    name: 'golden',
    ...(kind.namespaced ? { namespace: NAMESPACE } : {}),
  });
  if (!kind.namespaced) delete (object['metadata'] as JsonObject)['namespace'];
  const clean = withMeta(
    { apiVersion: object['apiVersion'] ?? '', kind: kind.kind, ...object },
    { managedFields: [], resourceVersion: '', finalizers: [], ownerReferences: [] },
  );
  const ask = (what: string, body: JsonObject): Case => ({
    id: `${resourceLabel(kind)}${MARK} ${what}`,
    kind: kindLabel(kind),
    requests: [{ method: 'POST', url: `${collectionUrl(kind)}?dryRun=All`, body }],
  });
  return [
    ask('as it is', object),
    ask('with clean metadata', clean),
    ...Object.keys(golden)
      .filter((key) => !['apiVersion', 'kind', 'metadata'].includes(key))
      .map((key) => ask(`without ${key}`, { ...clean, [key]: {} })),
  ];
}
