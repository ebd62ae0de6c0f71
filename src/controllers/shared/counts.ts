/** Counts in a status as the API keeps them. */

/**
 * Without those that are zero: the API server leaves them out (`omitempty`), and a status that had
 * them would always differ from the one that is stored.
 */
export function withoutZeros<T extends Readonly<Record<string, number>>>(counts: T): Partial<T> {
  const some: Partial<T> = {};
  for (const name in counts) if (counts[name] !== 0) some[name] = counts[name];
  return some;
}
