/** A body of HTML with its URLs rewritten: as it streams, or at once where it is compressed. */
import { deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import type { Body, ByteSink } from '#base/http/message.ts';
import { HtmlRewriter } from './rewrite-html.ts';

type Rewrite = (url: string) => string | undefined;

/** Compressed HTML that is held to be rewritten; a longer page passes with its URLs as they are. */
const COMPRESSED_MAX = 512 * 1024;
const PLAIN_MAX = 4 * 1024 * 1024;

interface Coding {
  decode(bytes: Uint8Array): Uint8Array;
  encode(bytes: Uint8Array): Uint8Array;
}

const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: {
    decode: (bytes) => gunzipSync(bytes, { maxOutputLength: PLAIN_MAX }),
    encode: (bytes) => gzipSync(bytes),
  },
  deflate: {
    decode: (bytes) => inflateRawSync(bytes, { maxOutputLength: PLAIN_MAX }),
    encode: (bytes) => deflateRawSync(bytes),
  },
};

/** Undefined where the encoding is not understood: the body is then to stay as it is. */
export function rewrittenBody(body: Body, encoding: string, rewrite: Rewrite): Body | undefined {
  if (body.kind === 'object' || body.kind === 'events') return undefined;
  const coding = CODINGS[encoding];
  if (encoding !== '' && coding === undefined) return undefined;
  const source = (sink: ByteSink): void => {
    if (body.kind === 'stream') {
      body.start(sink);
      return;
    }
    for (const piece of body.kind === 'bytes' ? [body.bytes] : body.pieces) sink.write(piece);
    sink.end();
  };
  return {
    kind: 'stream',
    start: (sink) =>
      source(coding === undefined ? plain(sink, rewrite) : coded(sink, coding, rewrite)),
  };
}

function plain(sink: ByteSink, rewrite: Rewrite): ByteSink {
  const rewriter = new HtmlRewriter(rewrite);
  const pass = (bytes: Uint8Array): boolean => bytes.length === 0 || sink.write(bytes);
  return {
    write: (bytes) => pass(rewriter.push(bytes)),
    end() {
      pass(rewriter.end());
      sink.end();
    },
    abort: (reason) => sink.abort(reason),
    onDrain: (callback) => sink.onDrain(callback),
    onClose: (callback) => sink.onClose(callback),
  };
}

function coded(sink: ByteSink, coding: Coding, rewrite: Rewrite): ByteSink {
  let held: Uint8Array[] | undefined = [];
  let size = 0;
  return {
    write(bytes) {
      if (held === undefined) return sink.write(bytes);
      held.push(bytes);
      size += bytes.length;
      if (size <= COMPRESSED_MAX) return true;
      const all = Buffer.concat(held, size);
      held = undefined;
      return sink.write(all);
    },
    end() {
      if (held !== undefined) sink.write(recoded(Buffer.concat(held, size), coding, rewrite));
      sink.end();
    },
    abort: (reason) => sink.abort(reason),
    onDrain: (callback) => sink.onDrain(callback),
    onClose: (callback) => sink.onClose(callback),
  };
}

/** What cannot be decoded, or is too long when decoded, comes back as it is. */
function recoded(bytes: Uint8Array, coding: Coding, rewrite: Rewrite): Uint8Array {
  let decoded: Uint8Array;
  try {
    decoded = coding.decode(bytes);
  } catch {
    return bytes;
  }
  const rewriter = new HtmlRewriter(rewrite);
  return coding.encode(Buffer.concat([rewriter.push(decoded), rewriter.end()]));
}
