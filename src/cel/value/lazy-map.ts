/**
 * A map whose values are computed when they are first asked for: the `variables` of an admission
 * policy.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/lazy/lazy.go.
 */
import { MapValue, type Value } from './value.ts';

export class LazyMap extends MapValue {
  readonly #computations = new Map<string, () => Value>();
  readonly #values = new Map<string, Value>();

  /** Adds a name; it may ask for names that were added before. */
  add(name: string, compute: () => Value): void {
    this.#computations.set(name, compute);
  }

  override get size(): number {
    return this.#computations.size;
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = this.#computations.get(key)?.();
    if (value !== undefined) this.#values.set(key, value);
    return value;
  }

  override keys(): Iterable<Value> {
    return this.#computations.keys();
  }

  override equalsOther(other: MapValue): Value {
    return other === this;
  }
}
