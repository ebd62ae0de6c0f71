/**
 * Makes the change on the fork: each object as `kubectl apply --server-side` sends it, or as `kubectl
 * delete` does; in the order of the files, but that objects which others need are made first.
 *
 * Fields that other managers have are taken over, and named, where that was asked for. What `kubectl apply` of the older sort
 * had applied is taken for what this one applies, as kubectl does
 * (staging/src/k8s.io/client-go/util/csaupgrade, v1.36).
 */
import type { ManagedFieldsEntry } from '#api/gen/meta-v1.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { isConflict, isNotFound, isStatus, StatusError } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { collectionPath } from '#client/paths.ts';
import type { Fork } from '../fork/fork.ts';
import { workloadText } from '../fork/owners.ts';
import type { ObjectName, PlannedRefusal } from '../report/plan-result.ts';
import type { Manifest } from './manifests.ts';
import { NoMatchError, typeOf } from './resource-types.ts';

export interface ApplyOptions {
  readonly fork: Fork;
  /** As whom it is made. */
  readonly client: Client;
  readonly manifests: readonly Manifest[];
  readonly action: 'apply' | 'delete';
  /** Of objects that name none. */
  readonly namespace: string;
  /** `-n` was given: objects may name no other. */
  readonly enforcesNamespace: boolean;
  /** `--force-conflicts` */
  readonly forces: boolean;
}

/** What came of it. */
export interface Applied {
  readonly asked: readonly (ObjectName & { readonly notes: readonly string[] })[];
  readonly refused: readonly PlannedRefusal[];
}

const MANAGER = 'kubectl';
const OLD_MANAGER = 'kubectl-client-side-apply';

/** Never rejects for what the server refuses. */
export async function makeChange(options: ApplyOptions): Promise<Applied> {
  const asked: (ObjectName & { notes: readonly string[] })[] = [];
  const refused: PlannedRefusal[] = [];
  for (const { object, source } of inOrder(options)) {
    const { namespace: named } = object.metadata ?? {};
    const place = named ?? options.namespace;
    let text = nameText(object, place);
    try {
      const type = await typeOf(options.fork, object);
      text = nameText(object, type.namespaced ? place : '');
      if (type.namespaced) checkNamespace(options, named);
      const { metadata: _, ...rest } = object;
      const metadata = { ...object.metadata, ...(type.namespaced ? { namespace: place } : {}) };
      asked.push(await one(options, type, { ...rest, metadata }));
    } catch (error) {
      const { reason, message } = refusalOf(error);
      refused.push({ request: `${options.action} ${text}`, source, reason, message });
    }
  }
  return { asked, refused };
}

/** What must be there before others can be made. */
const FIRST = ['Namespace', 'CustomResourceDefinition', 'PriorityClass', 'ServiceAccount'];

function inOrder({ action, manifests }: ApplyOptions): readonly Manifest[] {
  if (action === 'delete') return manifests;
  const rank = ({ object }: Manifest): number => {
    const place = FIRST.indexOf(object.kind ?? '');
    return place < 0 ? FIRST.length : place;
  };
  return manifests.toSorted((a, b) => rank(a) - rank(b));
}

function nameText({ kind = '', metadata }: KubeObject, namespace: string): string {
  const name = metadata?.name ?? `${metadata?.generateName ?? ''}…`;
  return workloadText({ kind, namespace, name });
}

function checkNamespace({ enforcesNamespace, namespace }: ApplyOptions, named?: string): void {
  if (!enforcesNamespace || named === undefined || named === namespace) return;
  throw new StatusError({
    code: 400,
    reason: 'BadRequest',
    message: `the namespace from the provided object "${named}" does not match the namespace "${namespace}". You must pass '--namespace=${named}' to perform this operation.`,
  });
}

function refusalOf(error: unknown): { reason: string; message: string } {
  if (error instanceof NoMatchError) return { reason: 'NoMatch', message: error.message };
  if (error instanceof StatusError)
    return { reason: error.status.reason ?? 'Unknown', message: error.message };
  throw error;
}

async function one(
  options: ApplyOptions,
  type: ResourceType<KubeObject>,
  object: KubeObject,
): Promise<ObjectName & { readonly notes: readonly string[] }> {
  const { client } = options;
  const { namespace, name } = object.metadata ?? {};
  const scope = namespace === undefined ? {} : { namespace };
  const named = { apiVersion: apiVersionOf(type), kind: type.kind, ...scope };
  if (options.action === 'delete') {
    await client.delete(type, { name: name ?? '', ...scope });
    return { ...named, name: name ?? '', notes: [] };
  }
  if (name === undefined) {
    const query = `?fieldManager=${MANAGER}-create&fieldValidation=Strict`;
    const path = `${collectionPath(type, namespace)}${query}`;
    const made = JSON.parse(await client.raw('POST', path, object)) as KubeObject;
    return { ...named, name: made.metadata?.name ?? '', notes: [] };
  }
  await takeOver(options.fork, type, { name, ...scope });
  return { ...named, name, notes: await apply(options, type, object) };
}

async function apply(
  { client, forces }: ApplyOptions,
  type: ResourceType<KubeObject>,
  object: KubeObject,
): Promise<string[]> {
  const { namespace, name = '' } = object.metadata ?? {};
  const target = namespace === undefined ? { name } : { name, namespace };
  const options = { fieldManager: MANAGER, fieldValidation: 'Strict' } as const;
  try {
    await client.patch(type, target, 'apply', object, options);
    return [];
  } catch (error) {
    if (!forces || !isConflict(error) || !(error instanceof StatusError)) throw error;
    const causes = error.status.details?.causes ?? [];
    const fields = causes.filter(({ reason }) => reason === 'FieldManagerConflict');
    if (fields.length === 0) throw error;
    await client.patch(type, target, 'apply', object, { ...options, force: true });
    return fields.map(({ field, message }) => `takes over ${field ?? ''}: ${message ?? ''}`);
  }
}

/** The fields that the older sort of apply owned become those of this one. */
async function takeOver(
  fork: Fork,
  type: ResourceType<KubeObject>,
  target: { readonly name: string; readonly namespace?: string },
): Promise<void> {
  try {
    const object = await fork.client.get(type, target.name, target.namespace);
    const managers = object.metadata?.managedFields ?? [];
    const old = managers.findIndex(isOldApply);
    const isMine = ({ manager, operation }: ManagedFieldsEntry): boolean =>
      manager === MANAGER && operation === 'Apply';
    if (old < 0 || managers.some(isMine)) return;
    const path = `/metadata/managedFields/${old}`;
    await fork.client.patch(type, target, 'json', [
      { op: 'replace', path: `${path}/manager`, value: MANAGER },
      { op: 'replace', path: `${path}/operation`, value: 'Apply' },
    ]);
  } catch (error) {
    // What is not there yet, or cannot be read, is the apply's to say.
    if (!isNotFound(error) && !isStatus(error, 'MethodNotAllowed')) throw error;
  }
}

function isOldApply({ manager, operation, subresource = '' }: ManagedFieldsEntry): boolean {
  return manager === OLD_MANAGER && operation === 'Update' && subresource === '';
}
