/**
 * serviceaccounts/token: a token for a service account, bound to a pod, node or secret.
 *
 * Source: KEP-1205, KEP-4193; upstream pkg/registry/core/serviceaccount/storage/token.go.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { Pod, ServiceAccount } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import { isPathSegmentName } from '#api/meta/names.ts';
import { parseApiVersion } from '#api/meta/object.ts';
import { badRequest, conflict, internalError, invalid } from '#api/meta/status.ts';
import { NODES, type Target } from '../admission/targets.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { BoundObject, TokenRequest as Order } from '../authn/service-account-tokens.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { recordSender } from '../verbs/write.ts';
import { admit, answer, dryRunOf, readBodyAs, TOKEN_REQUEST, unstored } from './exchange.ts';
import type { SubresourceServices } from './services.ts';

const SHORTEST_SECONDS = 10 * 60;
const LONGEST_SECONDS = 2 ** 32;
/** What admission asks for in pods, and nobody else would: an hour and seven seconds. */
const INJECTED_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 60 * 60;
const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

export async function createToken(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): Promise<HttpResponse> {
  const { namespace, name } = context.info;
  const request = readBodyAs<TokenRequest>(context, TOKEN_REQUEST);
  await recordSender(context, unstored(TOKEN_REQUEST, services, resource), request as ApiObject);
  const metadata = metadataOf(request);
  checkPlace(metadata, namespace, name);
  const account = resource.read(
    await services.registry.entry(resource, namespace, name),
  ) as ServiceAccount;
  const uid = account.metadata?.uid ?? '';
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== uid) {
    const cause = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`;
    throw conflict({ group: KIND.group, resource: KIND.kind }, name, cause);
  }
  // Before defaults: NodeRestriction compares the audience asked for with those of volumes.
  const dryRun = dryRunOf(context);
  await admit(context, services, { resource, kind: TOKEN_REQUEST, object: request, dryRun });
  const spec = (request.spec ??= { audiences: [] });
  if ((spec.audiences ?? []).length === 0) spec.audiences = [...services.tokens.audiences];
  const nowMs = services.environment.clock.now();
  Object.assign(metadataOf(request), { name, namespace, uid, creationTimestamp: timeText(nowMs) });
  delete request.status;
  const errors = expiryErrors(spec.expirationSeconds ?? 0);
  if (errors.length > 0) throw invalid(KIND, '', errors);
  const bound = await boundTo(services, request, namespace, name);
  const asked = shortened(context, spec.expirationSeconds ?? 0, services);
  spec.expirationSeconds = asked;
  const isExtended = isExtendable(services, { seconds: asked, audiences: spec.audiences, bound });
  const tokenId = services.environment.random.uuid();
  const token = services.tokens.issue(
    {
      namespace,
      serviceAccount: { name, uid },
      audiences: spec.audiences,
      expiresInSeconds: isExtended ? EXTENDED_SECONDS : asked,
      ...(isExtended ? { warnAfterSeconds: asked } : {}),
      tokenId,
      ...bound,
    },
    nowMs,
  );
  context.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${tokenId}`);
  // As long as was asked for: whoever holds it shall renew it by then.
  const endMs = Math.floor(nowMs / 1000) * 1000 + asked * 1000;
  request.status = { token, expirationTimestamp: timeText(endMs) };
  return answer(context, services, {
    code: 201,
    kind: TOKEN_REQUEST,
    object: request,
    like: resource,
  });
}

function shortened(
  context: RequestContext,
  seconds: number,
  { tokens: { maxExpirationSeconds: max } }: SubresourceServices,
): number {
  if (max <= 0 || seconds <= max) return seconds;
  context.warn(`requested expiration of ${seconds} seconds shortened to ${max} seconds`);
  return max;
}

/** The token that admission has a pod given for this server: it is good for longer than it says. */
function isExtendable(
  { tokens }: SubresourceServices,
  token: {
    readonly seconds: number;
    readonly audiences: readonly string[];
    readonly bound: Pick<Order, 'boundTo'>;
  },
): boolean {
  return (
    tokens.extendsExpiration &&
    token.bound.boundTo?.kind === 'Pod' &&
    token.seconds === INJECTED_SECONDS &&
    token.audiences.every((audience) => tokens.audiences.includes(audience))
  );
}

/** Name and namespace may be left out; if they are there they are those of the path. */
function checkPlace(
  metadata: { name?: string; namespace?: string },
  namespace: string,
  name: string,
): void {
  const at = fieldPath('metadata');
  if (metadata.name && metadata.name !== name) {
    throw invalid(KIND, name, [
      invalidValue(
        at.child('name'),
        metadata.name,
        'must match the service account name if specified',
      ),
    ]);
  }
  if (metadata.namespace && metadata.namespace !== namespace) {
    const wrong = 'must match the service account namespace if specified';
    throw invalid(KIND, name, [invalidValue(at.child('namespace'), metadata.namespace, wrong)]);
  }
}

function expiryErrors(seconds: number): FieldError[] {
  const at = fieldPath('spec').child('expirationSeconds');
  if (seconds < SHORTEST_SECONDS)
    return [invalidValue(at, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > LONGEST_SECONDS)
    return [invalidValue(at, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

/** What is no group version is none. Upstream: schema.FromAPIVersionAndKind. */
function groupVersionOf(apiVersion: string): { group: string; version: string } {
  return apiVersion.split('/').length > 2
    ? { group: '', version: '' }
    : parseApiVersion(apiVersion);
}

const PLURALS: Readonly<Record<BoundObject['kind'], Target>> = {
  Pod: { group: '', plural: 'pods' },
  Node: NODES,
  Secret: { group: '', plural: 'secrets' },
};

/** The object that the token lives as long as, and the node of a pod. */
async function boundTo(
  services: SubresourceServices,
  request: TokenRequest,
  namespace: string,
  account: string,
): Promise<Pick<Order, 'boundTo' | 'node'>> {
  const reference = request.spec?.boundObjectRef;
  if (reference === undefined) return {};
  const { kind = '', name = '' } = reference;
  const { group, version } = groupVersionOf(reference.apiVersion ?? '');
  if (group !== '' || !isBindable(kind)) {
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
  checkName(name);
  const object = await currentObject(
    services,
    PLURALS[kind],
    kind === 'Node' ? '' : namespace,
    name,
  );
  const uid = object.metadata?.uid ?? '';
  if (kind === 'Pod' && (object as Pod).spec?.serviceAccountName !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    );
  }
  if (reference.uid !== undefined && reference.uid !== '' && reference.uid !== uid) {
    throw conflict(
      { group: '', resource: kind },
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bound = { boundTo: { kind, name, uid } };
  const node = kind === 'Pod' ? nodeOf(services, object as Pod) : undefined;
  return node === undefined ? bound : { ...bound, node };
}

/** As a read of the object would check it. */
function checkName(name: string): void {
  if (name === '') throw badRequest('Name parameter required.');
  const messages = isPathSegmentName(name);
  if (messages.length === 0) return;
  throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${messages.join(';')}`);
}

function isBindable(kind: string): kind is BoundObject['kind'] {
  return Object.hasOwn(PLURALS, kind);
}

async function currentObject(
  services: SubresourceServices,
  target: Target,
  namespace: string,
  name: string,
): Promise<ApiObject> {
  const resource = services.resourceOf(target.group, target.plural);
  if (resource === undefined) throw internalError(`${target.plural} are not served`);
  return resource.read(await services.registry.entry(resource, namespace, name));
}

function nodeOf({ reader }: SubresourceServices, pod: Pod): Order['node'] {
  const name = pod.spec?.nodeName ?? '';
  if (name === '') return undefined;
  return { name, uid: reader.get(NODES, '', name)?.metadata?.uid ?? '' };
}
