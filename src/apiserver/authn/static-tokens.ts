/**
 * Tokens of a file: `token,user name,user uid,"group,group"`, one a line.
 *
 * Source: Kubernetes documentation, "Static token file"; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/authentication/token/tokenfile; RFC 4180 for the form.
 */
import { createHash } from 'node:crypto';
import type { User } from '../context.ts';

/** A file that cannot be read. */
export class TokenFileError extends Error {}

/** Users by a hash of their token. */
export type StaticTokens = ReadonlyMap<string, User>;

const COLUMNS_MIN = 3;

/**
 * `path` is named in messages; `warn` is told of lines that are empty or come twice, of which the
 * last one counts. Throws TokenFileError.
 */
export function readStaticTokens(
  text: string,
  path: string,
  warn: (text: string) => void = () => {},
): StaticTokens {
  const tokens = new Map<string, User>();
  for (const [index, record] of csvRecords(text).entries()) {
    const [token = '', name = '', uid = '', groups] = record;
    if (record.length < COLUMNS_MIN)
      throw new TokenFileError(
        `token file '${path}' must have at least 3 columns (token, user name, user uid), found ${record.length}`,
      );
    const place = `in token file '${path}', record number '${index + 1}'`;
    if (token === '') {
      warn(`empty token has been found ${place}`);
      continue;
    }
    const key = hashOf(token);
    if (tokens.has(key)) warn(`duplicate token has been found ${place}`);
    tokens.set(key, { name, uid, groups: groups === undefined ? [] : groups.split(',') });
  }
  return tokens;
}

/** The user of a token; the time that this takes says nothing of the tokens that there are. */
export function staticUser(tokens: StaticTokens, token: string): User | undefined {
  return tokens.get(hashOf(token));
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/** Fields may stand in quotes, with commas, line ends and doubled quotes in them. */
function csvRecords(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (at < text.length) {
    const { field, end } = csvField(text, at);
    record.push(field);
    at = end;
    if (text[at] === ',') {
      at++;
      if (at < text.length) continue;
      record.push('');
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    at++;
    // An empty line is no record.
    if (record.length > 1 || record[0] !== '') records.push(record);
    record = [];
  }
  return records;
}

function csvField(text: string, start: number): { field: string; end: number } {
  if (text[start] !== '"') {
    const end = /,|\r?\n|\r?$/.exec(text.slice(start))?.index ?? text.length - start;
    const field = text.slice(start, start + end);
    if (field.includes('"')) throw new TokenFileError('bare " in non-quoted-field');
    return { field, end: start + end };
  }
  const quoted = /^"((?:[^"]|"")*)"(?=,|\r?\n|\r?$)/.exec(text.slice(start));
  if (quoted === null) throw new TokenFileError('extraneous or missing " in quoted-field');
  const [whole, field = ''] = quoted;
  return { field: field.replaceAll('""', '"'), end: start + whole.length };
}
