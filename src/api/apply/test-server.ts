/**
 * For tests of field management alone: an object on a server that several managers write.
 */
import assert from 'node:assert/strict';
import { anyKind, type AnyKind, defineKind } from '../kind.ts';
import type { JsonObject, KubeObject } from '../meta/object.ts';
import { StatusError } from '../meta/status.ts';
import { typeByName } from '../schema/schema.ts';
import type { TypeSchema } from '../schema/types.ts';
import {
  ApplyConflictError,
  applyPatch,
  type ForeignVersions,
  updateManagedFields,
} from './managed-fields.ts';

export const kindOf = (group: string, version: string, kind: string, schema: string): AnyKind =>
  anyKind(
    defineKind<KubeObject>({
      group,
      version,
      kind,
      plural: `${kind.toLowerCase()}s`,
      namespaced: true,
      hasStatus: true,
      schema,
    }),
  );
export const POD = kindOf('', 'v1', 'Pod', 'io.k8s.api.core.v1.Pod');
export const DEPLOYMENT = kindOf('apps', 'v1', 'Deployment', 'io.k8s.api.apps.v1.Deployment');

export interface Entry {
  manager: string;
  operation: string;
  apiVersion: string;
  time?: string;
  subresource?: string;
  fieldsV1: JsonObject;
}

/** An object on a server, written by several managers; each write is a second after the last. */
export class Server {
  object: JsonObject | undefined;
  readonly kind: AnyKind;
  readonly type: TypeSchema;
  versions: ForeignVersions | undefined;
  #second = 0;
  constructor(kind: AnyKind, type = typeByName(kind.schema)) {
    this.kind = kind;
    this.type = type;
  }
  #common(name: string, subresource: string) {
    const second = String(this.#second++).padStart(2, '0');
    return {
      type: this.type,
      kind: this.kind,
      ...(this.object === undefined ? {} : { live: structuredClone(this.object) }),
      ...(this.versions === undefined ? {} : { versions: this.versions }),
      manager: {
        name,
        apiVersion: this.#apiVersion(),
        subresource,
        timeText: `2025-01-01T00:00:${second}Z`,
      },
    };
  }
  #apiVersion(): string {
    return this.kind.group === '' ? this.kind.version : `${this.kind.group}/${this.kind.version}`;
  }
  /** A write that is no apply: `change` gets a copy of the object. */
  write(manager: string, change: (object: JsonObject) => void, subresource = ''): this {
    const next = structuredClone(
      this.object ?? {
        apiVersion: this.#apiVersion(),
        kind: this.kind.kind,
        metadata: { name: 'x' },
      },
    );
    change(next);
    updateManagedFields({ ...this.#common(manager, subresource), next });
    this.object = next;
    // What a server adds: it tells a stored object from a new one.
    (next['metadata'] as JsonObject)['uid'] ??= 'u';
    return this;
  }
  apply(
    manager: string,
    fields: JsonObject,
    options: { force?: boolean; subresource?: string } = {},
  ): this {
    const metadata = { name: 'x', ...(fields['metadata'] as JsonObject | undefined) };
    const applied = { apiVersion: this.#apiVersion(), kind: this.kind.kind, ...fields, metadata };
    const before = structuredClone(applied);
    const { force = false, subresource = '' } = options;
    this.object = applyPatch({
      ...this.#common(manager, subresource),
      applied,
      force,
    }) as JsonObject;
    assert.deepEqual(applied, before, 'the configuration is not changed');
    return this;
  }
  get entries(): Entry[] {
    return ((this.object?.['metadata'] as JsonObject | undefined)?.['managedFields'] ??
      []) as unknown as Entry[];
  }
  entry(manager: string): Entry | undefined {
    return this.entries.find((entry) => entry.manager === manager);
  }
  fields(manager: string): JsonObject | undefined {
    return this.entry(manager)?.fieldsV1;
  }
  get metadata(): JsonObject {
    return (this.object?.['metadata'] ?? {}) as JsonObject;
  }
  get spec(): JsonObject {
    return (this.object?.['spec'] ?? {}) as JsonObject;
  }
}

export const spec = (fields: JsonObject) => (object: JsonObject) => {
  object['spec'] = { ...(object['spec'] as JsonObject | undefined), ...fields };
};
export const status = (fields: JsonObject) => (object: JsonObject) => {
  object['status'] = { ...(object['status'] as JsonObject | undefined), ...fields };
};
export const metadata = (fields: JsonObject) => (object: JsonObject) => {
  object['metadata'] = { ...(object['metadata'] as JsonObject), ...fields };
};

export function conflictOf(run: () => unknown): ApplyConflictError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ApplyConflictError, String(error));
    return error;
  }
  return assert.fail('there was no conflict');
}

export function statusOf(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return { code: error.code, message: error.message };
  }
  return assert.fail('there was no error');
}

export function annotations(server: Server): JsonObject {
  return ((server.object?.['metadata'] as JsonObject | undefined)?.['annotations'] ??
    {}) as JsonObject;
}
