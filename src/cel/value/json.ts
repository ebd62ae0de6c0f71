/**
 * Plain JSON as CEL values, made only as far as it is read. For data that has no schema.
 *
 * A whole number is an int and any other a double, as the decoder of upstream makes them.
 */
import { ListValue, MapValue, type Value } from './value.ts';

class JsonList extends ListValue {
  override readonly json: readonly unknown[];

  constructor(json: readonly unknown[]) {
    super();
    this.json = json;
  }

  override get size(): number {
    return this.json.length;
  }

  override at(index: number): Value {
    return jsonValue(this.json[index]);
  }
}

class JsonMap extends MapValue {
  override readonly json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    super();
    this.json = json;
  }

  override get size(): number {
    return Object.keys(this.json).length;
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key)) return undefined;
    return jsonValue(this.json[key]);
  }

  override keys(): Iterable<Value> {
    return Object.keys(this.json);
  }
}

export const isJsonObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** The CEL value of parsed JSON; undefined counts as null. */
export function jsonValue(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return json;
    case 'number':
      return Number.isInteger(json) ? BigInt(json) : json;
    default:
      if (Array.isArray(json)) return new JsonList(json);
      return isJsonObject(json) ? new JsonMap(json) : null;
  }
}
