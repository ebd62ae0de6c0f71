/**
 * Which characters are one when case does not matter: Unicode's simple folding, as Go has it
 * (`unicode.SimpleFold`).
 */

/** Where characters with another case lie, both ends included. */
const CASED: readonly (readonly [low: number, high: number])[] = [
  [0x41, 0x587],
  [0x10a0, 0x10ff],
  [0x13a0, 0x13fd],
  [0x1c80, 0x1cbf],
  [0x1d79, 0x1d8e],
  [0x1e00, 0x1fff],
  [0x2126, 0x218f],
  [0x24b6, 0x24e9],
  [0x2c00, 0x2d2d],
  [0xa640, 0xa7ff],
  [0xab53, 0xabbf],
  [0xff21, 0xff5a],
  [0x10400, 0x104fb],
  [0x10570, 0x105bc],
  [0x10c80, 0x10cf2],
  [0x118a0, 0x118df],
  [0x16e40, 0x16e7f],
  [0x1e900, 0x1e943],
];
/** Turkish alone makes it an i. */
const DOTLESS_I = 0x131;

function onePoint(text: string, otherwise: number): number {
  const point = text.codePointAt(0) ?? otherwise;
  return text.length === (point > 0xffff ? 2 : 1) ? point : otherwise;
}

function foldOf(point: number): number {
  if (point === DOTLESS_I) return point;
  const upper = onePoint(String.fromCodePoint(point).toUpperCase(), point);
  return onePoint(String.fromCodePoint(upper).toLowerCase(), upper);
}

let orbits: ReadonlyMap<number, readonly number[]> | undefined;

function makeOrbits(): Map<number, number[]> {
  const byFold = new Map<number, number[]>();
  for (const [low, high] of CASED)
    for (let point = low; point <= high; point += 1) {
      const fold = foldOf(point);
      const orbit = byFold.get(fold);
      if (orbit === undefined) byFold.set(fold, [point]);
      else orbit.push(point);
    }
  const found = new Map<number, number[]>();
  for (const orbit of byFold.values())
    if (orbit.length > 1) for (const point of orbit) found.set(point, orbit);
  return found;
}

/** The character and all that are the same but for case. */
export function foldsOf(point: number): readonly number[] {
  orbits ??= makeOrbits();
  return orbits.get(point) ?? [point];
}
