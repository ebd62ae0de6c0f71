/**
 * Levels of the Pod Security Standards, and the versions of them.
 *
 * Source: Kubernetes documentation, "Pod Security Admission"; upstream
 * staging/src/k8s.io/pod-security-admission/api/helpers.go, v1.36.
 */

export const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
/** From what allows everything to what allows least. */
export type Level = (typeof LEVELS)[number];

/** The minor of `v1.x`, or the newest standard that there is. */
export type StandardVersion = number | 'latest';

export interface LevelVersion {
  readonly level: Level;
  readonly version: StandardVersion;
}

/** What makes a text no level or no version. */
export const LEVEL_ERROR = `must be one of ${LEVELS.join(', ')}`;
export const VERSION_ERROR = 'must be "latest" or "v1.x"';

const VERSION = /^v1\.(0|[1-9]\d*)$/;

export function parseLevel(text: string): Level | undefined {
  return LEVELS.find((level) => level === text);
}

export function parseStandardVersion(text: string): StandardVersion | undefined {
  if (text === 'latest') return 'latest';
  const minor = VERSION.exec(text)?.[1];
  return minor === undefined || !Number.isSafeInteger(Number(minor)) ? undefined : Number(minor);
}

/** `restricted:v1.36` */
export function levelVersionText({ level, version }: LevelVersion): string {
  return `${level}:${versionText(version)}`;
}

export function versionText(version: StandardVersion): string {
  return version === 'latest' ? 'latest' : `v1.${version}`;
}

/** Above zero where `one` allows less than `other`. */
export function compareLevels(one: Level, other: Level): number {
  return LEVELS.indexOf(one) - LEVELS.indexOf(other);
}

export function sameLevelVersion(one: LevelVersion, other: LevelVersion): boolean {
  return one.level === other.level && one.version === other.version;
}

/** The same, or both without any check. */
export function allowsTheSame(one: LevelVersion, other: LevelVersion): boolean {
  const bothPrivileged = one.level === 'privileged' && other.level === 'privileged';
  return bothPrivileged || sameLevelVersion(one, other);
}
