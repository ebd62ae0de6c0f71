/**
 * JSON Patch. Source: RFC 6902 and, for pointers, RFC 6901.
 *
 * Where the server's behaviour is narrower or wider than the RFC it is followed: at most 10,000
 * operations, a bound on what `copy` may add, negative indices count from the end, the document
 * itself (path "") cannot be a target, an `add` without a value adds null.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { equalJson } from '../meta/equal.ts';
import { isJsonObject, memberOf, setMember } from '../meta/json.ts';

export const OPERATIONS_MAX = 10_000;
/** Bytes of JSON that all `copy` operations of one patch may add together. */
export const COPY_BYTES_MAX = 3 * 1024 * 1024;

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

/** `code`: 400 for what is no patch, 413 for one that is too long, 422 for one that does not fit. */
export class JsonPatchError extends Error {
  readonly code: 400 | 413 | 422;
  constructor(code: 400 | 413 | 422, message: string) {
    super(message);
    this.name = 'JsonPatchError';
    this.code = code;
  }
  /** The patch itself is wrong, whatever it is applied to. */
  get malformed(): boolean {
    return this.code !== 422;
  }
}

/** A `test` of the patch said no. */
export class JsonPatchTestFailed extends JsonPatchError {
  constructor(path: string) {
    super(422, `testing value ${path} failed: test failed`);
    this.name = 'JsonPatchTestFailed';
  }
}

const OPERATIONS: ReadonlySet<string> = new Set([
  'add',
  'remove',
  'replace',
  'move',
  'copy',
  'test',
]);

/** Checks the shape of a parsed patch. Throws JsonPatchError. */
export function parseJsonPatch(patch: unknown): JsonPatchOperation[] {
  if (!Array.isArray(patch))
    throw new JsonPatchError(
      400,
      `error decoding patch: json: cannot unmarshal ${typeof patch === 'boolean' ? 'bool' : typeof patch} into Go value of type []handlers.jsonPatchOp`,
    );
  if (patch.length > OPERATIONS_MAX) {
    throw new JsonPatchError(
      413,
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    );
  }
  return patch.map((operation: Json) => parseOperation(operation));
}

function parseOperation(operation: Json): JsonPatchOperation {
  if (!isJsonObject(operation))
    throw new JsonPatchError(400, 'each operation of a JSON patch must be an object');
  const { op, path, from, value } = operation;
  if (typeof op !== 'string' || !OPERATIONS.has(op)) {
    throw new JsonPatchError(422, `Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  }
  if (typeof path !== 'string')
    throw new JsonPatchError(422, `${op} operation failed to decode path: missing value`);
  const needsFrom = op === 'move' || op === 'copy';
  if (needsFrom && typeof from !== 'string') {
    throw new JsonPatchError(422, `${op} operation failed to decode from: missing value`);
  }
  return {
    op: op as JsonPatchOperation['op'],
    path,
    ...(typeof from === 'string' ? { from } : {}),
    ...(value === undefined ? {} : { value }),
  };
}

type Container = JsonObject | Json[];

/**
 * `original` after all operations, or JsonPatchError (422) at the first that does not apply.
 * The original is not changed: containers on the way to a target are copied once.
 */
export function applyJsonPatch(original: Json, operations: readonly JsonPatchOperation[]): Json {
  const patching = new Patching(original);
  for (const operation of operations) patching.apply(operation);
  return patching.root;
}

class Patching {
  root: Json;
  #copiedBytes = 0;
  /** Containers made by this patch, which may be changed in place. */
  readonly #own = new WeakSet<Container>();

  constructor(original: Json) {
    this.root = original;
  }

  apply({ op, path, from = '', value = null }: JsonPatchOperation): void {
    switch (op) {
      case 'add':
        return this.#add(op, path, value);
      case 'remove':
        this.#remove(op, path);
        return;
      case 'replace':
        return this.#replace(path, value);
      case 'move':
        return this.#add(op, path, this.#remove(op, from));
      case 'copy':
        return this.#add(op, path, this.#copy(from));
      case 'test':
        return this.#test(path, value);
    }
  }

  #add(op: string, path: string, value: Json): void {
    const { container, key } = this.#target(op, path);
    if (!Array.isArray(container)) return setMember(container, key, value);
    if (key === '-') {
      container.push(value);
      return;
    }
    container.splice(indexIn(op, path, key, container.length + 1), 0, value);
  }

  #remove(op: string, path: string): Json {
    const { container, key } = this.#target(op, path);
    if (Array.isArray(container)) {
      return container.splice(indexIn(op, path, key, container.length), 1)[0] ?? null;
    }
    const value = memberOf(container, key);
    if (value === undefined) {
      throw fail(
        `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`,
      );
    }
    delete container[key];
    return value;
  }

  /** As upstream's library does: a member of an object need not be there. */
  #replace(path: string, value: Json): void {
    if (path === '') {
      if (typeof value !== 'object' || value === null)
        throw fail('replace operation value must be object or array');
      this.root = value;
      return;
    }
    const { container, key } = this.#target('replace', path);
    if (Array.isArray(container)) {
      container[indexIn('replace', path, key, container.length)] = value;
      return;
    }
    setMember(container, key, value);
  }

  #copy(from: string): Json {
    const value = this.#read('copy', from);
    if (value === undefined) throw fail(`error in copy for from: '${from}': missing value`);
    const text = JSON.stringify(value);
    this.#copiedBytes += Buffer.byteLength(text);
    if (this.#copiedBytes > COPY_BYTES_MAX) {
      throw fail(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copiedBytes}, exceeding the limit ${COPY_BYTES_MAX}`,
      );
    }
    return JSON.parse(text) as Json;
  }

  #test(path: string, value: Json): void {
    if (!equalJson(this.#read('test', path) ?? null, value)) throw new JsonPatchTestFailed(path);
  }

  /** The value at `path`; undefined when only its last step is missing. */
  #read(op: string, path: string): Json | undefined {
    const steps = stepsOf(op, path);
    let at: Json | undefined = this.root;
    for (const [depth, step] of steps.entries()) {
      const last = depth === steps.length - 1;
      if (Array.isArray(at)) {
        at = at[indexIn(op, path, step, at.length)];
      } else {
        at = isJsonObject(at) ? memberOf(at, step) : undefined;
      }
      if (at === undefined && !last) throw missing(op, path);
    }
    return at;
  }

  /** The container that holds the last step of `path`, made ours, and that step. */
  #target(op: string, path: string): { container: Container; key: string } {
    const steps = stepsOf(op, path);
    const key = steps.pop() ?? '';
    let container = this.#ownRoot(op, path);
    for (const step of steps) container = this.#descend(container, step, { op, path });
    return { container, key };
  }

  #ownRoot(op: string, path: string): Container {
    if (typeof this.root !== 'object' || this.root === null) throw missing(op, path);
    const root = this.#owned(this.root);
    this.root = root;
    return root;
  }

  #descend(
    container: Container,
    step: string,
    { op, path }: { op: string; path: string },
  ): Container {
    if (Array.isArray(container)) {
      const index = indexIn(op, path, step, container.length);
      const child = this.#ownedChild(container[index], op, path);
      container[index] = child;
      return child;
    }
    const child = this.#ownedChild(memberOf(container, step), op, path);
    setMember(container, step, child);
    return child;
  }

  #ownedChild(child: Json | undefined, op: string, path: string): Container {
    if (typeof child !== 'object' || child === null) throw missing(op, path);
    return this.#owned(child);
  }

  #owned(container: Container): Container {
    if (this.#own.has(container)) return container;
    const copy: Container = Array.isArray(container) ? [...container] : { ...container };
    this.#own.add(copy);
    return copy;
  }
}

function fail(message: string): JsonPatchError {
  return new JsonPatchError(422, message);
}

function missing(op: string, path: string): JsonPatchError {
  return fail(
    `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`,
  );
}

/** The steps of a pointer, unescaped: at least one. */
function stepsOf(op: string, path: string): string[] {
  if (!path.startsWith('/')) throw missing(op, path);
  return path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A list index below `end`; a negative one counts from the end. */
function indexIn(op: string, path: string, step: string, end: number): number {
  const index = /^-?\d+$/.test(step) ? Number(step) : Number.NaN;
  const found = index < 0 ? index + end : index;
  if (found >= 0 && found < end) return found;
  throw fail(
    `error in ${op} for path: '${path}': Unable to access invalid index: ${step}: invalid index referenced`,
  );
}
