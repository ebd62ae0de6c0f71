/**
 * CBOR in requests and answers: inside there is only JSON (`api/codec/cbor.ts`).
 *
 * Whether an answer is CBOR is negotiated as for the other forms (`negotiate.ts`); what comes here
 * says so by its content type, and holds JSON until here.
 *
 * Source: KEP-4222, the gate CBORServingAndStorage; RFC 8742 for sequences.
 */
import { type Body, type ByteSink, type HttpResponse, readBody } from '#base/http/message.ts';
import { CborError, cborToJson, jsonToCbor } from '#api/codec/cbor.ts';
import type { Json } from '#api/meta/object.ts';
import { badRequest } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import { CBOR_MEDIA, CBOR_SEQUENCE } from '../negotiate.ts';
import type { Filter } from './filter.ts';

/** What a request in CBOR is inside. */
const INSIDE: Readonly<Record<string, string>> = {
  [CBOR_MEDIA]: 'application/json',
  'application/apply-patch+cbor': 'application/apply-patch+yaml',
};

/** Answers that are to be CBOR become so. */
export function cborAnswerFilter(): Filter {
  return {
    name: 'cbor-answer',
    async handle(context, next) {
      const response = await next();
      if (!context.cbor || response.body === undefined) return response;
      switch (response.headers['content-type']) {
        case CBOR_MEDIA:
          return whole(response);
        case CBOR_SEQUENCE:
          return { ...response, body: sequence(response.body) };
        default:
          return response;
      }
    },
  };
}

async function whole(response: HttpResponse): Promise<HttpResponse> {
  const text = Buffer.from(await readBody(response.body)).toString();
  const bytes = jsonToCbor(JSON.parse(text) as Json);
  const headers = { ...response.headers, 'content-length': String(bytes.length) };
  return { ...response, headers, body: { kind: 'bytes', bytes } };
}

/** Each line of a watch becomes an item of the sequence. */
function sequence(body: Body): Body {
  if (body.kind !== 'stream') return body;
  return {
    kind: 'stream',
    start(sink) {
      body.start(lineSink(sink));
    },
  };
}

const NEWLINE = 0x0a;

/** A sink of lines of JSON that writes CBOR to `sink`. A watch writes whole lines. */
function lineSink(sink: ByteSink): ByteSink {
  return {
    write(bytes) {
      const items: Uint8Array[] = [];
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let start = 0; start < view.length; ) {
        const newline = view.indexOf(NEWLINE, start);
        const end = newline < 0 ? view.length : newline;
        items.push(jsonToCbor(JSON.parse(view.toString('utf8', start, end)) as Json));
        start = end + 1;
      }
      return sink.write(Buffer.concat(items));
    },
    end: () => sink.end(),
    abort: (error) => sink.abort(error),
    onDrain: (callback) => sink.onDrain(callback),
    onClose: (callback) => sink.onClose(callback),
  };
}

/** Bodies in CBOR become JSON. What is none is a 400. */
export function cborRequestFilter(): Filter {
  return {
    name: 'cbor-request',
    handle(context, next) {
      if (context.cbor) context.request = requestInside(context);
      return next();
    },
  };
}

function requestInside({ request }: RequestContext): RequestContext['request'] {
  const media = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const inside = INSIDE[media];
  if (inside === undefined || request.body === undefined || request.body.length === 0)
    return request;
  const headers = { ...request.headers, 'content-type': inside };
  return { ...request, headers, body: Buffer.from(jsonOf(request.body)) };
}

function jsonOf(body: Uint8Array): string {
  try {
    return cborToJson(body);
  } catch (error) {
    throw error instanceof CborError ? badRequest(error.message) : error;
  }
}
