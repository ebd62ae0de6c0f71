/**
 * The one reader of PEM: which blocks a text holds. What is between them is passed over, and so is a
 * block that is broken: whoever needs one says that it is missing.
 *
 * Source: RFC 7468, and RFC 1421 for headers; what is accepted is what Go's encoding/pem accepts,
 * because upstream's answers depend on it.
 */
import { trimEndOf } from './trim.ts';

export interface PemBlock {
  /** `CERTIFICATE`, `RSA PRIVATE KEY`. */
  readonly label: string;
  /** Lines such as `Proc-Type: 4,ENCRYPTED` stand before the content. */
  readonly hasHeaders: boolean;
  readonly der: Buffer;
  /** The block as it stands in the text, its lines trimmed. */
  readonly text: string;
}

const BEGIN = '-----BEGIN ';
const END = '-----END ';
const DASHES = '-----';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const isBlank = (character: string): boolean => character === ' ' || character === '\t';

/** The blocks of `text`, in order. */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  // Of several beginnings before an end the last one counts.
  let open: string[] | undefined;
  for (const raw of text.split('\n')) {
    const line = trimEndOf(raw.endsWith('\r') ? raw.slice(0, -1) : raw, isBlank);
    if (line.startsWith(END)) {
      const block = open === undefined ? undefined : blockOf(open, line);
      if (block !== undefined) blocks.push(block);
      open = undefined;
    } else if (line.includes(BEGIN)) open = [line];
    else open?.push(line);
  }
  return blocks;
}

function blockOf([first = '', ...lines]: readonly string[], last: string): PemBlock | undefined {
  const label = first.slice(BEGIN.length, -DASHES.length);
  if (first !== BEGIN + label + DASHES || last !== END + label + DASHES) return undefined;
  // Behind headers there is at least an empty line: they are no content themselves.
  const headers = lines.findIndex((line) => !line.includes(':'));
  const base64 = lines
    .slice(Math.max(headers, 0))
    .join('')
    .replaceAll(/[ \t\r]/g, '');
  if (!BASE64.test(base64)) return undefined;
  return {
    label,
    hasHeaders: headers > 0,
    der: Buffer.from(base64, 'base64'),
    text: `${[first, ...lines, last].join('\n')}\n`,
  };
}
