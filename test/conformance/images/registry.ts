/**
 * The archive of images as a registry that can only be read (OCI distribution specification 1.1,
 * pulls alone), over plain HTTP: for the spec whose pod pulls its image each time.
 */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

interface Place {
  readonly start: number;
  readonly size: number;
}

interface Manifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const BLOCK = 512;
const REGULAR_FILE = '0';
const NAME_ANNOTATION = 'io.containerd.image.name';

/** A server of the images in `archive`, which its `close` ends; it does not listen yet. */
export function registryOf(archive: string): Server {
  const places = placesIn(archive);
  const index = JSON.parse(read(archive, placeOf(places, 'index.json')).toString()) as {
    readonly manifests: readonly Manifest[];
  };
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://registry');
    const found = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname);
    if (pathname === '/v2/') return void response.end('{}');
    const [, name = '', type = '', reference = ''] = found ?? [];
    const manifest = index.manifests.find(
      (each) => each.digest === reference || isNamed(each, name, reference),
    );
    const digest = type === 'manifests' ? manifest?.digest : reference;
    const place = places.get(`blobs/${digest?.replace(':', '/')}`);
    if (digest === undefined || place === undefined) return notFound(response);
    const mediaType = type === 'manifests' ? manifest?.mediaType : undefined;
    response.setHeader('content-type', mediaType ?? 'application/octet-stream');
    response.setHeader('docker-content-digest', digest);
    send({ archive, place, request, response });
  });
}

/** Whether `registry/name:tag` is what the archive calls it. */
function isNamed({ annotations }: Manifest, name: string, tag: string): boolean {
  const image = annotations?.[NAME_ANNOTATION] ?? '';
  return image.slice(image.indexOf('/') + 1) === `${name}:${tag}`;
}

function notFound(response: ServerResponse): void {
  response.statusCode = 404;
  response.end(
    JSON.stringify({ errors: [{ code: 'NAME_UNKNOWN', message: 'not in the archive' }] }),
  );
}

function send(answer: {
  readonly archive: string;
  readonly place: Place;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}): void {
  const { archive, place, request, response } = answer;
  response.setHeader('content-length', place.size);
  if (request.method === 'HEAD' || place.size === 0) return void response.end();
  createReadStream(archive, { start: place.start, end: place.start + place.size - 1 })
    .on('error', () => response.destroy())
    .pipe(response);
}

function placeOf(places: ReadonlyMap<string, Place>, name: string): Place {
  const place = places.get(name);
  if (place === undefined) throw new Error(`Cannot serve the images: their archive has no ${name}`);
  return place;
}

function read(archive: string, { start, size }: Place): Buffer {
  const bytes = Buffer.alloc(size);
  const file = openSync(archive, 'r');
  try {
    readSync(file, bytes, 0, size, start);
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Where each file of a tar archive lies (POSIX.1 ustar; names are within their 100 bytes here). */
function placesIn(archive: string): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const header = Buffer.alloc(BLOCK);
  const field = (start: number, end: number): string =>
    header.toString('latin1', start, end).replace(/\0.*$/s, '').trim();
  const file = openSync(archive, 'r');
  try {
    for (let at = 0; readSync(file, header, 0, BLOCK, at) === BLOCK && header[0] !== 0; ) {
      const size = Number.parseInt(field(124, 136) || '0', 8);
      const name = field(0, 100).replace(/^\.\//, '');
      if (field(156, 157) === REGULAR_FILE) places.set(name, { start: at + BLOCK, size });
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
  } finally {
    closeSync(file);
  }
  return places;
}
