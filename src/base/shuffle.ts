/** Another order of a list, every one as likely (Fisher and Yates). */
import type { Random } from './env.ts';

/** A new list: what stands before `from` stays where it is, the rest changes places. */
export function shuffled<T>(items: readonly T[], random: Pick<Random, 'next'>, from = 0): T[] {
  const list = [...items];
  for (let last = list.length - 1; last > from; last--) {
    const other = from + Math.floor(random.next() * (last - from + 1));
    // Sound: both are indexes of the list.
    const [a, b] = [list[last], list[other]] as [T, T];
    list[last] = b;
    list[other] = a;
  }
  return list;
}
