/**
 * Versions of Semantic Versioning 2.0.0.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/semverlib.go and
 * github.com/blang/semver/v4, whose messages these are.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { BOOL, INT, STRING, structType, type Type } from '../check/type.ts';
import { CelError, noSuchOverload, OpaqueValue, textOf, type Value } from '../value/value.ts';
import { goQuoted, methodsOf } from './opaque.ts';

const SEMVER_TYPE = structType('kubernetes.Semver');

interface Version {
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
}

const UINT64_MAX = 2n ** 64n - 1n;

function numberOf(text: string, name: string): bigint | CelError {
  if (!/^[0-9]*$/.test(text)) {
    return new CelError(`Invalid character(s) found in ${name} number ${goQuoted(text)}`);
  }
  if (text.length > 1 && text.startsWith('0')) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    return new CelError(`${title} number must not contain leading zeroes ${goQuoted(text)}`);
  }
  const parsing = `strconv.ParseUint: parsing ${goQuoted(text)}:`;
  if (text === '') return new CelError(`${parsing} invalid syntax`);
  const value = BigInt(text);
  return value > UINT64_MAX ? new CelError(`${parsing} value out of range`) : value;
}

function prereleaseProblem(part: string): CelError | undefined {
  if (part === '') return new CelError('Prerelease is empty');
  if (/^[0-9]+$/.test(part)) {
    if (part.length === 1 || !part.startsWith('0')) return undefined;
    return new CelError(
      `Numeric PreRelease version must not contain leading zeroes ${goQuoted(part)}`,
    );
  }
  if (/^[0-9A-Za-z-]+$/.test(part)) return undefined;
  return new CelError(`Invalid character(s) found in prerelease ${goQuoted(part)}`);
}

function buildProblem(part: string): CelError | undefined {
  if (part === '') return new CelError('Build meta data is empty');
  if (/^[0-9A-Za-z-]+$/.test(part)) return undefined;
  return new CelError(`Invalid character(s) found in build meta data ${goQuoted(part)}`);
}

/** At most three parts; the last is the rest. */
function threeParts(text: string): readonly string[] {
  const [major = '', minor, ...rest] = text.split('.');
  if (minor === undefined) return [major];
  return rest.length === 0 ? [major, minor] : [major, minor, rest.join('.')];
}

function parseVersion(text: string): Version | CelError {
  if (text === '') return new CelError('Version string empty');
  const [major, minor, rest] = threeParts(text);
  if (major === undefined || minor === undefined || rest === undefined) {
    return new CelError('No Major.Minor.Patch elements found');
  }
  const plus = rest.indexOf('+');
  const build = plus < 0 ? [] : rest.slice(plus + 1).split('.');
  const unbuilt = plus < 0 ? rest : rest.slice(0, plus);
  const dash = unbuilt.indexOf('-');
  const prerelease = dash < 0 ? [] : unbuilt.slice(dash + 1).split('.');
  const patch = dash < 0 ? unbuilt : unbuilt.slice(0, dash);
  const numbers: bigint[] = [];
  for (const [part, name] of [
    [major, 'major'],
    [minor, 'minor'],
    [patch, 'patch'],
  ] as const) {
    const number = numberOf(part, name);
    if (number instanceof CelError) return number;
    numbers.push(number);
  }
  const problem =
    prerelease.map(prereleaseProblem).find((each) => each !== undefined) ??
    build.map(buildProblem).find((each) => each !== undefined);
  return problem ?? { numbers, prerelease };
}

/** Without a leading `v` and leading zeroes, and with the parts that are missing. */
function normalize(text: string): string | CelError {
  const parts = threeParts(text.replace(/^v/, '')).map((part) => {
    if (part.length < 2) return part;
    const trimmed = part.replace(/^0+/, '');
    return /^[0-9]/.test(trimmed) ? trimmed : `0${trimmed}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) {
    return new CelError('short version cannot contain PreRelease/Build meta data');
  }
  return [...parts, '0', '0'].slice(0, 3).join('.');
}

function read(text: Value, isNormalized: Value): Version | CelError {
  const plain = isNormalized === true ? normalize(textOf(text)) : textOf(text);
  return plain instanceof CelError ? plain : parseVersion(plain);
}

function comparePrerelease(a: string, b: string): number {
  const [isLeftNumber, isRightNumber] = [/^[0-9]+$/.test(a), /^[0-9]+$/.test(b)];
  if (isLeftNumber !== isRightNumber) return isLeftNumber ? -1 : 1;
  const [left, right] = isLeftNumber ? [BigInt(a), BigInt(b)] : [a, b];
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareVersions(a: Version, b: Version): number {
  for (const [index, left] of a.numbers.entries()) {
    const right = b.numbers[index] ?? 0n;
    if (left !== right) return left < right ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Math.sign(b.prerelease.length) - Math.sign(a.prerelease.length);
  }
  for (const [index, left] of a.prerelease.entries()) {
    const right = b.prerelease[index];
    if (right === undefined) return 1;
    const order = comparePrerelease(left, right);
    if (order !== 0) return order;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

class SemverValue extends OpaqueValue {
  override readonly type: Type = SEMVER_TYPE;
  readonly version: Version;

  constructor(version: Version) {
    super();
    this.version = version;
  }

  override isEqual(other: OpaqueValue): boolean {
    return other instanceof SemverValue && compareVersions(this.version, other.version) === 0;
  }
}

/** The version that a text says; a `CelError` where it says none. */
export function toSemver(text: Value, isNormalized: Value): Value {
  const version = read(text, isNormalized);
  return version instanceof CelError ? version : new SemverValue(version);
}

const isSemver = (text: Value, isNormalized: Value): Value =>
  !(read(text, isNormalized) instanceof CelError);

const S = SEMVER_TYPE;
const method = methodsOf(SemverValue, S);

const order = (
  id: string,
  result: Type,
  tell: (order: number) => Value,
): ReturnType<typeof method> =>
  method(id, [S], result, ({ version }, other) =>
    other instanceof SemverValue ? tell(compareVersions(version, other.version)) : noSuchOverload(),
  );

const part = (id: string, index: number): ReturnType<typeof method> =>
  method(id, [], INT, ({ version }) => BigInt.asIntN(64, version.numbers[index] ?? 0n));

export const SEMVER_LIBRARY: FunctionTable = {
  semver: [
    overload('string_to_semver', [STRING], S, (text) => toSemver(text, false)),
    overload('string_bool_to_semver', [STRING, BOOL], S, toSemver),
  ],
  isSemver: [
    overload('is_semver_string', [STRING], BOOL, (text) => isSemver(text, false)),
    overload('is_semver_string_bool', [STRING, BOOL], BOOL, isSemver),
  ],
  isGreaterThan: [order('semver_is_greater_than', BOOL, (outcome) => outcome > 0)],
  isLessThan: [order('semver_is_less_than', BOOL, (outcome) => outcome < 0)],
  compareTo: [order('semver_compare_to', INT, BigInt)],
  major: [part('semver_major', 0)],
  minor: [part('semver_minor', 1)],
  patch: [part('semver_patch', 2)],
};
