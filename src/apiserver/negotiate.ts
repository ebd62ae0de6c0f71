/**
 * Which form the client wants: JSON, protobuf or YAML; whole objects, a Table or metadata alone.
 *
 * Source: API concepts, "Alternate representations of resources" and "Receiving resources as
 * Tables"; upstream endpoints/handlers/negotiation.
 */
import { notAcceptable } from '#api/meta/status.ts';

export type Encoding = 'json' | 'protobuf' | 'yaml';
export type View = 'object' | 'table' | 'metadata';

export interface Wanted {
  readonly encoding: Encoding;
  /** The JSON is sent as CBOR (`filters/cbor.ts`). */
  readonly cbor?: true;
  readonly view: View;
  readonly pretty: boolean;
  /** The version of meta.k8s.io that a Table or metadata come in. */
  readonly metaVersion?: string;
  /** What the client calls the view. */
  readonly as?: string;
}

export const MEDIA_TYPES: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

export const CBOR_MEDIA = 'application/cbor';
/** A watch in CBOR (RFC 8742). */
export const CBOR_SEQUENCE = 'application/cbor-seq';

/** What an answer can be, where the gate CBORServingAndStorage is as said. */
export function objectMedia(cbor: boolean): readonly string[] {
  const all = Object.values(MEDIA_TYPES);
  return cbor ? [...all, CBOR_MEDIA] : all;
}

export function streamMedia(cbor: boolean): readonly string[] {
  return cbor ? [...STREAM_MEDIA_TYPES, CBOR_SEQUENCE] : STREAM_MEDIA_TYPES;
}

/** What a watch can be; YAML has no frames. */
const STREAM_MEDIA_TYPES: readonly string[] = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];

export interface Offer {
  readonly media: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** Clients send the same few headers with each request. Beyond this many, all are forgotten. */
const PARSED_MAX = 256;
const PARSED = new Map<string, readonly Offer[]>();

/** Parses an Accept header; the best quality first, in order where equal. */
export function parseAccept(header: string): readonly Offer[] {
  let offers = PARSED.get(header);
  if (offers === undefined) {
    offers = offersOf(header);
    if (PARSED.size >= PARSED_MAX) PARSED.clear();
    PARSED.set(header, offers);
  }
  return offers;
}

function offersOf(header: string): Offer[] {
  return header
    .split(',')
    .map((part) => {
      const [media = '', ...rest] = part.split(';').map((piece) => piece.trim());
      const parameters = Object.fromEntries(
        rest.map((piece) => {
          const equals = piece.indexOf('=');
          return equals < 0
            ? [piece, '']
            : [piece.slice(0, equals).trim(), piece.slice(equals + 1).trim()];
        }),
      );
      const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']);
      return {
        media: media.toLowerCase(),
        parameters,
        quality: Number.isNaN(quality) ? 0 : quality,
      };
    })
    .filter((offer) => offer.media !== '' && offer.quality > 0)
    .sort((left, right) => right.quality - left.quality);
}

const ENCODING_OF: Readonly<Record<string, Encoding>> = {
  'application/json': 'json',
  'application/vnd.kubernetes.protobuf': 'protobuf',
  'application/yaml': 'yaml',
  '*/*': 'json',
  'application/*': 'json',
};

/**
 * The first acceptable form. Throws 406 when there is none.
 * `views`: whether Table and metadata are there for this resource; `tables`: whether the Table is;
 * `protobuf`: whether its objects have that form.
 */
export function negotiate(
  accept: string,
  query: URLSearchParams,
  options: {
    readonly views: boolean;
    readonly tables?: boolean;
    readonly userAgent?: string;
    readonly protobuf?: boolean;
    /** A watch: there are no frames of YAML. */
    readonly streaming?: boolean;
    /** Whether there is CBOR. */
    readonly cbor?: boolean;
  } = { views: true },
): Wanted {
  const pretty = wantsPretty(query, options.userAgent ?? '');
  const offers =
    accept.trim() === '' ? [{ media: '*/*', parameters: {}, quality: 1 }] : parseAccept(accept);
  for (const { media, parameters } of offers as Offer[]) {
    const isCbor = options.cbor === true && (media === CBOR_MEDIA || media === CBOR_SEQUENCE);
    const encoding = isCbor ? 'json' : ENCODING_OF[media];
    if (encoding === undefined || (encoding === 'yaml' && options.streaming === true)) continue;
    const view = viewOf(parameters, options.views);
    if (encoding === 'protobuf' && view === 'object' && options.protobuf === false) continue;
    // Tables have no protobuf form.
    if (view === 'table' && (encoding === 'protobuf' || options.tables === false)) continue;
    if (view === undefined) continue;
    const { as, v } = parameters;
    const form = isCbor ? ({ pretty: false, cbor: true } as const) : { pretty };
    return view === 'object' || as === undefined || v === undefined
      ? { encoding, view, ...form }
      : { encoding, view, ...form, as, metaVersion: v };
  }
  const cbor = options.cbor === true;
  throw notAcceptable(options.streaming === true ? streamMedia(cbor) : objectMedia(cbor));
}

function viewOf(parameters: Readonly<Record<string, string>>, views: boolean): View | undefined {
  const as = parameters['as'];
  if (as === undefined) return 'object';
  if (!views || parameters['g'] !== 'meta.k8s.io') return undefined;
  if (as === 'Table' && ['v1', 'v1beta1'].includes(parameters['v'] ?? '')) return 'table';
  if (as.startsWith('PartialObjectMetadata') && ['v1', 'v1beta1'].includes(parameters['v'] ?? ''))
    return 'metadata';
  return undefined;
}

function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
  const asked = query.get('pretty');
  if (asked !== null && asked !== '')
    return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}
