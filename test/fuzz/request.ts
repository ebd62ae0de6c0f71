/** A request of the fuzzer: plain data, so that a sequence can be repeated, shrunk and printed. */

export interface FuzzRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** In text, `@version` and `@uid` stand for what the last answer about that object said. */
  readonly body?: Uint8Array;
  /** The client goes away this long after it asked, in virtual milliseconds. */
  readonly abortAfterMs?: number;
  /** Codes of which the answer must have one; any below 500 unless given. */
  readonly expected?: readonly number[];
}

const SHOWN_BYTES_MAX = 2_000;

/** One line that says all of it. */
export function requestText({ method, url, headers, body, abortAfterMs }: FuzzRequest): string {
  const shown = body === undefined ? '' : ` ${bodyText(body)}`;
  const abort = abortAfterMs === undefined ? '' : ` (gone after ${abortAfterMs} ms)`;
  const type = headers['content-type'] === undefined ? '' : ` [${headers['content-type']}]`;
  return `${method} ${url}${type}${shown}${abort}`;
}

function bodyText(body: Uint8Array): string {
  const cut = Buffer.from(body.subarray(0, SHOWN_BYTES_MAX));
  const text = cut.toString();
  const whole = Buffer.from(text).equals(cut) ? text : `base64:${cut.toString('base64')}`;
  return body.length > SHOWN_BYTES_MAX ? `${whole}… (${body.length} bytes)` : whole;
}
