/** CREATE. Upstream: registry/rest/create.go and generic/registry/store.go (Create). */
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import { dropGatedFields } from '#api/meta/gated-fields.ts';
import { alreadyExists, generateNameConflict, plainError } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { validateObjectMeta } from '#api/validation/metadata.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import { isKey } from '#store/keys.ts';
import { namespaceLabelErrors } from './namespace-labels.ts';
import { generateName } from './names.ts';
import type { CreateOptions } from './options.ts';
import type { Resource } from './resource.ts';
import { checkNamespace, countsGeneration } from './rules.ts';
import { refuse, type StoreAccess } from './store-access.ts';

/** Upstream tries a generated name this often (KEP-4420). */
const GENERATE_NAME_TRIES = 8;

export async function createObject(
  store: StoreAccess,
  resource: Resource,
  object: ApiObject,
  options: CreateOptions,
): Promise<ApiObject> {
  const generated = metadataOf(object).generateName;
  const byPrefix = !metadataOf(object).name && generated !== undefined && generated !== '';
  for (let tries = 1; ; tries++) {
    const attempt = byPrefix ? copyOf(object) : object;
    if (byPrefix)
      metadataOf(attempt).name =
        resource.kind.keepsPrefix === true
          ? generated
          : generateName(generated, store.environment.random);
    const created = await createOnce(store, resource, attempt, options);
    if (created !== undefined) return created;
    const name = metadataOf(attempt).name ?? '';
    if (!byPrefix) throw alreadyExists(resource.groupResource, name);
    if (tries >= GENERATE_NAME_TRIES) throw generateNameConflict(resource.groupResource, name);
  }
}

/** Undefined when the name is taken. Changes `object`. */
export async function createOnce(
  store: StoreAccess,
  resource: Resource,
  object: ApiObject,
  options: CreateOptions,
): Promise<ApiObject | undefined> {
  checkNamespace(resource, object, options.namespace);
  const allocator = store.allocator(resource);
  if (allocator === undefined) return prepareAndPut(store, resource, object, options);
  const taken = await allocator.begin({ next: object, old: undefined, dryRun: options.dryRun });
  try {
    const created = await prepareAndPut(store, resource, object, options);
    await (created === undefined ? taken.revert() : taken.commit());
    return created;
  } catch (error) {
    await taken.revert();
    throw error;
  }
}

async function prepareAndPut(
  store: StoreAccess,
  resource: Resource,
  object: ApiObject,
  options: CreateOptions,
): Promise<ApiObject | undefined> {
  const { kind } = resource;
  prepare(store, resource, object, options);
  refuse(resource, object, [
    ...namespaceLabelErrors(store, resource, { next: object, namespace: options.namespace }),
    ...validateObjectMeta(kind, object),
    ...(kind.validate?.(object) ?? []),
    ...(kind.validateCreate?.(object) ?? []),
  ]);
  for (const text of kind.warn?.(object) ?? []) options.warn(text);
  // What comes out of the store has defaults, also those of fields that the strategy has set.
  kind.setDefaults?.(object);
  await options.validate?.(object);
  // The strategy may have put another metadata in place.
  const metadata = metadataOf(object);
  const { name = '' } = metadata;
  const key = resource.key(options.namespace, name);
  // Names of a few kinds have no rules but one about slashes.
  if (!isKey(key))
    refuse(resource, object, [
      invalidValue(fieldPath('metadata').child('name'), name, 'cannot be part of a key'),
    ]);
  if (options.dryRun) {
    await store.catchUp(options.storeTook);
    return resource.cache.get(key) === undefined ? object : undefined;
  }
  const result = await store.put(resource, { key, expected: 0 }, object, options);
  if (!result.ok) return undefined;
  metadata.resourceVersion = String(result.revision);
  return object;
}

/** Only what is stored is refused: a dry run answers with the version that was sent. */
function checkNoVersion(version: string | undefined, dryRun: boolean): void {
  if (dryRun || version === undefined || version === '' || version === '0') return;
  throw plainError('resourceVersion should not be set on objects to be created');
}

/** What the server sets, whatever the client says. */
function prepare(
  store: StoreAccess,
  resource: Resource,
  object: ApiObject,
  options: CreateOptions,
): void {
  const { kind } = resource;
  const metadata = metadataOf(object);
  const context = store.writeContext(options);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  checkNoVersion(metadata.resourceVersion, options.dryRun);
  metadata.uid = store.environment.random.uuid();
  metadata.creationTimestamp = timeText(context.nowMs);
  // Where nothing counts it, it is what the client says.
  if (countsGeneration(resource, object)) metadata.generation = 1;
  if (kind.hasStatus === true && kind.prepareForCreate === undefined) delete object['status'];
  dropGatedFields(kind.gatedFields ?? [], object, undefined);
  kind.prepareForCreate?.(object, context);
}
