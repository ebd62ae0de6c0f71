/**
 * Compresses large answers for clients that take gzip.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/writers.go:
 * objects, lists and discovery beyond 128 KiB, at the fastest level. OpenAPI has its own rules.
 */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { gzipPieces } from '../gzip.ts';
import { objectMedia } from '../negotiate.ts';
import { Turns } from '../turns.ts';
import type { Filter } from './filter.ts';

const THRESHOLD_BYTES = 128 * 1024;
const LEVEL = 1;

/** `isOn`: the gate APIResponseCompression. */
export function compressionFilter(isOn: boolean): Filter {
  return {
    name: 'compression',
    async handle(context, next) {
      const response = await next();
      if (!isOn || context.info.path.startsWith('/openapi/')) return response;
      if (!takesGzip(context.header('accept-encoding'))) return response;
      const pieces = compressible(response);
      if (pieces === undefined) return response;
      const made = await gzipPieces(pieces, {
        level: LEVEL,
        turns: new Turns(context.environment),
      });
      return gzipped(response, made);
    },
  };
}

/** As upstream reads the header: `gzip`, word for word. */
export function takesGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(',').some((token) => token.trim() === 'gzip');
}

/** `response` with its body in gzip. */
export function gzipped(response: HttpResponse, pieces: readonly Uint8Array[]): HttpResponse {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { vary } = response.headers;
  return {
    ...response,
    headers: {
      ...response.headers,
      'content-encoding': 'gzip',
      vary: vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`,
      'content-length': String(length),
    },
    body: { kind: 'pieces', pieces, length },
  };
}

/** The bytes of an answer that is worth it: an object, and long. */
function compressible({ headers, body }: HttpResponse): Iterable<Uint8Array> | undefined {
  if (body === undefined || headers['content-encoding'] !== undefined) return undefined;
  const media = (headers['content-type'] ?? '').split(';')[0] ?? '';
  const known = objectMedia(true);
  if (!known.includes(media) || lengthOf(body) <= THRESHOLD_BYTES) return undefined;
  if (body.kind === 'bytes') return [body.bytes];
  return body.kind === 'pieces' ? body.pieces : undefined;
}

function lengthOf(body: Body): number {
  if (body.kind === 'bytes') return body.bytes.length;
  return body.kind === 'pieces' ? body.length : 0;
}
