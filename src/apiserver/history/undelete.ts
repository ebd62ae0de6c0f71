/**
 * A deleted object made anew: the state that it had, less what belonged to the one that is gone.
 *
 * The new object goes through the whole pipeline of a create, and whoever undeletes must be allowed
 * to create. It gets a new uid, as every object does.
 */
import { parseApiVersion } from '#api/meta/object.ts';
import { alreadyExists, forbidden, notFound } from '#api/meta/status.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { type KeyVersion, type StoreHistory } from '#store/store.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import { attributesFor, type Authorizer, forbiddenMessage } from '../authz/authorizer.ts';
import { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import { requestInfoOf } from '../request-info.ts';
import { createObject, type WriteServices } from '../verbs/write.ts';
import { reached, revisionOf } from './store.ts';

export interface UndeleteServices {
  readonly writes: WriteServices;
  readonly authorize: Authorizer;
  readonly reader: ObjectReader;
  readonly resources: ResourceSet;
}

/** Answers the new object. Throws 404 without a past, 409 while there is one of that name. */
export async function undelete(
  context: RequestContext,
  { resource, history }: { readonly resource: Resource; readonly history: StoreHistory },
  services: UndeleteServices,
): Promise<HttpResponse> {
  const object = forgetful(await lastState(context, resource, history), resource, services);
  const create = createContext(context, resource, object);
  const attributes = attributesFor(context.user, create.info);
  const decision = await services.authorize(attributes, context.signal);
  if (decision.outcome !== 'allow')
    throw forbidden(resource.groupResource, context.info.name, forbiddenMessage(attributes));
  const response = await createObject(create, resource, services.writes);
  for (const text of create.warnings) context.warn(text);
  return response;
}

/** The state at the revision asked for, else the last one before the deletion. */
async function lastState(
  context: RequestContext,
  resource: Resource,
  history: StoreHistory,
): Promise<ApiObject> {
  const { namespace, name, query } = context.info;
  const key = resource.key(namespace, name);
  const asked = await revisionOf(history, query, { revision: 'revision', time: 'time' });
  const { versions } = await reached(() => history.versions(key, { limit: 2 }));
  const [newest, previous] = versions;
  if (newest?.type === 'put') throw alreadyExists(resource.groupResource, name);
  const wanted = asked === undefined ? previous : await versionAt(history, key, asked);
  if (wanted?.type !== 'put') throw notFound(resource.groupResource, name);
  const { revision, createRevision, value } = wanted;
  const entry = { key, revision, createRevision, bytes: value };
  await resource.ready([entry]);
  return resource.copy(entry);
}

async function versionAt(
  history: StoreHistory,
  key: string,
  revision: number,
): Promise<KeyVersion | undefined> {
  const before = revision + 1;
  const { versions } = await reached(() => history.versions(key, { before, limit: 1 }));
  return versions[0];
}

/** Set by the server for the one object that is gone. */
const OWN_METADATA = [
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'managedFields',
  'selfLink',
] as const;
/** The garbage collector's, part of a deletion. */
const COLLECTOR = new Set(['orphan', 'foregroundDeletion']);

/** `object` (which is changed) without what the server gave it, and without owners that are gone. */
function forgetful(
  object: ApiObject,
  resource: Resource,
  { reader, resources }: UndeleteServices,
): ApiObject {
  const metadata = metadataOf(object);
  for (const name of OWN_METADATA) delete metadata[name];
  const finalizers = (metadata.finalizers ?? []).filter((name) => !COLLECTOR.has(name));
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const kinds = resources.kinds();
  const owners = (metadata.ownerReferences ?? []).filter(({ apiVersion, kind, name, uid }) => {
    const { group } = parseApiVersion(apiVersion);
    const owner = kinds.find((one) => one.group === group && one.kind === kind);
    const namespace = owner?.namespaced === true ? (metadata.namespace ?? '') : '';
    return owner !== undefined && reader.get(owner, namespace, name)?.metadata?.uid === uid;
  });
  if (owners.length > 0) metadata.ownerReferences = owners;
  else delete metadata.ownerReferences;
  if (resource.kind.hasStatus === true) delete object['status'];
  forgetOfKind(object, resource);
  return object;
}

/** What other parts of the cluster wrote into the spec of the object that is gone. */
function forgetOfKind(object: ApiObject, { kind }: Resource): void {
  const spec = object['spec'];
  if (typeof spec !== 'object' || spec === null) return;
  const fields = spec as Record<string, unknown>;
  // The scheduler's choice: the node may be full or gone.
  if (kind.group === '' && kind.plural === 'pods') delete fields['nodeName'];
  if (kind.group === 'batch' && kind.plural === 'jobs' && fields['manualSelector'] !== true)
    forgetJobSelector(object, fields);
}

const JOB_LABELS = ['controller-uid', 'batch.kubernetes.io/controller-uid'];

/** Made from the uid of the Job that is gone. */
function forgetJobSelector(object: ApiObject, spec: Record<string, unknown>): void {
  delete spec['selector'];
  const template = spec['template'] as ApiObject | undefined;
  for (const labels of [object.metadata?.labels, template?.metadata?.labels])
    for (const name of JOB_LABELS) if (labels !== undefined) delete labels[name];
}

/** The request that creates `object`, by the same client. */
function createContext(
  context: RequestContext,
  { kind }: Resource,
  object: ApiObject,
): RequestContext {
  const { namespace, query } = context.info;
  const options = new URLSearchParams(
    [...query].filter(([name]) => name === 'dryRun' || name === 'fieldManager'),
  );
  const root = kind.group === '' ? '/api' : `/apis/${kind.group}`;
  const scope = kind.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const url = `${root}/${kind.version}${scope}/${kind.plural}?${options.toString()}`;
  const request = {
    ...context.request,
    method: 'POST',
    url,
    headers: { ...context.request.headers, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(copyOf(object))),
  };
  const create = new RequestContext(request, requestInfoOf('POST', url), context.environment);
  create.user = context.user;
  return create;
}
