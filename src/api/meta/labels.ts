/**
 * Label and field selectors: parsing, matching, printing.
 *
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and upstream
 * staging/src/k8s.io/apimachinery/pkg/labels/selector.go for the grammar and its messages.
 */
import type { LabelSelector } from './object.ts';

export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** All requirements must hold. The empty list selects everything. */
export type Selector = readonly Requirement[];

export const EVERYTHING: Selector = [];

export type Labels = Readonly<Record<string, string>> | undefined;

/** Whether `labels` meet every requirement of `selector`. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  for (const requirement of selector) if (!meets(requirement, labels)) return false;
  return true;
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const [left, right] = [BigInt(value), BigInt(values[0] ?? '0')];
      return operator === 'gt' ? left > right : left < right;
    }
  }
}

/** A LabelSelector object: undefined selects nothing, an empty one everything. */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => ({ key, operator: '=', values: [value] }),
  );
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (operator === 'In') requirements.push({ key, operator: 'in', values: values ?? [] });
    else if (operator === 'NotIn')
      requirements.push({ key, operator: 'notin', values: values ?? [] });
    else if (operator === 'Exists') requirements.push({ key, operator: 'exists', values: [] });
    else requirements.push({ key, operator: '!', values: [] });
  }
  return requirements;
}

/** Whether a LabelSelector object selects `labels`. */
export function labelSelectorMatches(selector: LabelSelector | undefined, labels: Labels): boolean {
  const requirements = selectorOf(selector);
  return requirements !== undefined && matchesSelector(requirements, labels);
}

/** A map of labels as a selector (Service.spec.selector). Empty or absent selects nothing. */
export function matchesMap(selector: Labels, labels: Labels): boolean {
  const entries = Object.entries(selector ?? {});
  return entries.length > 0 && entries.every(([key, value]) => labels?.[key] === value);
}

/** As upstream prints selectors: requirements sorted by key. */
export function formatSelector(selector: Selector): string {
  return selector
    .toSorted((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(formatRequirement)
    .join(',');
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.toSorted().join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

export class SelectorSyntaxError extends Error {}

interface Token {
  readonly type: '!' | '=' | '==' | '!=' | '>' | '<' | ',' | '(' | ')' | 'word' | 'end';
  readonly text: string;
}

function* tokens(text: string): Generator<Token> {
  const pattern = /\s*(==|!=|[!=><,()]|[^\s!=><,()]+)/y;
  let position = 0;
  while (position < text.length) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match?.[1] === undefined) break;
    position = pattern.lastIndex;
    const symbol = /^(==|!=|[!=><,()])$/.test(match[1]);
    yield { type: symbol ? (match[1] as Token['type']) : 'word', text: match[1] };
  }
  yield { type: 'end', text: '' };
}

const KEY_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const KEY_PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_MAX = 63;
const PREFIX_MAX = 253;

/** Whether `key` is a qualified name (RFC 1123 prefix, slash, name of at most 63). */
export function isQualifiedName(key: string): boolean {
  const parts = key.split('/');
  const [prefix, name] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (parts.length > 2 || name === undefined || name.length > NAME_MAX || !KEY_NAME.test(name))
    return false;
  return prefix === undefined || (prefix.length <= PREFIX_MAX && KEY_PREFIX.test(prefix));
}

export function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= NAME_MAX && KEY_NAME.test(value));
}

/**
 * Parses `a=b,c in (d,e),!f`. Throws SelectorSyntaxError with upstream's words.
 */
export function parseSelector(text: string): Selector {
  const queue = [...tokens(text)];
  let position = 0;
  const peek = (): Token => queue[position] ?? { type: 'end', text: '' };
  const next = (): Token => queue[position++] ?? { type: 'end', text: '' };
  const found = (token: Token): string => `found '${token.text}'`;
  const fail = (message: string): never => {
    throw new SelectorSyntaxError(message);
  };
  const keyOf = (token: Token): string => {
    if (token.type !== 'word') return fail(`${found(token)}, expected: identifier`);
    if (!isQualifiedName(token.text)) {
      return fail(
        `key: Invalid value: ${JSON.stringify(token.text)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      );
    }
    return token.text;
  };
  const valueOf = (key: string, value: string): string => {
    if (isLabelValue(value)) return value;
    return fail(
      `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    );
  };
  const set = (key: string): string[] => {
    if (next().type !== '(') fail(`${found(queue[position - 1] ?? peek())} expected: '('`);
    const values: string[] = [];
    let wantsValue = true;
    for (;;) {
      const token = next();
      if (token.type === 'word') values.push(valueOf(key, token.text));
      else if (token.type === ',') {
        if (wantsValue) values.push('');
        wantsValue = true;
        continue;
      } else if (token.type === ')') {
        if (wantsValue) values.push('');
        return values;
      } else fail(`${found(token)}, expected: ',', or ')'`);
      wantsValue = false;
    }
  };
  const requirement = (): Requirement => {
    if (peek().type === '!') {
      next();
      return { key: keyOf(next()), operator: '!', values: [] };
    }
    const key = keyOf(next());
    const operator = peek();
    if (operator.type === 'end' || operator.type === ',')
      return { key, operator: 'exists', values: [] };
    next();
    if (operator.type === 'word' && (operator.text === 'in' || operator.text === 'notin')) {
      return { key, operator: operator.text, values: set(key) };
    }
    if (operator.type === '=' || operator.type === '==' || operator.type === '!=') {
      const value = peek().type === 'word' ? next().text : '';
      return { key, operator: operator.type, values: [valueOf(key, value)] };
    }
    if (operator.type === '>' || operator.type === '<') {
      const value = next().text;
      if (!/^-?\d+$/.test(value))
        fail(
          `values[0]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
        );
      return { key, operator: operator.type === '>' ? 'gt' : 'lt', values: [value] };
    }
    return fail(`${found(operator)}, expected: in, notin, =, ==, !=, gt, lt`);
  };
  const requirements: Requirement[] = [];
  if (peek().type === 'end') return requirements;
  for (;;) {
    requirements.push(requirement());
    const token = next();
    if (token.type === 'end') return requirements;
    if (token.type !== ',') fail(`${found(token)}, expected: ',' or 'end of string'`);
    if (peek().type === 'end') fail(`${found(peek())}, expected: identifier after ','`);
  }
}

/** One term of a field selector: `status.phase!=Running`. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Parses `a=b,c!=d`; a backslash escapes `,`, `=` and itself. Throws SelectorSyntaxError. */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  return splitUnescaped(text, ',')
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^(.*?[^\\]?)(!=|==|=)(.*)$/s.exec(term);
      if (match?.[1] === undefined) {
        throw new SelectorSyntaxError(`invalid selector: '${text}'; can't understand '${term}'`);
      }
      return { field: match[1], equal: match[2] !== '!=', value: unescape(match[3] ?? '') };
    });
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '\\') part += char + text.charAt(++i);
    else if (char === separator) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  parts.push(part);
  return parts;
}

function unescape(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1');
}
