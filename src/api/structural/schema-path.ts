/**
 * Simple paths (`.spec.ports`, `.metadata['a.b']`) followed through a schema.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go
 * (ValidFieldPath).
 */
import { type FieldPath, ROOT } from '../meta/field.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

export interface SchemaPath {
  readonly path: FieldPath;
  /** The names on the way. */
  readonly names: readonly string[];
  /** What is said of the place; undefined for members that may be anything. */
  readonly schema: StructuralSchema | undefined;
}

/** A path that leads nowhere. The message is upstream's. */
export class SchemaPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SchemaPathError';
  }
}

/** Delimiters, quoted strings and the text between; an unfinished quote is the rest of the path. */
function tokensOf(path: string): string[] {
  return path.match(/[.[\]]|'(?:[^\\']|\\[\s\S]|\\$)*'?|[^.[\]]+/g) ?? [];
}

function unescape(quoted: string): string {
  return quoted.slice(1, -1).replaceAll(/\\([\s\S]|$)/g, (_all, char: string) => {
    const known: Readonly<Record<string, string>> = {
      "'": "'",
      '"': '"',
      '\\': '\\',
      a: '\u0007',
      b: '\b',
      f: '\f',
      n: '\n',
      r: '\r',
      t: '\t',
      v: '\v',
    };
    const value = Object.hasOwn(known, char) ? known[char] : undefined;
    if (value === undefined) throw new SchemaPathError('invalid string literal: invalid syntax');
    return value;
  });
}

const END = 'unexpected end of JSON path';
const NO_FIELD = 'does not refer to a valid field';

class Follower {
  readonly #tokens: readonly string[];
  #at = 0;
  path = ROOT;
  readonly names: string[] = [];
  schema: StructuralSchema | undefined;

  constructor(path: string, schema: StructuralSchema) {
    this.#tokens = tokensOf(path);
    this.schema = schema;
  }

  token(): string | undefined {
    return this.#tokens[this.#at++];
  }

  /** The next token; the path may not end here. */
  need(): string {
    const token = this.token();
    if (token === undefined) throw new SchemaPathError(END);
    return token;
  }

  step(name: string): void {
    const { schema } = this;
    if (schema?.properties !== undefined) {
      this.schema = schema.properties.get(name);
      if (this.schema === undefined) throw new SchemaPathError(NO_FIELD);
      this.path = this.path.child(name);
    } else {
      if (schema?.additionalProperties === undefined) throw new SchemaPathError(NO_FIELD);
      this.schema = additionalSchema(schema);
      this.path = this.path.key(name);
    }
    this.names.push(name);
  }

  bracket(): void {
    const token = this.need();
    if (token.length < 2 || !token.startsWith("'") || !token.endsWith("'")) {
      throw new SchemaPathError(`expected single quoted string but got ${token}`);
    }
    this.step(unescape(token));
    const end = this.need();
    if (end !== ']') throw new SchemaPathError(`expected ] but got ${end}`);
  }
}

/** Throws SchemaPathError when the schema has no such place. */
export function findSchemaPath(
  path: string,
  schema: StructuralSchema,
  { allowBrackets = true }: { readonly allowBrackets?: boolean } = {},
): SchemaPath {
  const follower = new Follower(path, schema);
  for (let token = follower.token(); token !== undefined; token = follower.token()) {
    if (token === '[') {
      if (!allowBrackets) throw new SchemaPathError('array notation is not allowed');
      follower.bracket();
    } else if (token === '.') {
      follower.step(follower.need());
    } else {
      throw new SchemaPathError(`expected [ or . but got: ${token}`);
    }
  }
  return { path: follower.path, names: follower.names, schema: follower.schema };
}
