/**
 * The metadata functions of a decorator proposal, which the oracle's container of dependencies asks
 * for while it is loaded: to be imported before it.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();
Object.assign(Reflect, {
  defineMetadata: (key: unknown, value: unknown, target: object) => {
    metadata.set(target, (metadata.get(target) ?? new Map()).set(key, value));
  },
  getMetadata: (key: unknown, target: object) => metadata.get(target)?.get(key),
  getOwnMetadata: (key: unknown, target: object) => metadata.get(target)?.get(key),
  hasOwnMetadata: (key: unknown, target: object) => metadata.get(target)?.has(key) ?? false,
});
