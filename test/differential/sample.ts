/**
 * Which of all cases are asked. What is the same code for many kinds (metadata, decoding, the pod
 * template) is asked of each kind in part: a number that the seed and the case's id make decides.
 */
import type { Case } from './model.ts';

/** The first that matches counts: of cases like this, one in so many is asked. */
const ONE_IN: readonly (readonly [likeThis: RegExp, oneIn: number])[] = [
  [/ configmaps: /, 1],
  [/: (null|of wrong type)$/, 5],
  [/ (null|of wrong type)$/, 5],
  [/ metadata /, 4],
  [/fieldValidation/, 3],
  [/: list by /, 4],
  [/: create .*emplate\.spec\./, 6],
  [/: update .*emplate\.spec\./, 16],
  [/(json|merge|strategic|apply) patch of .*emplate\.spec\./, 40],
  [/ pods: create /, 1],
  [/ pods(\/\w+)?: .*patch of/, 12],
  [/ pods(\/\w+)?: /, 4],
  [/patch of/, 5],
];
const FNV_OFFSET = 2_166_136_261;
const FNV_PRIME = 16_777_619;

/** `seed`: another one asks other cases. */
export function isAsked({ id }: Case, seed: number): boolean {
  const oneIn = ONE_IN.find(([likeThis]) => likeThis.test(id))?.[1] ?? 1;
  return oneIn === 1 || hash(`${seed} ${id}`) % oneIn === 0;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = FNV_OFFSET;
  for (let index = 0; index < text.length; index++)
    state = Math.imul(state ^ text.charCodeAt(index), FNV_PRIME) >>> 0;
  return state >>> 4;
}
