/** Semantic versions 2.0.0: parsing and precedence. Source: semver.org. */

export interface Semver {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
}

const NUMBER = '(0|[1-9]\\d*)';
const PRE = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const PATTERN = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${PRE}(?:\\.${PRE})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

/** Undefined when `text` is no semantic version. */
export function parseSemver(text: string): Semver | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, major = '0', minor = '0', patch = '0', pre] = match;
  return {
    numbers: [BigInt(major), BigInt(minor), BigInt(patch)],
    pre: pre === undefined ? [] : pre.split('.'),
  };
}

/** Negative when `left` comes before `right`. */
export function compareSemver(left: Semver, right: Semver): number {
  for (const i of [0, 1, 2] as const) {
    if (left.numbers[i] !== right.numbers[i]) return left.numbers[i] < right.numbers[i] ? -1 : 1;
  }
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (const [i, a] of left.pre.entries()) {
    const b = right.pre[i];
    if (b === undefined) return 1;
    if (a !== b) return comparePart(a, b);
  }
  return left.pre.length - right.pre.length;
}

/** Numbers come before words. */
function comparePart(a: string, b: string): number {
  const isNumber = [a, b].map((part) => /^\d+$/.test(part));
  if (isNumber[0] !== isNumber[1]) return isNumber[0] === true ? -1 : 1;
  if (isNumber[0] === true) return BigInt(a) < BigInt(b) ? -1 : 1;
  return a < b ? -1 : 1;
}
