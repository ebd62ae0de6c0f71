/**
 * A tar writer (POSIX.1-1988 ustar, with pax records for long names): what image layers and image
 * archives are. Deterministic: the same entries give the same bytes, so that content hashes hold.
 */

const BLOCK = 512;
/** Bytes of the name fields of a ustar header. */
const NAME_MAX = 100;
const LINK_MAX = 100;

export type TarEntry = {
  /** Relative, without a leading slash. */
  readonly path: string;
  /** Permission bits, 0o755. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
} & (
  | { readonly kind: 'file'; readonly data: Uint8Array }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
);

/** The whole archive, entries in the order given. Times are 1970, so that nothing but content counts. */
export function createTar(entries: readonly TarEntry[]): Buffer {
  const pieces: Uint8Array[] = [];
  for (const entry of entries) {
    const path =
      entry.kind === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path;
    const target = entry.kind === 'symlink' ? entry.target : '';
    const records = [
      ...(Buffer.byteLength(path) > NAME_MAX ? [paxRecord('path', path)] : []),
      ...(Buffer.byteLength(target) > LINK_MAX ? [paxRecord('linkpath', target)] : []),
    ];
    if (records.length > 0) {
      const data = Buffer.concat(records);
      pieces.push(header({ path: 'pax', target: '', mode: 0o644, size: data.length, type: 'x' }));
      pieces.push(...padded(data));
    }
    const data = entry.kind === 'file' ? entry.data : new Uint8Array(0);
    const type = entry.kind === 'file' ? '0' : entry.kind === 'symlink' ? '2' : '5';
    const { mode, uid = 0, gid = 0 } = entry;
    pieces.push(header({ path, target, mode, uid, gid, size: data.length, type }), ...padded(data));
  }
  pieces.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(pieces);
}

function padded(data: Uint8Array): Uint8Array[] {
  const rest = data.length % BLOCK;
  return rest === 0 ? [data] : [data, Buffer.alloc(BLOCK - rest)];
}

/** `<length> <key>=<value>\n`, where the length counts itself (POSIX.1-2001, pax). */
function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(body) + 1;
  while (String(length).length + Buffer.byteLength(body) !== length) length++;
  return Buffer.from(`${length}${body}`);
}

interface Header {
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size: number;
  readonly type: string;
}

function header(fields: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  };
  Buffer.from(fields.path).copy(block, 0, 0, NAME_MAX);
  octal(fields.mode, 100, 8);
  octal(fields.uid ?? 0, 108, 8);
  octal(fields.gid ?? 0, 116, 8);
  octal(fields.size, 124, 12);
  octal(0, 136, 12);
  block.fill(' ', 148, 156);
  block.write(fields.type, 156, 'latin1');
  Buffer.from(fields.target).copy(block, 157, 0, LINK_MAX);
  block.write('ustar\u000000', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
  return block;
}
