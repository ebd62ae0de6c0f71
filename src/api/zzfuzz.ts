/** Whatever a client leaves out, no kind's code may throw: what is wrong is said as field errors. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { AnyKind, WriteContext } from './kind.ts';
import { KINDS } from './kinds.ts';
import type { KubeObject } from './meta/object.ts';

const folder = path.join(process.env['COXSWAIN_SHARED'] ?? '/nonexistent', 'golden/objects');
const skip = existsSync(folder) ? false : 'COXSWAIN_SHARED names no golden data';
const NOW = Date.parse('2026-01-02T03:04:05Z');
const context: WriteContext = {
  nowMs: NOW,
  uuid: () => '00000000-0000-0000-0000-000000000000',
  user: { name: 'somebody', groups: ['some'] },
};

/** The object with every field set. */
function whole(kind: AnyKind): KubeObject | undefined {
  const name = `${kind.group === '' ? 'core' : kind.group}.${kind.version}.${kind.kind}.json`;
  const file = path.join(folder, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KubeObject) : undefined;
}

/** Runs all of the kind's code on `object`, as a create, an update and a status update. */
function exercise(kind: AnyKind, object: KubeObject): void {
  const made = structuredClone(object);
  kind.setDefaults?.(made);
  for (const column of kind.columns ?? []) column.cell(made, NOW);
  for (const field of Object.values(kind.selectableFields ?? {})) field(made);
  kind.scale?.get(made);
  kind.validate?.(made);
  kind.validateCreate?.(made);
  kind.warn?.(made);
  kind.gracefulDeletion?.(made, undefined);
  if (kind.storedAs !== undefined) kind.storedAs.fromStored(kind.storedAs.toStored(made));
  update(kind, made, structuredClone(made));
  update(kind, structuredClone(made), whole(kind) ?? {});
  update(kind, whole(kind) ?? {}, structuredClone(made));
  kind.prepareForCreate?.(made, context);
}

function update(kind: AnyKind, next: KubeObject, old: KubeObject): void {
  for (const view of kind.views ?? []) {
    const seen = structuredClone(next);
    view.keep(seen, old, context);
    view.validate?.(seen, old);
  }
  kind.prepareForStatusUpdate?.(structuredClone(next), old, context);
  kind.validateStatus?.(next, old);
  kind.prepareForUpdate?.(next, old, context);
  kind.validateUpdate?.(next, old);
  kind.warn?.(next, old);
}

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

/** Every object and list within `value`. */
function nodes(value: unknown): Node[] {
  return isNode(value) ? [value, ...Object.values(value).flatMap(nodes)] : [];
}

/** The same object with each one of its fields left out in turn, at any depth. */
function* withoutOne(object: KubeObject): Generator<KubeObject> {
  const count = nodes(object).length;
  for (let i = 0; i < count; i++) {
    for (const field of Object.keys(nodes(object)[i] ?? {})) {
      const copy = structuredClone(object);
      const node = nodes(copy)[i];
      if (node === undefined) continue;
      if (Array.isArray(node)) node.splice(Number(field), 1);
      else delete node[field];
      yield copy;
    }
  }
}

/** Whole branches emptied: `spec: {}`, `containers: [{}]`. */
function* emptied(object: KubeObject): Generator<KubeObject> {
  const count = nodes(object).length;
  for (let i = 0; i < count; i++) {
    const copy = structuredClone(object);
    const node = nodes(copy)[i];
    if (node === undefined || Array.isArray(node)) continue;
    for (const field of Object.keys(node)) delete node[field];
    yield copy;
  }
}


const seen=new Map<string,string>();
const run=(k:AnyKind,o:KubeObject)=>{try{exercise(k,o)}catch(e){const st=(e as Error).stack!.split('\n');const key=st[0]+' '+st.slice(1).find(l=>l.includes('/src/api/'));if(!seen.has(key))seen.set(key,k.kind)}};
for(const kind of KINDS){ if(process.argv[2]&&kind.kind!==process.argv[2])continue; run(kind,{});run(kind,{metadata:{}});const o=whole(kind);if(!o)continue;for(const c of withoutOne(o))run(kind,c);for(const c of emptied(o))run(kind,c);}
for(const [k,v] of seen)console.log(v,k.replace(/file:.*src\/api\//,''));
