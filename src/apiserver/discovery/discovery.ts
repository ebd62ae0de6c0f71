/**
 * Answers `/api`, `/apis` and below: what this server serves, in the old form (a document for each
 * group version) and as one aggregated document with an ETag.
 *
 * Source: API concepts, "Discovery API"; upstream
 * staging/src/k8s.io/apiserver/pkg/endpoints/discovery.
 */
import { trimEndOf } from '#base/trim.ts';
import { createHash } from 'node:crypto';
import type { HttpResponse } from '#base/http/message.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { type AnyKind, type LiveKinds, perGeneration } from '#api/kind.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { RequestContext } from '../context.ts';
import { CBOR_MEDIA, MEDIA_TYPES, negotiate, parseAccept } from '../negotiate.ts';
import { bytesResponse, jsonBytes, withHeaders } from '../respond.ts';
import {
  aggregated,
  coreVersions,
  type Document,
  groupDocument,
  groupList,
  resourceList,
} from './documents.ts';
import { groupsOf } from './groups.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const AGGREGATED_PROTOBUF =
  'application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export interface DiscoveryOptions {
  readonly kinds: LiveKinds;
  /** What is served beside them, and never changes. */
  readonly others?: readonly AnyKind[];
  /** `host:port` where clients reach this server; `/api` names it. */
  readonly serverAddress?: string;
  /** The gate StorageVersionHash; on unless told. */
  readonly versionHashes?: boolean;
}

/** What discovery reads of a request. */
export type DiscoveryRequest = Pick<RequestContext, 'info' | 'header' | 'request'> & {
  readonly cbor?: boolean;
};

export interface Discovery {
  /** Undefined for a path that is no discovery path. */
  handle(context: DiscoveryRequest): HttpResponse | undefined;
}

/** All there is to answer, for one set of kinds. */
interface Documents {
  readonly documents: ReadonlyMap<string, () => Document>;
  /** The aggregated ones. */
  readonly whole: ReadonlyMap<string, (media: AggregatedMedia) => Form>;
}

function documentsOf(
  kinds: readonly AnyKind[],
  {
    serverAddress,
    versionHashes = true,
  }: Pick<DiscoveryOptions, 'serverAddress' | 'versionHashes'>,
): Documents {
  const groups = groupsOf(kinds);
  const core = groups.find(({ name }) => name === '');
  const named = groups.filter(({ name }) => name !== '');
  const documents = new Map<string, () => Document>([
    ['/api', () => coreVersions(core, serverAddress)],
    ['/apis', once(() => groupList(named))],
  ]);
  for (const version of core?.versions ?? [])
    documents.set(
      `/api/${version.version}`,
      once(() => resourceList('', version, versionHashes)),
    );
  for (const group of named) {
    documents.set(`/apis/${group.name}`, () => groupDocument(group));
    for (const version of group.versions) {
      documents.set(
        `/apis/${group.name}/${version.version}`,
        once(() => resourceList(group.name, version, versionHashes)),
      );
    }
  }
  const whole = new Map([
    ['/api', aggregatedForms(() => aggregated(core === undefined ? [] : [core]))],
    ['/apis', aggregatedForms(() => aggregated(named))],
  ]);
  return { documents, whole };
}

/** Thousands of definitions come one by one: nothing is made of all of them that nobody asks for. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The documents are made when they are first asked for after the kinds have changed. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { kinds, others = [], ...rest } = options;
  const current = perGeneration(kinds, (all) => documentsOf([...all, ...others], rest));
  return {
    handle(context) {
      if (context.request.method !== 'GET' && context.request.method !== 'HEAD') return undefined;
      const path = trimEndOf(context.info.path, (last) => last === '/');
      if (path !== '/api' && path !== '/apis' && !/^\/apis?\//.test(path)) return undefined;
      const { documents, whole } = current();
      const forms = whole.get(path);
      const media = forms === undefined ? undefined : aggregatedMedia(context.header('accept'));
      if (forms !== undefined && media !== undefined)
        return aggregatedResponse(context, forms, media);
      const document = documents.get(path)?.();
      return document && documentResponse(context, document);
    },
  };
}

/** The answer to a request for a document, or for the aggregated one, that others have put together. */
export function answerWith(
  context: DiscoveryRequest,
  { document, whole }: { readonly document: Document; readonly whole?: WholeDocument },
): HttpResponse {
  const media = whole === undefined ? undefined : aggregatedMedia(context.header('accept'));
  return whole === undefined || media === undefined
    ? documentResponse(context, document)
    : aggregatedResponse(context, whole, media);
}

/** An aggregated document in the forms that were asked for. */
export type WholeDocument = (media: AggregatedMedia) => Form;

interface Form {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

type AggregatedMedia = typeof AGGREGATED | typeof AGGREGATED_PROTOBUF;

export function aggregatedForms(make: () => Document): WholeDocument {
  const whole = once(make);
  const made = new Map<AggregatedMedia, Form>();
  return (media) => {
    let form = made.get(media);
    if (form === undefined) {
      const bytes =
        media === AGGREGATED ? jsonBytes(withTypeMeta(whole())) : protobufBytes(whole());
      const etag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
      form = { bytes, etag };
      made.set(media, form);
    }
    return form;
  };
}

/** The aggregated form that the client asks for, when it prefers one to the old form. */
function aggregatedMedia(accept: string): AggregatedMedia | undefined {
  for (const { media, parameters } of parseAccept(accept)) {
    if (parameters['as'] === undefined) return undefined;
    const { g, v, as } = parameters;
    if (g !== 'apidiscovery.k8s.io' || v !== 'v2' || as !== 'APIGroupDiscoveryList') continue;
    if (media === MEDIA_TYPES.json) return AGGREGATED;
    if (media === MEDIA_TYPES.protobuf) return AGGREGATED_PROTOBUF;
  }
  return undefined;
}

function aggregatedResponse(
  context: DiscoveryRequest,
  forms: (media: AggregatedMedia) => Form,
  media: AggregatedMedia,
): HttpResponse {
  const { bytes, etag } = forms(media);
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' };
  if (context.header('if-none-match') === etag) return { status: 304, headers };
  return withHeaders(bytesResponse(200, media, bytes), headers);
}

function documentResponse(context: DiscoveryRequest, document: Document): HttpResponse {
  const { encoding, pretty, cbor } = negotiate(
    plainOffers(context.header('accept')),
    context.info.query,
    {
      views: false,
      userAgent: context.header('user-agent'),
      cbor: context.cbor === true && document.kind === 'APIResourceList',
    },
  );
  const media = cbor === true ? CBOR_MEDIA : MEDIA_TYPES[encoding];
  return bytesResponse(200, media, encoded(document, encoding, pretty));
}

/** Offers of aggregated forms that this path, or this server, does not have fall away. */
function plainOffers(accept: string): string {
  const plain = accept.split(',').filter((offer) => !offer.includes('as='));
  return plain.length === 0 ? '' : plain.join(',');
}

function encoded(
  document: Document,
  encoding: keyof typeof MEDIA_TYPES,
  pretty: boolean,
): Uint8Array {
  if (encoding === 'protobuf') return protobufBytes(document);
  const object = withTypeMeta(document);
  return encoding === 'yaml' ? Buffer.from(toYaml(object)) : jsonBytes(object, pretty);
}

/** The documents of the core group are older than `apiVersion` in them. */
function withTypeMeta({ kind, apiVersion, isCore, body }: Document): object {
  return isCore === true ? { kind, ...body } : { kind, apiVersion, ...body };
}

function protobufBytes({ kind, apiVersion, schema, body }: Document): Uint8Array {
  return encodeEnvelope(apiVersion, kind, encodeProtobuf(typeByName(schema), body));
}
