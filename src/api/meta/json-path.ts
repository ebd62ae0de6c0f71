/**
 * Evaluates JSONPath templates on parsed JSON.
 *
 * Source: upstream v1.36 client-go/util/jsonpath/jsonpath.go and
 * third_party/forked/golang/template/funcs.go for comparisons.
 */
import { goText, isJsonObject, memberOf } from './json.ts';
import {
  JsonPathError,
  type FilterNode,
  parseJsonPath,
  type PathNode,
  type SliceNode,
} from './json-path-parser.ts';
import type { Json } from './object.ts';

export { JsonPathError } from './json-path-parser.ts';

interface Options {
  /** Fields that are not there give nothing, and are no error. */
  readonly allowMissing: boolean;
}

/** A template, parsed once. */
export class JsonPath {
  readonly #nodes: readonly PathNode[];
  readonly #options: Options;

  /** `template`: with its braces. Throws JsonPathError. */
  constructor(template: string, options: Options) {
    this.#nodes = parseJsonPath(template);
    this.#options = options;
  }

  /** What each action and each text of the template gives, in order. Throws JsonPathError. */
  find(data: Json): Json[][] {
    return this.#run(this.#nodes, data).results;
  }

  /** `at`: how many of `nodes` were run; the rest follows the `{end}` of the range. */
  #run(nodes: readonly PathNode[], data: Json, inRange = false): { results: Json[][]; at: number } {
    const results: Json[][] = [];
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at];
      if (node === undefined) break;
      const word = wordOf(node);
      if (word === 'end') {
        if (!inRange) throw new JsonPathError('not in range, nothing to end');
        return { results, at };
      }
      if (word !== 'range') {
        results.push(walk([data], node, this.#options));
        continue;
      }
      const inner = nodes.slice(at + 1);
      const items = walk([data], withoutWord(node), this.#options);
      for (const item of items) results.push(...this.#run(inner, item, true).results);
      at += 1 + endOf(inner);
    }
    return { results, at: nodes.length };
  }

  /** The whole template as text. Throws JsonPathError. */
  print(data: Json): string {
    return this.find(data).map(printResults).join('');
  }
}

function wordOf(node: PathNode): string | undefined {
  const first = node.kind === 'list' ? node.nodes[0] : node;
  return first?.kind === 'identifier' ? first.name : undefined;
}

function withoutWord(node: PathNode): PathNode {
  return node.kind === 'list' ? { kind: 'list', nodes: node.nodes.slice(1) } : node;
}

/** The position of the `{end}` that closes a range. */
function endOf(nodes: readonly PathNode[]): number {
  let depth = 0;
  for (const [at, node] of nodes.entries()) {
    const word = wordOf(node);
    if (word === 'range') depth++;
    if (word === 'end' && depth-- === 0) return at;
  }
  return nodes.length;
}

/** Scalars as Go prints them, the rest as JSON, with spaces between. */
export function printResults(results: readonly Json[]): string {
  return results
    .map((value) => {
      if (value === null) return 'null';
      return typeof value === 'object' ? JSON.stringify(value) : goText(value);
    })
    .join(' ');
}

function walkAll(values: readonly Json[], nodes: readonly PathNode[], options: Options): Json[] {
  let current = [...values];
  for (const node of nodes) current = walk(current, node, options);
  return current;
}

function walk(values: readonly Json[], node: PathNode, options: Options): Json[] {
  switch (node.kind) {
    case 'list':
      return walkAll(values, node.nodes, options);
    case 'text':
      return [node.text];
    case 'value':
      return values.map(() => node.value);
    case 'field':
      return fieldsOf(values, node.name, options);
    case 'slice':
      return values.flatMap((value) => slice(value, node));
    case 'filter':
      return values.flatMap((value) => filter(value, node, options));
    case 'wildcard':
      return values.flatMap(childrenOf);
    case 'recursive':
      return values.flatMap(descend);
    case 'union':
      return node.lists.flatMap((list) => walkAll(values, list, options));
    case 'identifier':
      throw new JsonPathError(`unrecognized identifier ${node.name}`);
  }
}

function fieldsOf(values: readonly Json[], name: string, { allowMissing }: Options): Json[] {
  if (values.length === 0) return [];
  const found = values.flatMap((value) => {
    const member = isJsonObject(value) ? memberOf(value, name) : undefined;
    return member === undefined ? [] : [member];
  });
  if (found.length === 0 && !allowMissing) throw new JsonPathError(`${name} is not found`);
  return found;
}

function goTypeOf(value: Json): string {
  if (isJsonObject(value)) return 'map[string]interface {}';
  return typeof value === 'number' ? 'float64' : typeof value === 'boolean' ? 'bool' : 'string';
}

function slice(value: Json, node: SliceNode): Json[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new JsonPathError(`${goTypeOf(value)} is not array or slice`);
  const { length } = value;
  let start = node.start ?? 0;
  if (start < 0) start += length;
  let end = node.end ?? length;
  if (end < 0 || (end === 0 && node.isIndex)) end += length;
  if (start === end) return [];
  const outside = (index: number): JsonPathError =>
    new JsonPathError(`array index out of bounds: index ${index}, length ${length}`);
  if (start >= length || start < 0) throw outside(start);
  if (end > length || end < 0) throw outside(end - 1);
  if (start > end) {
    throw new JsonPathError(`starting index ${start} is greater than ending index ${end}`);
  }
  const { step = 1 } = node;
  if (step <= 0) throw new JsonPathError('step must be > 0');
  return value.slice(start, end).filter((_item, i) => i % step === 0);
}

function childrenOf(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}

/** Every object and list with something in it, from the top down. */
function descend(value: Json): Json[] {
  const children = childrenOf(value);
  return children.length === 0 ? [] : [value, ...children.flatMap(descend)];
}

function filter(value: Json, node: FilterNode, options: Options): Json[] {
  if (!Array.isArray(value)) {
    throw new JsonPathError(`${goText(value)} is not array or slice and cannot be filtered`);
  }
  return value.filter((item) => {
    if (node.operator === 'exists') return exists(item, node.left, options);
    const [left, right] = [operand(item, node.left, options), operand(item, node.right, options)];
    return left !== undefined && right !== undefined && compare(left, right, node.operator);
  });
}

function exists(item: Json, path: readonly PathNode[], options: Options): boolean {
  try {
    return walkAll([item], path, options).length > 0;
  } catch (error) {
    if (error instanceof JsonPathError) return false;
    throw error;
  }
}

function operand(item: Json, path: readonly PathNode[], options: Options): Json | undefined {
  const found = walkAll([item], path, options);
  if (found.length > 1) throw new JsonPathError('can only compare one element at a time');
  return found[0];
}

const KINDS = new Map([
  ['number', 'number'],
  ['string', 'string'],
  ['boolean', 'boolean'],
]);

function compare(left: Json, right: Json, operator: string): boolean {
  const kinds = [KINDS.get(typeof left), KINDS.get(typeof right)];
  if (kinds[0] === undefined || kinds[1] === undefined) {
    throw new JsonPathError('invalid type for comparison');
  }
  if (kinds[0] !== kinds[1]) throw new JsonPathError('incompatible types for comparison');
  const order = orderOf(left, right);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      throw new JsonPathError(`unrecognized filter operator ${operator}`);
  }
}

function orderOf(left: Json, right: Json): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  return left === right ? 0 : 1;
}
