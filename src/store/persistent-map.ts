/**
 * An ordered map that is never changed: `set` and `delete` give a new map that shares what is the
 * same. A treap whose priorities come from the keys, so that its shape depends on its contents
 * alone, and every operation touches O(log n) nodes.
 *
 * Source: Seidel and Aragon, "Randomized Search Trees", 1996.
 */

interface TreapNode<V> {
  readonly key: string;
  readonly value: V;
  readonly priority: number;
  readonly left: TreapNode<V> | undefined;
  readonly right: TreapNode<V> | undefined;
}

export class PersistentMap<V> {
  readonly #root: TreapNode<V> | undefined;
  private constructor(root: TreapNode<V> | undefined) {
    this.#root = root;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined);
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node !== undefined && node.key !== key) node = key < node.key ? node.left : node.right;
    return node?.value;
  }

  set(key: string, value: V): PersistentMap<V> {
    return new PersistentMap(insert(this.#root, key, value));
  }

  delete(key: string): PersistentMap<V> {
    return new PersistentMap(remove(this.#root, key));
  }

  /** Entries with a key of at least `from`, in order. */
  *range(from: string): Generator<readonly [string, V]> {
    const path: TreapNode<V>[] = [];
    let node = this.#root;
    while (node !== undefined) {
      if (node.key >= from) {
        path.push(node);
        node = node.left;
      } else node = node.right;
    }
    for (let next = path.pop(); next !== undefined; next = path.pop()) {
      yield [next.key, next.value];
      for (let child = next.right; child !== undefined; child = child.left) path.push(child);
    }
  }
}

/** FNV-1a, 32 bits, with a final mix: near keys get far priorities. */
function priorityOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function insert<V>(node: TreapNode<V> | undefined, key: string, value: V): TreapNode<V> {
  if (node === undefined)
    return { key, value, priority: priorityOf(key), left: undefined, right: undefined };
  if (key === node.key) return { ...node, value };
  if (key < node.key) {
    const left = insert(node.left, key, value);
    if (left.priority <= node.priority) return { ...node, left };
    return { ...left, right: { ...node, left: left.right } };
  }
  const right = insert(node.right, key, value);
  if (right.priority <= node.priority) return { ...node, right };
  return { ...right, left: { ...node, right: right.left } };
}

function remove<V>(node: TreapNode<V> | undefined, key: string): TreapNode<V> | undefined {
  if (node === undefined) return undefined;
  if (key < node.key) {
    const left = remove(node.left, key);
    return left === node.left ? node : { ...node, left };
  }
  if (key > node.key) {
    const right = remove(node.right, key);
    return right === node.right ? node : { ...node, right };
  }
  return join(node.left, node.right);
}

/** All keys of `left` are below all keys of `right`. */
function join<V>(
  left: TreapNode<V> | undefined,
  right: TreapNode<V> | undefined,
): TreapNode<V> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  return left.priority > right.priority
    ? { ...left, right: join(left.right, right) }
    : { ...right, left: join(left, right.left) };
}
