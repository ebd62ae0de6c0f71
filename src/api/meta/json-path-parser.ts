/**
 * Parses the JSONPath templates of kubectl and of printer columns.
 *
 * Source: upstream v1.36 client-go/util/jsonpath (parser.go, node.go). A template is text with
 * actions in braces: `{.metadata.name}`, `{range .items[*]}…{end}`.
 */
import { trimOf } from '#base/trim.ts';

export type PathNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' | 'recursive' }
  | { readonly kind: 'value'; readonly value: number | boolean }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'list'; readonly nodes: readonly PathNode[] }
  | { readonly kind: 'union'; readonly lists: readonly (readonly PathNode[])[] }
  | SliceNode
  | FilterNode;

/** `[start:end:step]`; `[i]` is the slice of one. */
export interface SliceNode {
  readonly kind: 'slice';
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly step: number | undefined;
  /** The end was not given: it is one more than the start. */
  readonly isIndex: boolean;
}

export interface FilterNode {
  readonly kind: 'filter';
  readonly left: readonly PathNode[];
  readonly right: readonly PathNode[];
  readonly operator: string;
}

const LINE_END = /[\n\r\u2028\u2029]/;

/** A template that cannot be parsed or evaluated. The message is upstream's. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

/** Throws JsonPathError. */
export function parseJsonPath(template: string): PathNode[] {
  return new Parser(template).parse();
}

/** The nodes of the one action `text`, which stands without its braces. */
function parseAction(text: string): readonly PathNode[] {
  const [list] = parseJsonPath(`{${text}}`);
  return list?.kind === 'list' ? list.nodes : [];
}

/** A name ends at one of these. */
const TERMINATOR = /[ \t\r\n.,[\]$@{}]/;

class Parser {
  readonly #input: string;
  #at = 0;

  constructor(input: string) {
    this.#input = input;
  }

  parse(): PathNode[] {
    const nodes: PathNode[] = [];
    while (this.#at < this.#input.length) {
      const brace = this.#input.indexOf('{', this.#at);
      const end = brace < 0 ? this.#input.length : brace;
      if (end > this.#at) nodes.push({ kind: 'text', text: this.#input.slice(this.#at, end) });
      this.#at = end;
      if (brace >= 0) nodes.push({ kind: 'list', nodes: this.#action() });
    }
    return nodes;
  }

  #rest(): string {
    return this.#input.slice(this.#at);
  }

  #action(): PathNode[] {
    this.#at++;
    const nodes: PathNode[] = [];
    for (;;) {
      const char = this.#input[this.#at];
      if (char === undefined || char === '\n' || char === '\r') {
        throw new JsonPathError('unclosed action');
      }
      if (char === '}') {
        this.#at++;
        return nodes;
      }
      nodes.push(...this.#next(char, nodes.at(-1)));
    }
  }

  #next(char: string, before: PathNode | undefined): readonly PathNode[] {
    if (this.#input.startsWith('[?(', this.#at)) return [this.#filter()];
    if (this.#input.startsWith('..', this.#at)) return this.#recursive(before);
    if (char === '[') return this.#brackets();
    if (char === '"' || char === "'") return [this.#quote(char)];
    if (/[+\-0-9]/.test(char)) return [this.#number()];
    if (/[_\p{L}]/u.test(char)) return [this.#identifier()];
    this.#at++;
    if (char === '.') return [this.#field()];
    if (char === ' ' || char === '@' || char === '$') return [];
    const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    throw new JsonPathError(`unrecognized character in action: U+${code} '${char}'`);
  }

  #word(): string {
    const start = this.#at;
    while (this.#at < this.#input.length && !TERMINATOR.test(this.#input[this.#at] ?? '')) {
      this.#at += this.#input[this.#at] === '\\' ? 2 : 1;
    }
    return this.#input.slice(start, this.#at);
  }

  #field(): PathNode {
    const word = this.#word();
    return word === '*' ? { kind: 'wildcard' } : { kind: 'field', name: word.replaceAll('\\', '') };
  }

  #identifier(): PathNode {
    const word = /^[^ \t\r\n.,[\]$@{}]+/.exec(this.#rest())?.[0] ?? '';
    this.#at += word.length;
    if (word === 'true' || word === 'false') return { kind: 'value', value: word === 'true' };
    return { kind: 'identifier', name: word };
  }

  #recursive(before: PathNode | undefined): readonly PathNode[] {
    if (before?.kind === 'recursive') {
      throw new JsonPathError('invalid multiple recursive descent');
    }
    this.#at += 2;
    const node: PathNode = { kind: 'recursive' };
    return /^[_\p{L}\p{Nd}]/u.test(this.#rest()) ? [node, this.#field()] : [node];
  }

  #number(): PathNode {
    const text = /^[+-]?[.\d]*/.exec(this.#rest())?.[0] ?? '';
    this.#at += text.length;
    const value = Number(text);
    if (/\d/.test(text) && !Number.isNaN(value)) return { kind: 'value', value };
    throw new JsonPathError(`cannot parse number ${text}`);
  }

  #quote(end: string): PathNode {
    for (let at = this.#at + 1; at < this.#input.length && this.#input[at] !== '\n'; at++) {
      if (this.#input[at] !== end || this.#input[at - 1] === '\\') continue;
      const text = this.#input.slice(this.#at + 1, at);
      this.#at = at + 1;
      return { kind: 'text', text: unquote(text, end) };
    }
    throw new JsonPathError('unterminated quoted string');
  }

  #brackets(): readonly PathNode[] {
    const end = /[\]\n]/.exec(this.#rest());
    if (end === null || end[0] === '\n') throw new JsonPathError('unterminated array');
    const inside = this.#input.slice(this.#at + 1, this.#at + end.index);
    this.#at += end.index + 1;
    if (inside.includes(',')) {
      const parts = inside.split(',').map((part) => trimOf(part, (character) => character === ' '));
      return [{ kind: 'union', lists: parts.map((part) => parseAction(`[${part}]`)) }];
    }
    const key = /^'([^']*)'$/.exec(inside);
    return key === null ? [sliceOf(inside)] : parseAction(`.${key[1]}`);
  }

  #filter(): PathNode {
    const start = this.#at + '[?('.length;
    const end = this.#filterEnd(start);
    if (this.#input[end + 1] !== ']') throw new JsonPathError('unclosed array expect ]');
    const text = this.#input.slice(start, end);
    this.#at = end + 2;
    const [head = '', left = '', signs = ''] = /^([^!<>=]+)([!<>=]+)/.exec(text) ?? [];
    // Something must stand behind the operator, be it the last of its signs.
    const right = text.slice(head.length) || signs.slice(1).slice(-1);
    const operator = head.length < text.length ? signs : signs.slice(0, -1);
    if (head === '' || right === '' || LINE_END.test(right)) {
      return { kind: 'filter', left: parseAction(text), right: [], operator: 'exists' };
    }
    return { kind: 'filter', left: parseAction(left), right: parseAction(right), operator };
  }

  /** Where the parenthesis closes: behind the quoted string, when there is one. */
  #filterEnd(start: number): number {
    let quote = '';
    let isClosed = false;
    for (let at = start; at < this.#input.length && this.#input[at] !== '\n'; at++) {
      const char = this.#input[at] ?? '';
      if (char === '"' || char === "'") {
        if (quote === '') quote = char;
        else if (char === quote && this.#input[at - 1] !== '\\') isClosed = true;
      } else if (char === ')' && (quote !== '') === isClosed) return at;
    }
    throw new JsonPathError('unterminated filter');
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

function unquote(text: string, quote: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (all, u, x, char) => {
      if (u !== undefined || x !== undefined)
        return String.fromCharCode(Number.parseInt(u ?? x, 16));
      if (char === quote) return quote;
      const known = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined;
      if (known !== undefined) return known;
      throw new JsonPathError(
        `unquote string ${quote}${text}${quote} error invalid syntax${all ? '' : ''}`,
      );
    },
  );
}

function sliceOf(text: string): SliceNode {
  const inside = text === '*' ? ':' : text;
  const match = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/.exec(inside);
  if (match === null) throw new JsonPathError(`invalid array index ${text}`);
  const numberOf = (part: string | undefined): number | undefined => {
    if (part === undefined || part === '') return undefined;
    const value = Number(part);
    if (Number.isNaN(value)) throw new JsonPathError(`array index ${part} is not a number`);
    return value;
  };
  const start = numberOf(match[1]);
  const isIndex = match[2] === undefined;
  const end = isIndex ? (start ?? 0) + 1 : numberOf(match[2]?.slice(1));
  return { kind: 'slice', start, end, step: numberOf(match[3]?.slice(1)), isIndex };
}
