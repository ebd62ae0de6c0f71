/**
 * Claims as CEL values: numbers are doubles, as Go decodes JSON, and names that are no identifiers
 * are written as `foo__dot__bar`, at any depth.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
 * (newClaimsValue, unescapeWrapper).
 */
import { unescapeName } from '#cel/schema/escape.ts';
import { isJsonObject } from '#cel/value/json.ts';
import { ListValue, MapValue, type Value } from '#cel/value/value.ts';

class ClaimList extends ListValue {
  override readonly json: readonly unknown[];

  constructor(json: readonly unknown[]) {
    super();
    this.json = json;
  }

  override get size(): number {
    return this.json.length;
  }

  override at(index: number): Value {
    return claimValue(this.json[index]);
  }
}

class ClaimMap extends MapValue {
  override readonly json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    super();
    this.json = json;
  }

  override get size(): number {
    return Object.keys(this.json).length;
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const name = unescapeName(key) ?? key;
    return Object.hasOwn(this.json, name) ? claimValue(this.json[name]) : undefined;
  }

  override keys(): Iterable<Value> {
    return Object.keys(this.json);
  }
}

/** The CEL value of parsed JSON; undefined counts as null. */
export function claimValue(json: unknown): Value {
  if (typeof json === 'string' || typeof json === 'boolean' || typeof json === 'number')
    return json;
  if (Array.isArray(json)) return new ClaimList(json);
  return isJsonObject(json) ? new ClaimMap(json) : null;
}
