/**
 * Values as YAML, as Go's yaml.v2 lays them out: sorted keys, lists not indented, literal blocks
 * for texts of several lines, long texts folded.
 *
 * Upstream: sigs.k8s.io/yaml, goyaml.v2/emitterc.go and sorter.go (a port of libyaml). The layout
 * is what `kubectl get -o yaml` prints, so diffs and golden files depend on it.
 */
import { isPlainText } from './yaml-scalar.ts';

/** A space beyond this column ends the line. */
const WIDTH = 80;
const INDENT = 2;
/** Longer keys are written in the explicit form, `? key`. */
const SIMPLE_KEY_MAX = 128;

/** The document, with a line feed at its end. `undefined` members are left out. */
export function toYaml(value: unknown): string {
  if (isEmptyCollection(value)) return `${Array.isArray(value) ? '[]' : '{}'}\n`;
  if (Array.isArray(value)) return listLines(value, 0).join('\n').concat('\n');
  if (typeof value === 'object' && value !== null)
    return mapLines(value, 0).join('\n').concat('\n');
  return `${scalar(value, { indent: 0, column: 0 })}\n`;
}

function isEmptyCollection(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value)
    ? value.length === 0
    : !Object.values(value).some((item) => item !== undefined);
}

function mapLines(map: object, indent: number): string[] {
  const entries = Object.entries(map).filter((entry) => entry[1] !== undefined);
  return entries
    .toSorted(([a], [b]) => compareKeys(a, b))
    .flatMap(([key, value]) => pairLines(key, value, indent));
}

function pairLines(key: string, value: unknown, indent: number): string[] {
  const padding = ' '.repeat(indent);
  const text = keyText(key);
  // Only a key that is short and of one line is a simple one.
  if (text.length > SIMPLE_KEY_MAX) return explicitPair({ key: text, value, indent });
  const head = `${padding}${text}:`;
  if (!isBlock(value)) return [`${head} ${scalar(value, { indent, column: head.length + 1 })}`];
  if (Array.isArray(value)) return [head, ...listLines(value, indent)];
  return [head, ...mapLines(value, indent + INDENT)];
}

function explicitPair(pair: { key: string; value: unknown; indent: number }): string[] {
  const { key, value, indent } = pair;
  const padding = ' '.repeat(indent);
  const head = `${padding}? ${key}`;
  if (!isBlock(value)) {
    return [head, `${padding}: ${scalar(value, { indent, column: indent + 2 })}`];
  }
  const inner = Array.isArray(value)
    ? listLines(value, indent + INDENT)
    : mapLines(value, indent + INDENT);
  return [head, ...withMarker(inner, `${padding}: `)];
}

function listLines(list: readonly unknown[], indent: number): string[] {
  const marker = `${' '.repeat(indent)}- `;
  return list.flatMap((item) => {
    if (!isBlock(item)) return [`${marker}${scalar(item, { indent, column: indent + 2 })}`];
    const inner = Array.isArray(item)
      ? listLines(item, indent + INDENT)
      : mapLines(item, indent + INDENT);
    return withMarker(inner, marker);
  });
}

/** Puts a marker over the indentation of the first line. */
function withMarker(lines: readonly string[], marker: string): string[] {
  const [first = '', ...rest] = lines;
  return [`${marker}${first.slice(marker.length)}`, ...rest];
}

function isBlock(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isEmptyCollection(value);
}

interface Place {
  /** Of the line that the scalar is part of; what follows is indented two more. */
  readonly indent: number;
  /** Where the scalar begins. */
  readonly column: number;
}

function scalar(value: unknown, place: Place): string {
  switch (typeof value) {
    case 'string':
      return text(value, place);
    case 'number':
      return numberText(value);
    case 'boolean':
      return String(value);
    default:
      return isEmptyCollection(value) ? (Array.isArray(value) ? '[]' : '{}') : 'null';
  }
}

/** Go's %g: exponents from 1e+06 on when the number has a fraction or is too large to be whole. */
function numberText(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value === 0 ? 0 : value);
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 21 && (power < 6 || Math.abs(value) < 1e6)) return String(value);
  const digits = String(Math.abs(power)).padStart(2, '0');
  return `${mantissa}e${power < 0 ? '-' : '+'}${digits}`;
}

function text(value: string, place: Place): string {
  const form = analyze(value);
  if (value.includes('\n')) return form.block ? literal(value, place) : doubleQuoted(value, place);
  if (!isPlainText(value)) return doubleQuoted(value, place);
  if (form.plain) return folded(value, place);
  return form.single
    ? `'${folded(value.replaceAll("'", "''"), { ...place, column: place.column + 1 }, true)}'`
    : doubleQuoted(value, place);
}

function keyText(key: string): string {
  const form = analyze(key);
  if (key.includes('\n') || !isPlainText(key)) return quoteDouble(key);
  if (form.plain) return key;
  return form.single ? `'${key.replaceAll("'", "''")}'` : quoteDouble(key);
}

interface Form {
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

const BREAK = /[\n\r\u0085\u2028\u2029]/;
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\ud800-\udfff]/;

/** Which styles can hold the text; libyaml's analysis of a scalar. */
function analyze(value: string): Form {
  if (value === '') return { plain: true, single: true, block: false };
  const isSpecial = UNPRINTABLE.test(value);
  const spaceBreak = / [\n\r\u0085\u2028\u2029]/.test(value);
  if (isSpecial || spaceBreak) return { plain: false, single: false, block: false };
  const breakSpace = /[\n\r\u0085\u2028\u2029] /.test(value);
  const hasEdges = /^[ \n\r\u0085\u2028\u2029]|[ \n\r\u0085\u2028\u2029]$/.test(value);
  return {
    plain: !hasEdges && !breakSpace && !BREAK.test(value) && !hasIndicator(value),
    single: !breakSpace,
    block: !value.endsWith(' '),
  };
}

/** Characters that mean something in a block context. */
function hasIndicator(value: string): boolean {
  return (
    /^(?:---|\.\.\.)/.test(value) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(value) ||
    /^[-?:](?:\s|$)/.test(value) ||
    /:(?:\s|$)/.test(value) ||
    /\s#/.test(value)
  );
}

/** Breaks the line at single spaces beyond the width. */
function folded(value: string, place: Place, isQuoted = false): string {
  if (place.column + value.length <= WIDTH) return value;
  const next = `\n${' '.repeat(place.indent + INDENT)}`;
  let result = '';
  let { column } = place;
  let afterSpace = false;
  for (let i = 0; i < value.length; i++) {
    const character = value.charAt(i);
    const isInside = !isQuoted || (i > 0 && i < value.length - 1);
    const isSpace = character === ' ';
    if (isSpace && !afterSpace && column > WIDTH && isInside && value.charAt(i + 1) !== ' ') {
      result += next;
      column = place.indent + INDENT;
    } else {
      result += character;
      column++;
    }
    afterSpace = isSpace;
  }
  return result;
}

function literal(value: string, place: Place): string {
  const hint = /^[ \n\r\u0085\u2028\u2029]/.test(value) ? String(INDENT) : '';
  const chomping = !value.endsWith('\n')
    ? '-'
    : value === '\n' || value.endsWith('\n\n')
      ? '+'
      : '';
  const padding = ' '.repeat(place.indent + INDENT);
  const body = value.endsWith('\n') ? value.slice(0, -1) : value;
  const lines = body.split('\n').map((line) => (line === '' ? '' : padding + line));
  return [`|${hint}${chomping}`, ...lines].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u2028': 'L',
  '\u2029': 'P',
};

function escaped(character: string): string {
  const short = ESCAPES[character];
  if (short !== undefined) return `\\${short}`;
  if (!UNPRINTABLE.test(character)) return character;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
}

function quoteDouble(value: string): string {
  return `"${Array.from(value).map(escaped).join('')}"`;
}

/** In double quotes, folded at single spaces beyond the width. */
function doubleQuoted(value: string, place: Place): string {
  const characters = Array.from(value);
  const next = `\n${' '.repeat(place.indent + INDENT)}`;
  let result = '"';
  let column = place.column + 1;
  let afterSpace = false;
  for (const [i, character] of characters.entries()) {
    const isInside = i > 0 && i < characters.length - 1;
    if (character === ' ' && !afterSpace && column > WIDTH && isInside) {
      result += next;
      column = place.indent + INDENT;
      if (characters[i + 1] === ' ') {
        result += '\\';
        column++;
      }
      afterSpace = true;
      continue;
    }
    const shown = escaped(character);
    result += shown;
    column += shown.length;
    afterSpace = character === ' ';
  }
  return `${result}"`;
}

const LETTER = /^\p{L}$/u;
const DIGIT = /^\p{Nd}$/u;

/** Orders keys as yaml.v2 does: what is no letter comes first, numbers by their value. */
function compareKeys(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) {
    const [x = '', y = ''] = [left[i], right[i]];
    if (x === y) continue;
    const [isLetterX, isLetterY] = [LETTER.test(x), LETTER.test(y)];
    if (isLetterX && isLetterY) return byCodePoint(x, y);
    if (isLetterX || isLetterY) return isLetterY ? -1 : 1;
    return compareNumbers({ left, right, at: i });
  }
  return left.length - right.length;
}

function byCodePoint(x: string, y: string): number {
  return (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0);
}

function compareNumbers(pair: { left: string[]; right: string[]; at: number }): number {
  const { left, right, at } = pair;
  const [x = '', y = ''] = [left[at], right[at]];
  // A zero inside a number is no leading zero: both numbers get a digit before it.
  let prefix = '';
  if (x === '0' || y === '0') {
    for (let j = at - 1; j >= 0 && DIGIT.test(left[j] ?? ''); j--) {
      if (left[j] !== '0') prefix = '1';
    }
  }
  const [m, n] = [digitsAt(left, at), digitsAt(right, at)];
  const difference = Number(`${prefix}${m}` || 0) - Number(`${prefix}${n}` || 0);
  if (difference !== 0) return difference;
  return m.length === n.length ? byCodePoint(x, y) : m.length - n.length;
}

function digitsAt(characters: readonly string[], at: number): string {
  let end = at;
  while (/^[0-9]$/.test(characters[end] ?? '')) end++;
  return characters.slice(at, end).join('');
}
