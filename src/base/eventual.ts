/**
 * Values that are mostly there at once and sometimes only later. Who takes one goes on in the same
 * turn where it is there: no promise is made, and nothing else runs between.
 */
export type Eventual<T> = T | Promise<T>;

/** `use` of the value: now where it is there, else when it comes. What `use` throws is thrown, or rejects. */
export function whenThere<T, U>(value: Eventual<T>, use: (value: T) => Promise<U>): Promise<U>;
export function whenThere<T, U>(value: Eventual<T>, use: (value: T) => Eventual<U>): Eventual<U>;
export function whenThere<T, U>(value: Eventual<T>, use: (value: T) => Eventual<U>): Eventual<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/**
 * Asks one after the other, until one answers something that is not undefined; undefined when none
 * does. What comes later than at once is waited for before the next is asked.
 */
export function firstThere<T, U>(
  items: Iterable<T>,
  ask: (item: T) => Eventual<U | undefined>,
): Eventual<U | undefined> {
  return firstOf(items[Symbol.iterator](), ask);
}

function firstOf<T, U>(
  items: Iterator<T>,
  ask: (item: T) => Eventual<U | undefined>,
): Eventual<U | undefined> {
  for (let item = items.next(); item.done !== true; item = items.next()) {
    const answer = ask(item.value);
    if (answer instanceof Promise)
      return answer.then((found) => (found === undefined ? firstOf(items, ask) : found));
    if (answer !== undefined) return answer;
  }
  return undefined;
}
