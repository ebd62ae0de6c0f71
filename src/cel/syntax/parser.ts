/**
 * Parses CEL: recursive descent over the grammar of the CEL specification.
 *
 * Upstream: cel-go parser/parser.go and parser/gen/CEL.g4, v0.26, whose limits (100,000 code
 * points, rules nested 250 deep) and messages these are. The first error of syntax ends parsing;
 * errors of meaning (a reserved name, a macro that does not fit) are collected.
 */
import { Uint } from '../value/value.ts';
import type { Expr, MapEntry, StructField } from './ast.ts';
import { type Token, tokensOf } from './lexer.ts';
import { bytesOf, doubleOf, intOf, type Meaning, stringOf, uintOf } from './literal.ts';
import { MacroProblem, type MacroTable } from './macros.ts';
import { type Issue, NOWHERE, type Place, Source } from './source.ts';
import { type Offsets, TreeBuilder } from './tree-builder.ts';

/** Longer expressions are refused before they are read. */
const EXPRESSION_CODE_POINTS_MAX = 100_000;
/** How deep one rule of the grammar may be within itself. */
const RECURSION_DEPTH_MAX = 250;

export interface ParserOptions {
  readonly macros: MacroTable;
  /** `.?`, `[?` and `{?`. */
  readonly hasOptionalSyntax: boolean;
  /** Field names between backticks. */
  readonly hasEscapedNames: boolean;
}

export interface ParsedTree {
  readonly source: Source;
  /** Undefined when there are issues. */
  readonly expr: Expr | undefined;
  readonly offsets: Offsets;
  readonly issues: readonly Issue[];
}

const RESERVED = new Set(
  (
    'as break const continue else false for function if import in let loop package namespace ' +
    'null return true var void while'
  ).split(' '),
);
const RELATIONS: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>=': '_>=_',
  '>': '_>_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
};
const ADDITIONS: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' };
const PRODUCTS: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' };
const LITERALS = "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER";
const STARTS = `{'[', '{', '(', '.', '-', '!', ${LITERALS}}`;
const LIST_STARTS = `{'[', ']', '{', '(', '.', ',', '-', '!', '?', ${LITERALS}}`;
const MAP_STARTS = `{'[', '{', '}', '(', '.', ',', '-', '!', '?', ${LITERALS}}`;
const FIELD_STARTS = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}";
const STARTING = new Set(['[', '{', '(', '.', '-', '!', 'true', 'false', 'null']);

/** Ends parsing; never seen outside this file. */
class ParsingEnded extends Error {
  override readonly name = 'ParsingEnded';
}

type Rule = 'expr' | 'calc' | 'member' | 'relation';

/** What upstream says when a chain of operators or of members is too long. */
const TOO_DEEP = 'max recursion depth exceeded';

class Parser {
  readonly #source: Source;
  readonly #options: ParserOptions;
  readonly #tokens: readonly Token[];
  readonly #issues: Issue[];
  readonly #builder = new TreeBuilder();
  readonly #depths: Record<Rule, number> = { expr: 0, calc: 0, member: 0, relation: 0 };
  /** How deep chains are that end in an expression; nothing is kept of what is no chain. */
  readonly #chainDepths = new WeakMap<Expr, number>();
  #next = 0;

  constructor(source: Source, options: ParserOptions) {
    this.#source = source;
    this.#options = options;
    const { tokens, issues } = tokensOf(source);
    this.#tokens = tokens;
    this.#issues = [...issues];
  }

  parse(): ParsedTree {
    let expr: Expr | undefined;
    try {
      expr = this.#expr();
      if (this.#token().kind !== 'EOF') this.#unexpected('<EOF>', this.#token(1).kind === 'EOF');
    } catch (error) {
      if (!(error instanceof ParsingEnded)) throw error;
    }
    const whole = this.#issues.length === 0 ? expr : undefined;
    const { offsets } = this.#builder;
    return { source: this.#source, expr: whole, offsets, issues: this.#issues };
  }

  // The stream of tokens.

  #token(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)];
    if (token === undefined) throw new RangeError('a stream of tokens ends with EOF');
    return token;
  }

  #isSymbol(text: string, ahead = 0): boolean {
    const token = this.#token(ahead);
    return token.kind === 'SYMBOL' && token.text === text;
  }

  #take(): Token {
    const token = this.#token();
    this.#next += 1;
    return token;
  }

  #takeIf(text: string): Token | undefined {
    return this.#isSymbol(text) ? this.#take() : undefined;
  }

  #expect(text: string): Token {
    const token = this.#takeIf(text);
    if (token !== undefined) return token;
    this.#unexpected(`'${text}'`, this.#isSymbol(text, 1));
    return this.#take();
  }

  #isName(ahead = 0): boolean {
    const { kind } = this.#token(ahead);
    return kind === 'IDENTIFIER' || kind === 'ESC_IDENTIFIER';
  }

  /** Whether an expression can begin with a token. */
  #isStart(ahead = 0): boolean {
    const { kind, text } = this.#token(ahead);
    if (kind === 'SYMBOL') return STARTING.has(text);
    return kind !== 'EOF' && kind !== 'ESC_IDENTIFIER';
  }

  // Errors.

  #report(place: Place, message: string): void {
    this.#issues.push({ place, message });
  }

  #reportAt(offset: number, message: string): Expr {
    this.#report(this.#source.placeOf(offset), message);
    return this.#builder.at(offset).literal(null);
  }

  /** A token that is only one too many is left out; any other ends parsing. */
  #unexpected(expected: string, isExtraneous: boolean): void {
    const { text, offset } = this.#token();
    const how = isExtraneous ? 'extraneous' : 'mismatched';
    this.#reportAt(offset, `Syntax error: ${how} input '${text}' expecting ${expected}`);
    if (!isExtraneous) throw new ParsingEnded();
    this.#take();
  }

  /** What stands in place of an expression; upstream tells of the end behind it too. */
  #unexpectedStart(expected: string): void {
    const [isExtraneous, isLast] = [this.#isStart(1), this.#token(1).kind === 'EOF'];
    if (!isExtraneous && isLast && this.#token().kind !== 'EOF') {
      this.#reportAt(
        this.#token(1).offset,
        `Syntax error: mismatched input '<EOF>' expecting ${STARTS}`,
      );
    }
    this.#unexpected(expected, isExtraneous && this.#token().kind !== 'EOF');
  }

  /** Runs `parse` one deeper in `rule`. */
  #within<T>(rule: Rule, parse: () => T): T {
    const before = this.#depths[rule];
    this.#enter(rule);
    const result = parse();
    this.#depths[rule] = before;
    return result;
  }

  #enter(rule: Rule): void {
    this.#depths[rule] += 1;
    if (this.#depths[rule] <= RECURSION_DEPTH_MAX) return;
    this.#report(NOWHERE, `expression recursion limit exceeded: ${RECURSION_DEPTH_MAX}`);
    throw new ParsingEnded();
  }

  /** One more link of a chain. */
  #linked(expr: Expr, ...parts: readonly Expr[]): Expr {
    const depth = 1 + Math.max(...parts.map((part) => this.#chainDepths.get(part) ?? 0));
    if (depth > RECURSION_DEPTH_MAX) {
      this.#report(NOWHERE, TOO_DEEP);
      throw new ParsingEnded();
    }
    this.#chainDepths.set(expr, depth);
    return expr;
  }

  // The grammar, loosest binding first.

  #expr(): Expr {
    return this.#within('expr', () => {
      const condition = this.#logic('||', () => this.#logic('&&', () => this.#relation()));
      const operator = this.#takeIf('?');
      if (operator === undefined) return condition;
      const id = this.#builder.at(operator.offset);
      const isTrue = this.#logic('||', () => this.#logic('&&', () => this.#relation()));
      this.#expect(':');
      return id.call('_?_:_', condition, isTrue, this.#expr());
    });
  }

  /** A chain of one logical operator becomes a balanced tree, as upstream makes it. */
  #logic(symbol: '||' | '&&', parseTerm: () => Expr): Expr {
    const first = parseTerm();
    if (!this.#isSymbol(symbol)) return first;
    const terms = [first];
    const operators: Token[] = [];
    for (let token = this.#takeIf(symbol); token !== undefined; token = this.#takeIf(symbol)) {
      operators.push(token);
      terms.push(parseTerm());
    }
    const name = `_${symbol}_`;
    const balance = (low: number, high: number): Expr => {
      const middle = Math.floor((low + high + 1) / 2);
      const [left, right] = [terms[middle], terms[middle + 1]];
      const operator = operators[middle];
      if (left === undefined || right === undefined || operator === undefined) return first;
      const build = this.#builder.at(operator.offset);
      const before = middle === low ? left : balance(low, middle - 1);
      const after = middle === high ? right : balance(middle + 1, high);
      return build.call(name, before, after);
    };
    return balance(0, operators.length - 1);
  }

  #relation(): Expr {
    return this.#within('relation', () =>
      this.#chain(RELATIONS, () => this.#within('calc', () => this.#sum())),
    );
  }

  #sum(): Expr {
    return this.#chain(ADDITIONS, () => this.#chain(PRODUCTS, () => this.#unary()));
  }

  #chain(operators: Readonly<Record<string, string>>, parse: () => Expr): Expr {
    let left = parse();
    for (;;) {
      const token = this.#token();
      const name = token.kind === 'SYMBOL' ? operators[token.text] : undefined;
      if (name === undefined) return left;
      this.#take();
      const build = this.#builder.at(token.offset);
      const right = parse();
      left = this.#linked(build.call(name, left, right), left, right);
    }
  }

  #unary(): Expr {
    const isSignedNumber =
      this.#isSymbol('-') && ['NUM_INT', 'NUM_FLOAT'].includes(this.#token(1).kind);
    const symbol = ['!', '-'].find((each) => this.#isSymbol(each));
    if (symbol === undefined || isSignedNumber) return this.#member();
    const first = this.#take();
    let count = 1;
    while (this.#isSymbol(symbol)) {
      this.#take();
      count += 1;
    }
    const operand = this.#member();
    if (count % 2 === 0) return operand;
    return this.#builder.at(first.offset).call(symbol === '!' ? '!_' : '-_', operand);
  }

  #member(): Expr {
    return this.#within('member', () => {
      let expr = this.#primary();
      for (;;) {
        if (this.#isSymbol('.')) expr = this.#linked(this.#selectOrCall(expr), expr);
        else if (this.#isSymbol('[')) expr = this.#linked(this.#index(expr), expr);
        else return expr;
      }
    });
  }

  #selectOrCall(operand: Expr): Expr {
    const dot = this.#take();
    const isOptional = this.#takeIf('?') !== undefined;
    const name = this.#fieldName();
    if (!isOptional && this.#isSymbol('(') && name.kind === 'IDENTIFIER') {
      const open = this.#take();
      return this.#call(open.offset, name.text, operand, this.#arguments());
    }
    const build = this.#builder.at(dot.offset);
    const field = this.#nameText(name);
    if (!isOptional) return build.select(operand, field);
    if (!this.#options.hasOptionalSyntax) {
      return this.#reportAt(dot.offset, "unsupported syntax '.?'");
    }
    return build.call('_?._', operand, this.#builder.at(name.offset).literal(field));
  }

  #index(operand: Expr): Expr {
    const open = this.#take();
    const build = this.#builder.at(open.offset);
    const isOptional = this.#takeIf('?') !== undefined;
    const index = this.#expr();
    this.#expect(']');
    if (isOptional && !this.#options.hasOptionalSyntax) {
      return this.#reportAt(open.offset, "unsupported syntax '[?'");
    }
    return build.call(isOptional ? '_[?_]' : '_[_]', operand, index);
  }

  /** The name behind a dot. */
  #fieldName(): Token {
    if (this.#isName()) return this.#take();
    const { text, offset } = this.#token();
    const isLiteral = ['true', 'false', 'null'].includes(text);
    const what = isLiteral
      ? `mismatched input '${text}' expecting IDENTIFIER`
      : `no viable alternative at input '.${text}'`;
    this.#reportAt(offset, `Syntax error: ${what}`);
    throw new ParsingEnded();
  }

  /** The name of a field of a message. */
  #messageField(isOptional: boolean): Token {
    if (this.#isName()) return this.#take();
    const expected = isOptional ? '{IDENTIFIER, ESC_IDENTIFIER}' : FIELD_STARTS;
    this.#unexpected(expected, this.#isName(1));
    return this.#take();
  }

  #nameText(name: Token): string {
    if (name.kind === 'IDENTIFIER') return name.text;
    if (!this.#options.hasEscapedNames) this.#reportAt(name.offset, "unsupported syntax: '`'");
    return name.text.slice(1, -1);
  }

  #primary(): Expr {
    const token = this.#token();
    if (
      token.kind === 'IDENTIFIER' ||
      (this.#isSymbol('.') && this.#token(1).kind === 'IDENTIFIER')
    ) {
      return this.#name();
    }
    if (token.kind === 'SYMBOL') {
      if (token.text === '(') return this.#nested();
      if (token.text === '[') return this.#list();
      if (token.text === '{') return this.#map();
    }
    return this.#literal();
  }

  #nested(): Expr {
    this.#take();
    const expr = this.#expr();
    this.#expect(')');
    return expr;
  }

  /** Whether names joined by dots and an opening brace follow: the making of a message. */
  #isMessage(): boolean {
    let ahead = this.#isSymbol('.') ? 1 : 0;
    for (;;) {
      if (this.#token(ahead).kind !== 'IDENTIFIER') return false;
      if (this.#isSymbol('{', ahead + 1)) return true;
      if (!this.#isSymbol('.', ahead + 1)) return false;
      ahead += 2;
    }
  }

  #name(): Expr {
    if (this.#isMessage()) return this.#message();
    const start = this.#token().offset;
    const dot = this.#takeIf('.') === undefined ? '' : '.';
    const name = this.#take();
    const open = this.#takeIf('(');
    if (RESERVED.has(name.text)) {
      if (open !== undefined) this.#arguments();
      return this.#reportAt(start, `reserved identifier: ${name.text}`);
    }
    const text = dot + name.text;
    if (open === undefined) return this.#builder.at(name.offset).ident(text);
    return this.#call(open.offset, text, undefined, this.#arguments());
  }

  #message(): Expr {
    let name = this.#takeIf('.') === undefined ? '' : '.';
    while (!this.#isSymbol('{')) name += this.#take().text;
    const open = this.#take();
    const build = this.#builder.at(open.offset);
    const fields: StructField[] = [];
    while (!this.#isSymbol('}') && !(this.#isSymbol(',') && this.#isSymbol('}', 1))) {
      const isOptional = this.#optionalMark();
      const field = this.#nameText(this.#messageField(isOptional));
      const colon = this.#expect(':');
      const { offset } = colon;
      fields.push({
        id: this.#builder.at(offset).id(),
        name: field,
        value: this.#expr(),
        isOptional,
      });
      if (!this.#isSymbol(',') || this.#isSymbol('}', 1)) break;
      this.#take();
    }
    this.#takeIf(',');
    this.#expect('}');
    return build.struct(name, fields);
  }

  #optionalMark(): boolean {
    const mark = this.#takeIf('?');
    if (mark === undefined) return false;
    if (!this.#options.hasOptionalSyntax) this.#reportAt(mark.offset, "unsupported syntax '?'");
    return true;
  }

  #list(): Expr {
    const open = this.#take();
    const build = this.#builder.at(open.offset);
    const id = build.id();
    const elements: Expr[] = [];
    const optionals = new Set<number>();
    while (!this.#isSymbol(']') && !(this.#isSymbol(',') && this.#isSymbol(']', 1))) {
      if (this.#optionalMark()) optionals.add(elements.length);
      if (elements.length === 0 && !this.#isStart()) this.#unexpectedStart(LIST_STARTS);
      elements.push(this.#expr());
      if (!this.#isSymbol(',') || this.#isSymbol(']', 1)) break;
      this.#take();
    }
    this.#takeIf(',');
    this.#expect(']');
    return { kind: 'list', id, elements, optionals };
  }

  #map(): Expr {
    const open = this.#take();
    const id = this.#builder.at(open.offset).id();
    const entries: MapEntry[] = [];
    while (!this.#isSymbol('}') && !(this.#isSymbol(',') && this.#isSymbol('}', 1))) {
      const isOptional = this.#optionalMark();
      if (entries.length === 0 && !this.#isStart()) this.#unexpectedStart(MAP_STARTS);
      const key = this.#expr();
      const colon = this.#expect(':');
      const entryId = this.#builder.at(colon.offset).id();
      entries.push({ id: entryId, key, value: this.#expr(), isOptional });
      if (!this.#isSymbol(',') || this.#isSymbol('}', 1)) break;
      this.#take();
    }
    this.#takeIf(',');
    this.#expect('}');
    return { kind: 'map', id, entries };
  }

  #arguments(): readonly Expr[] {
    const args: Expr[] = [];
    if (this.#takeIf(')') !== undefined) return args;
    do args.push(this.#expr());
    while (this.#takeIf(',') !== undefined);
    this.#expect(')');
    return args;
  }

  #call(offset: number, name: string, target: Expr | undefined, args: readonly Expr[]): Expr {
    const build = this.#builder.at(offset);
    const macro = this.#options.macros.find(name, args.length, target !== undefined);
    const expanded = macro?.expand({ build, target, args });
    if (expanded instanceof MacroProblem) {
      return this.#reportAt(this.#builder.offsets[expanded.id] ?? offset, expanded.message);
    }
    if (expanded !== undefined) return expanded;
    return target === undefined
      ? build.call(name, ...args)
      : build.memberCall(name, target, ...args);
  }

  #literal(): Expr {
    const start = this.#token().offset;
    const isNegative = this.#takeIf('-') !== undefined;
    const build = this.#builder.at(start);
    const token = this.#token();
    const meant = this.#meaning(token, isNegative);
    if (meant === undefined) {
      this.#unexpectedStart(STARTS);
      return this.#primary();
    }
    this.#take();
    if ('problem' in meant) return this.#reportAt(start, meant.problem);
    const { value } = meant;
    return build.literal(token.kind === 'NUM_UINT' ? new Uint(value as bigint) : value);
  }

  #meaning(
    token: Token,
    isNegative: boolean,
  ): Meaning<string | Uint8Array | bigint | number | boolean | null> | undefined {
    switch (token.kind) {
      case 'NUM_INT':
        return intOf(token.text, isNegative);
      case 'NUM_FLOAT':
        return doubleOf(token.text, isNegative);
      case 'NUM_UINT':
        return uintOf(token.text);
      case 'STRING':
        return stringOf(token.text);
      case 'BYTES':
        return bytesOf(token.text);
      case 'SYMBOL': {
        if (token.text === 'null') return { value: null };
        if (token.text === 'true' || token.text === 'false')
          return { value: token.text === 'true' };
        return undefined;
      }
      default:
        return undefined;
    }
  }
}

/** The tree of an expression, or what is wrong with it. */
export function parse(text: string, options: ParserOptions): ParsedTree {
  const source = new Source(text);
  const size = source.length;
  if (size > EXPRESSION_CODE_POINTS_MAX) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${EXPRESSION_CODE_POINTS_MAX}`;
    const issues = [{ place: NOWHERE, message }];
    return { source, expr: undefined, offsets: [], issues };
  }
  return new Parser(source, options).parse();
}
