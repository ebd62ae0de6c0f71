/**
 * Sets of field paths, kept in the very form in which `managedFields` holds them.
 *
 * A set is a tree of plain objects: `{"f:spec": {"f:replicas": {}}}`. A node without members is a
 * path of the set; a node with members is one when it has the member `.` too. Sets of managers that
 * a write leaves alone are therefore passed on without being parsed, copied or written anew.
 * Members stand in the order of serialisation. Nothing here changes its arguments.
 *
 * Source: KEP-555; structured-merge-diff v6, fieldpath/set.go and serialize.go.
 */
import { isJsonObject } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';
import {
  canonicalElement,
  compareElements,
  elementText,
  type PathElement,
} from './path-element.ts';

export interface FieldSet {
  readonly [element: PathElement]: FieldSet;
}

/** A path that is in the set and has no paths below it. Also the empty set, as a root. */
export const LEAF: FieldSet = Object.freeze({});
const SELF = '.';
/** Deepest tree that is read from a client. */
const DEPTH_MAX = 512;

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the node itself is in the set. Not for roots. */
function isMember(node: FieldSet): boolean {
  return SELF in node || isEmptySet(node);
}

/** The node at `element`, when it is in the set itself. */
export function hasMember(set: FieldSet, element: PathElement): boolean {
  const node = set[element];
  return node !== undefined && isMember(node);
}

/** The paths below `element`, without it; empty when there are none. */
export function below(set: FieldSet, element: PathElement): FieldSet {
  const node = set[element];
  if (node === undefined) return LEAF;
  return SELF in node ? withoutSelf(node) : node;
}

function withoutSelf(node: FieldSet): FieldSet {
  const { [SELF]: _, ...rest } = node;
  return rest;
}

export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

/** A node of what it is itself and of `children`; undefined when nothing is in it. */
function nodeOf(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return member ? LEAF : undefined;
  return member ? { [SELF]: LEAF, ...children } : children;
}

/** The elements of a node: all members but the mark for itself. */
export function elementsOf(node: FieldSet): PathElement[] {
  const elements = Object.keys(node);
  if (elements[0] === SELF) elements.shift();
  return elements;
}

/** `right` itself when it has all of `left`. */
export function union(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptySet(right)) return left;
  if (isEmptySet(left)) return right;
  const added = elementsOf(right).filter((element) => !(element in left));
  const elements = elementsOf(left);
  const all = added.length === 0 ? elements : [...elements, ...added].toSorted(compareElements);
  const result: Record<PathElement, FieldSet> = {};
  let isRight = true;
  for (const element of all) {
    const a = left[element];
    const b = right[element];
    const node = a === undefined ? (b ?? LEAF) : b === undefined ? a : unionNode(a, b);
    result[element] = node;
    if (node !== b) isRight = false;
  }
  return isRight ? right : result;
}

function unionNode(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right) return left;
  const member = isMember(left) || isMember(right);
  const others = childrenOf(right);
  const children = union(childrenOf(left), others);
  return children === others && member === isMember(right)
    ? right
    : (nodeOf(member, children) ?? LEAF);
}

function childrenOf(node: FieldSet): FieldSet {
  return SELF in node ? withoutSelf(node) : node;
}

/** What is in `left` and not in `right`; a parent and its children are different paths. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (node, other) => {
    if (other === undefined) return node;
    return nodeOf(
      isMember(node) && !isMember(other),
      difference(childrenOf(node), childrenOf(other)),
    );
  });
}

/** As `difference`, but what is in `right` goes with everything below it. */
export function recursiveDifference(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (node, other) => {
    if (other === undefined) return node;
    if (isMember(other)) return undefined;
    return nodeOf(isMember(node), recursiveDifference(childrenOf(node), childrenOf(other)));
  });
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (node, other) => {
    if (other === undefined) return undefined;
    return nodeOf(
      isMember(node) && isMember(other),
      intersection(childrenOf(node), childrenOf(other)),
    );
  });
}

/** `left` itself when no node of it changes. */
function combine(
  left: FieldSet,
  right: FieldSet,
  choose: (node: FieldSet, other: FieldSet | undefined) => FieldSet | undefined,
): FieldSet {
  if (isEmptySet(left)) return left;
  const result: Record<PathElement, FieldSet> = {};
  let changed = false;
  for (const element of elementsOf(left)) {
    const node = left[element] ?? LEAF;
    const chosen = choose(node, right[element]);
    if (chosen !== undefined) result[element] = chosen;
    if (chosen !== node) changed = true;
  }
  return changed ? result : left;
}

/** Every path of the set, parents before their children. */
export function pathsOf(set: FieldSet): PathElement[][] {
  const paths: PathElement[][] = [];
  const walk = (node: FieldSet, prefix: PathElement[]): void => {
    const elements = elementsOf(node);
    for (const element of elements) {
      if (hasMember(node, element)) paths.push([...prefix, element]);
    }
    for (const element of elements) walk(node[element] ?? LEAF, [...prefix, element]);
  };
  walk(set, []);
  return paths;
}

export function pathText(path: readonly PathElement[]): string {
  return path.map(elementText).join('');
}

/** Reads `fieldsV1` as a client sent it: checked, canonical, sorted. Throws for what is no set. */
export function parseFieldSet(value: Json | undefined): FieldSet {
  return parseNode(value ?? {}, 0) ?? LEAF;
}

function parseNode(value: Json, depth: number): FieldSet {
  if (!isJsonObject(value)) throw new SyntaxError('expect { in managedFields');
  if (depth > DEPTH_MAX) throw new SyntaxError('managedFields are too deep');
  const found: [PathElement, FieldSet][] = [];
  let isSelf = false;
  let ordered = true;
  for (const [text, below] of Object.entries(value)) {
    if (text === SELF) {
      isSelf = true;
      continue;
    }
    const element = canonicalElement(text);
    if (element === undefined) continue;
    const last = found.at(-1);
    if (last !== undefined && compareElements(last[0], element) >= 0) ordered = false;
    found.push([element, parseNode(below, depth + 1)]);
  }
  if (!ordered) found.sort(([a], [b]) => compareElements(a, b));
  const children: Record<PathElement, FieldSet> = {};
  for (const [element, node] of found) {
    const before = children[element];
    children[element] = before === undefined ? node : unionNode(before, node);
  }
  return nodeOf(isSelf || found.length === 0, children) ?? LEAF;
}

/** Collects paths in any order; `toSet` gives them sorted. */
export class FieldSetBuilder {
  readonly #root: MutableNode = {};

  get isEmpty(): boolean {
    return isEmptySet(this.#root);
  }

  /** Adds the path; an empty one, the whole object, is owned by nobody. */
  add(path: readonly PathElement[], last?: PathElement): void {
    const end = last === undefined ? path.length - 1 : path.length;
    let node = this.#root;
    for (let depth = 0; depth <= end; depth++) {
      const element = depth === path.length ? last : path[depth];
      if (element === undefined) return;
      let child = node[element];
      if (child === undefined) {
        child = {};
        node[element] = child;
      } else if (depth === end ? !isMember(child) : isEmptySet(child)) {
        // A member gets its first child, or a parent becomes a member.
        child[SELF] = {};
      }
      node = child;
    }
  }

  toSet(): FieldSet {
    return sorted(this.#root);
  }
}

interface MutableNode {
  [element: PathElement]: MutableNode;
}

function sorted(node: FieldSet): FieldSet {
  const elements = Object.keys(node).filter((element) => element !== SELF);
  if (elements.length === 0) return LEAF;
  const result: Record<PathElement, FieldSet> = {};
  if (SELF in node) result[SELF] = LEAF;
  if (elements.length > 1) elements.sort(compareElements);
  for (const element of elements) result[element] = sorted(node[element] ?? LEAF);
  return result;
}
