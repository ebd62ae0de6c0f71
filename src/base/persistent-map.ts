/**
 * An ordered map that never changes: `set` and `delete` give a new map that shares all but one
 * path with the old one. A copy is therefore free, which is what makes a fork of the memory store
 * free.
 *
 * A weight-balanced tree with the parameters (3, 2) of Hirai and Yamamoto, "Balancing
 * weight-balanced trees" (2011). Every node knows its size, so that `rank` is a walk down.
 */

interface Node<K, V> {
  readonly key: K;
  readonly value: V;
  readonly size: number;
  readonly left: Tree<K, V>;
  readonly right: Tree<K, V>;
}

type Tree<K, V> = Node<K, V> | undefined;

/** Negative, zero or positive, as for `Array.prototype.sort`. */
export type Compare<K> = (a: K, b: K) => number;

/** A subtree may weigh at most this many times its sibling. */
const DELTA = 3;
/** Above this ratio of the inner to the outer grandchild, one rotation is not enough. */
const GAMMA = 2;

export class PersistentMap<K, V> {
  readonly #compare: Compare<K>;
  readonly #root: Tree<K, V>;

  private constructor(compare: Compare<K>, root: Tree<K, V>) {
    this.#compare = compare;
    this.#root = root;
  }

  static empty<K, V>(compare: Compare<K>): PersistentMap<K, V> {
    return new PersistentMap<K, V>(compare, undefined);
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get(key: K): V | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = this.#compare(key, node.key);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  set(key: K, value: V): PersistentMap<K, V> {
    return new PersistentMap(this.#compare, insert(this.#root, { key, value }, this.#compare));
  }

  delete(key: K): PersistentMap<K, V> {
    const root = remove(this.#root, key, this.#compare);
    return root === this.#root ? this : new PersistentMap(this.#compare, root);
  }

  /** How many keys come before `key`, whether it is there or not. */
  rank(key: K): number {
    let before = 0;
    let node = this.#root;
    while (node !== undefined) {
      if (this.#compare(key, node.key) <= 0) {
        node = node.left;
      } else {
        before += sizeOf(node.left) + 1;
        node = node.right;
      }
    }
    return before;
  }

  /** Entries in order; with `from`, those at or behind that key. */
  *entries(from?: K): Generator<readonly [K, V]> {
    const path: Node<K, V>[] = [];
    let node = this.#root;
    while (node !== undefined) {
      const before = from !== undefined && this.#compare(node.key, from) < 0;
      if (!before) path.push(node);
      node = before ? node.right : node.left;
    }
    for (let next = path.pop(); next !== undefined; next = path.pop()) {
      yield [next.key, next.value];
      for (let child = next.right; child !== undefined; child = child.left) path.push(child);
    }
  }
}

function sizeOf<K, V>(tree: Tree<K, V>): number {
  return tree === undefined ? 0 : tree.size;
}

type Entry<K, V> = Pick<Node<K, V>, 'key' | 'value'>;

function join<K, V>({ key, value }: Entry<K, V>, left: Tree<K, V>, right: Tree<K, V>): Node<K, V> {
  return { key, value, left, right, size: sizeOf(left) + sizeOf(right) + 1 };
}

function insert<K, V>(tree: Tree<K, V>, entry: Entry<K, V>, compare: Compare<K>): Node<K, V> {
  if (tree === undefined) return join(entry, undefined, undefined);
  const order = compare(entry.key, tree.key);
  if (order === 0) return join(entry, tree.left, tree.right);
  return order < 0
    ? balance(tree, insert(tree.left, entry, compare), tree.right)
    : balance(tree, tree.left, insert(tree.right, entry, compare));
}

function remove<K, V>(tree: Tree<K, V>, key: K, compare: Compare<K>): Tree<K, V> {
  if (tree === undefined) return undefined;
  const order = compare(key, tree.key);
  if (order < 0) {
    const left = remove(tree.left, key, compare);
    return left === tree.left ? tree : balance(tree, left, tree.right);
  }
  if (order > 0) {
    const right = remove(tree.right, key, compare);
    return right === tree.right ? tree : balance(tree, tree.left, right);
  }
  if (tree.left === undefined) return tree.right;
  if (tree.right === undefined) return tree.left;
  const next = first(tree.right);
  return balance(next, tree.left, remove(tree.right, next.key, compare));
}

function first<K, V>(tree: Node<K, V>): Node<K, V> {
  let node = tree;
  while (node.left !== undefined) node = node.left;
  return node;
}

/** Joins two subtrees of which one may have grown or shrunk by one. */
function balance<K, V>(entry: Entry<K, V>, left: Tree<K, V>, right: Tree<K, V>): Node<K, V> {
  const leftWeight = sizeOf(left) + 1;
  const rightWeight = sizeOf(right) + 1;
  if (right !== undefined && rightWeight > DELTA * leftWeight) {
    const inner = right.left;
    if (inner === undefined || sizeOf(inner) + 1 < GAMMA * (sizeOf(right.right) + 1)) {
      return join(right, join(entry, left, inner), right.right);
    }
    return join(inner, join(entry, left, inner.left), join(right, inner.right, right.right));
  }
  if (left !== undefined && leftWeight > DELTA * rightWeight) {
    const inner = left.right;
    if (inner === undefined || sizeOf(inner) + 1 < GAMMA * (sizeOf(left.left) + 1)) {
      return join(left, left.left, join(entry, inner, right));
    }
    return join(inner, join(left, left.left, inner.left), join(entry, inner.right, right));
  }
  return join(entry, left, right);
}
