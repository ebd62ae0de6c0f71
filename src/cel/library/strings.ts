/**
 * The string extension of CEL, by its versions: Kubernetes has version 0 until 1.28 and 2 since.
 *
 * Upstream: cel-go ext/strings.go, v0.26. Positions count code points.
 */
import { trimOf } from '#base/trim.ts';
import { type FunctionTable, member, overload } from '../check/declarations.ts';
import { DYN, INT, listType, STRING } from '../check/type.ts';
import {
  ArrayList,
  CelError,
  codePointLength,
  elementsOf,
  ListValue,
  noSuchOverload,
  numberOf,
  textOf,
  typeNameOf,
  type Value,
} from '../value/value.ts';
import { formatString, type FormatVersion } from './format-string.ts';

const points = (text: Value): readonly string[] => Array.from(textOf(text));
const outOfRange = (index: Value): CelError =>
  new CelError(`index out of range: ${numberOf(index)}`);

function charAt(text: Value, index: Value): Value {
  const chars = points(text);
  const at = numberOf(index);
  if (at < 0 || at > chars.length) return outOfRange(index);
  return chars[at] ?? '';
}

/** The position of a part from an offset on. */
function indexOf(text: Value, part: Value, offset: Value): Value {
  if (part === '') return offset;
  const at = numberOf(offset);
  if (at < 0) return outOfRange(offset);
  const chars = points(text);
  const units = chars.slice(0, at).join('').length;
  if (at >= chars.length) return -1n;
  const found = textOf(text).indexOf(textOf(part), units);
  return found < 0 ? -1n : BigInt(codePointLength(textOf(text).slice(0, found)));
}

function lastIndexOf(text: Value, part: Value, offset: Value): Value {
  if (part === '') return offset;
  const at = numberOf(offset);
  if (at < 0) return outOfRange(offset);
  const chars = points(text);
  if (at >= chars.length) return -1n;
  const units = chars.slice(0, at).join('').length;
  const found = textOf(text).lastIndexOf(textOf(part), units);
  return found < 0 ? -1n : BigInt(codePointLength(textOf(text).slice(0, found)));
}

function lastIndex(text: Value, part: Value): Value {
  const size = BigInt(codePointLength(textOf(text)));
  if (part === '') return size;
  return size === 0n || textOf(text).length < textOf(part).length
    ? -1n
    : lastIndexOf(text, part, size - 1n);
}

function substring(text: Value, start: Value, end: Value): Value {
  const chars = points(text);
  const [from, to] = [numberOf(start), numberOf(end)];
  if (from > to) return new CelError(`invalid substring range. start: ${from}, end: ${to}`);
  if (from < 0 || from > chars.length) return outOfRange(start);
  if (to < 0 || to > chars.length) return outOfRange(end);
  return chars.slice(from, to).join('');
}

function suffix(text: Value, start: Value): Value {
  const size = codePointLength(textOf(text));
  const from = numberOf(start);
  return from < 0 || from > size ? outOfRange(start) : substring(text, start, BigInt(size));
}

const lower = (text: Value): Value => textOf(text).replace(/[A-Z]+/g, (part) => part.toLowerCase());
const upper = (text: Value): Value => textOf(text).replace(/[a-z]+/g, (part) => part.toUpperCase());

/** The first `count` places replaced; all of them when it is negative. */
function replace(text: Value, old: Value, by: Value, count: Value): Value {
  const [source, part, replacement] = [textOf(text), textOf(old), textOf(by)];
  let left = typeof count === 'bigint' && count >= 0n ? numberOf(count) : Number.POSITIVE_INFINITY;
  if (left === 0) return source;
  if (part === '') {
    const chars = Array.from(source);
    let out = '';
    for (const [index, char] of [...chars, ''].entries()) {
      const isPlace = left > 0 && index <= chars.length;
      if (isPlace) left -= 1;
      out += (isPlace ? replacement : '') + char;
    }
    return out;
  }
  const pieces = source.split(part);
  let out = pieces[0] ?? '';
  for (const piece of pieces.slice(1)) {
    out += (left > 0 ? replacement : part) + piece;
    left -= 1;
  }
  return out;
}

/** At most `count` parts, the last of which is the rest; all of them when it is negative. */
function split(text: Value, separator: Value, count: Value): Value {
  const limit = typeof count === 'bigint' ? numberOf(count) : -1;
  if (limit === 0) return new ArrayList([]);
  const by = textOf(separator);
  const parts = by === '' ? Array.from(textOf(text)) : textOf(text).split(by);
  if (limit < 0 || parts.length <= limit) return new ArrayList(parts);
  const rest = parts.slice(limit - 1).join(by);
  return new ArrayList([...parts.slice(0, limit - 1), rest]);
}

/** What Go counts as space: not all that JavaScript does. */
const SPACE = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const trim = (text: Value): Value => trimOf(textOf(text), (character) => SPACE.test(character));

function join(list: Value, separator: Value): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  const parts: string[] = [];
  for (const each of elementsOf(list)) {
    if (typeof each !== 'string') return new CelError(`join: invalid input: ${typeNameOf(each)}`);
    parts.push(each);
  }
  return parts.join(textOf(separator));
}

const QUOTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

const quote = (text: Value): Value =>
  `"${textOf(text)
    .toWellFormed()
    .replace(/[\x07\b\f\n\r\t\v\\"]/g, (char) => QUOTED[char] ?? char)}"`;

const STRINGS = listType(STRING);

const BASE: FunctionTable = {
  charAt: [member('string_char_at_int', [STRING, INT], STRING, charAt)],
  indexOf: [
    member('string_index_of_string', [STRING, STRING], INT, (text, part) =>
      indexOf(text, part, 0n),
    ),
    member('string_index_of_string_int', [STRING, STRING, INT], INT, indexOf),
  ],
  lastIndexOf: [
    member('string_last_index_of_string', [STRING, STRING], INT, lastIndex),
    member('string_last_index_of_string_int', [STRING, STRING, INT], INT, lastIndexOf),
  ],
  lowerAscii: [member('string_lower_ascii', [STRING], STRING, lower)],
  upperAscii: [member('string_upper_ascii', [STRING], STRING, upper)],
  replace: [
    member('string_replace_string_string', [STRING, STRING, STRING], STRING, (text, old, by) =>
      replace(text, old, by, -1n),
    ),
    member('string_replace_string_string_int', [STRING, STRING, STRING, INT], STRING, replace),
  ],
  split: [
    member('string_split_string', [STRING, STRING], STRINGS, (text, by) => split(text, by, -1n)),
    member('string_split_string_int', [STRING, STRING, INT], STRINGS, split),
  ],
  substring: [
    member('string_substring_int', [STRING, INT], STRING, suffix),
    member('string_substring_int_int', [STRING, INT, INT], STRING, substring),
  ],
  trim: [member('string_trim', [STRING], STRING, trim)],
  join: [
    member('list_join', [STRINGS], STRING, (list) => join(list, '')),
    member('list_join_string', [STRINGS, STRING], STRING, join),
  ],
};

const formatting = (version: FormatVersion): FunctionTable => ({
  format: [
    member('string_format', [STRING, listType(DYN)], STRING, (text, list) =>
      list instanceof ListValue ? formatString(textOf(text), list, version) : noSuchOverload(),
    ),
  ],
  'strings.quote': [overload('strings_quote', [STRING], STRING, quote)],
});

/** The functions of one version of the extension. */
export function stringsLibrary(version: 0 | 2 | 4): FunctionTable {
  if (version === 0) return BASE;
  if (version === 2) return { ...BASE, ...formatting('former') };
  const reverse = (text: Value): Value => points(text).toReversed().join('');
  return {
    ...BASE,
    ...formatting('current'),
    reverse: [member('string_reverse', [STRING], STRING, reverse)],
  };
}
