/**
 * Label selectors as texts: `a=b,c in (d,e),!f`.
 *
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and upstream
 * staging/src/k8s.io/apimachinery/pkg/labels/selector.go for the grammar and its messages.
 */
import { byKey, type Operator, type Requirement, type Selector } from './labels.ts';
import { isLabelValue, isQualifiedName } from './names.ts';

/** A selector that cannot be read; the message is upstream's. */
export class SelectorSyntaxError extends Error {}

interface Token {
  readonly type: '!' | '=' | '==' | '!=' | '>' | '<' | ',' | '(' | ')' | 'word' | 'end';
  readonly text: string;
}

const END: Token = { type: 'end', text: '' };
const OPERATORS: Readonly<Record<string, Operator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

/** Parses a label selector; requirements are sorted by key. Throws SelectorSyntaxError. */
export function parseSelector(text: string): Selector {
  return new Parser(text).selector().toSorted(byKey);
}

function tokens(text: string): Token[] {
  const words = text.match(/==|!=|[!=><,()]|[^\s!=><,()]+/g) ?? [];
  return words.map((word) => ({
    type: /^[!=><,()]/.test(word) ? (word as Token['type']) : 'word',
    text: word,
  }));
}

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  selector(): Requirement[] {
    const requirements: Requirement[] = [];
    const { type, text } = this.#peek();
    if (type === 'end') return requirements;
    if (type !== 'word' && type !== '!') {
      throw new SelectorSyntaxError(`found '${text}', expected: !, identifier, or 'end of string'`);
    }
    do requirements.push(this.#requirement());
    while (this.#hasMore());
    return requirements;
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? END;
  }

  #next(): Token {
    return this.#tokens[this.#position++] ?? END;
  }

  /** Whether a comma and the start of a requirement come next. */
  #hasMore(): boolean {
    const { type, text } = this.#next();
    if (type === 'end') return false;
    if (type !== ',') {
      throw new SelectorSyntaxError(`found '${text}', expected: ',' or 'end of string'`);
    }
    const after = this.#peek();
    if (after.type === 'word' || after.type === '!') return true;
    throw new SelectorSyntaxError(`found '${after.text}', expected: identifier after ','`);
  }

  #requirement(): Requirement {
    const negated = this.#peek().type === '!';
    if (negated) this.#next();
    const key = this.#key();
    if (negated) return { key, operator: '!', values: [] };
    const { type } = this.#peek();
    if (type === 'end' || type === ',') return { key, operator: 'exists', values: [] };
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#set() : [this.#value()];
    return checked({ key, operator, values: [...new Set(values)].toSorted() });
  }

  #key(): string {
    const { type, text } = this.#next();
    if (type !== 'word') throw wrong(`found '${text}', expected: identifier`);
    const errors = isQualifiedName(text);
    // Upstream has no path here, and says so.
    if (errors.length > 0) throw wrong(invalid('<nil>', text, errors));
    return text;
  }

  #operator(): Operator {
    const { text } = this.#next();
    const operator = OPERATORS[text];
    if (operator !== undefined) return operator;
    throw wrong(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
  }

  #value(): string {
    const { type } = this.#peek();
    if (type === 'end' || type === ',') return '';
    const { text } = this.#next();
    if (type !== 'word') throw wrong(`found '${text}', expected: identifier`);
    return text;
  }

  /** `(a,b)`; what is left out between commas is the empty value. */
  #set(): string[] {
    const open = this.#next();
    if (open.type !== '(') throw wrong(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.type !== 'word' && first.type !== ',' && first.type !== ')') {
      throw wrong(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values: string[] = [];
    for (;;) {
      const { type, text } = this.#peek();
      if (type === 'word') this.#next();
      else if (type !== ',' && type !== ')')
        throw wrong(`found '${text}', expected: ',', or identifier`);
      values.push(type === 'word' ? text : '');
      const end = this.#next();
      if (end.type === ')') return values;
      if (end.type !== ',') throw wrong(`found '${end.text}', expected: ',' or ')'`);
    }
  }
}

/** An error within one requirement. */
function wrong(message: string): SelectorSyntaxError {
  return new SelectorSyntaxError(`unable to parse requirement: ${message}`);
}

function invalid(path: string, value: string, errors: readonly string[]): string {
  return `${path}: Invalid value: ${JSON.stringify(value)}: ${errors.join('; ')}`;
}

/** Throws SelectorSyntaxError when a value is no number where one must be, or no label value. */
function checked(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement;
  const numeric = operator === 'gt' || operator === 'lt';
  const errors = [
    ...(numeric ? problems(values, notInteger, (index) => `values[${index}]`) : []),
    ...problems(values, isLabelValue, (index) => `values[${index}][${key}]`),
  ];
  if (errors.length === 0) return requirement;
  throw wrong(errors.length === 1 ? errors.join() : `[${errors.join(', ')}]`);
}

function problems(
  values: readonly string[],
  check: (value: string) => string[],
  pathOf: (index: number) => string,
): string[] {
  return values.flatMap((value, index) => {
    const errors = check(value);
    return errors.length === 0 ? [] : [invalid(pathOf(index), value, errors)];
  });
}

function notInteger(value: string): string[] {
  return /^-?\d+$/.test(value) ? [] : ["for 'Gt', 'Lt' operators, the value must be an integer"];
}
