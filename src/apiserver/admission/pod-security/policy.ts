/**
 * What a namespace asks of its pods, by its labels, and where it says nothing by the defaults of the
 * plug-in.
 *
 * Source: Kubernetes documentation, "Pod Security Admission"; upstream
 * staging/src/k8s.io/pod-security-admission/api/helpers.go, v1.36.
 */
import { type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import {
  allowsTheSame,
  compareLevels,
  LEVEL_ERROR,
  type Level,
  type LevelVersion,
  levelVersionText,
  parseLevel,
  parseStandardVersion,
  type StandardVersion,
  VERSION_ERROR,
} from './version.ts';

export const MODES = ['enforce', 'audit', 'warn'] as const;
/** What comes of a violation: a refusal, an annotation of the audit event, a warning. */
export type Mode = (typeof MODES)[number];

export type Policy = Readonly<Record<Mode, LevelVersion>>;

/** Of labels, and of annotations of audit events. */
export const PREFIX = 'pod-security.kubernetes.io/';

type Labels = Readonly<Record<string, string>>;

interface ReadMode {
  readonly value: LevelVersion;
  /** What the labels say and is understood. */
  readonly says: { readonly level: boolean; readonly version: boolean };
  /** A label is there, whatever it says. */
  readonly hasLevel: boolean;
  readonly hasVersion: boolean;
}

/**
 * The policy of a namespace with `labels`. What is not understood becomes `restricted` where it is
 * enforced, `privileged` elsewhere, and `latest`; each such label is an error beside it.
 */
export function policyOf(
  labels: Labels,
  defaults: Policy,
): { readonly policy: Policy; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const enforce = readMode('enforce', labels, defaults, errors);
  const audit = readMode('audit', labels, defaults, errors);
  const warn = readMode('warn', labels, defaults, errors);
  return {
    policy: { enforce: enforce.value, audit: audit.value, warn: warnOf(enforce, warn) },
    errors,
  };
}

function readMode(mode: Mode, labels: Labels, defaults: Policy, errors: FieldError[]): ReadMode {
  const [levelText, versionText] = [labels[PREFIX + mode], labels[`${PREFIX}${mode}-version`]];
  const level = levelText === undefined ? undefined : parseLevel(levelText);
  const version = versionText === undefined ? undefined : parseStandardVersion(versionText);
  if (levelText !== undefined && level === undefined)
    errors.push(labelError(PREFIX + mode, levelText, LEVEL_ERROR));
  if (versionText !== undefined && version === undefined)
    errors.push(labelError(`${PREFIX}${mode}-version`, versionText, VERSION_ERROR));
  const unread: Level = mode === 'enforce' ? 'restricted' : 'privileged';
  const latest: StandardVersion = 'latest';
  return {
    value: {
      level: level ?? (levelText === undefined ? defaults[mode].level : unread),
      version: version ?? (versionText === undefined ? defaults[mode].version : latest),
    },
    says: { level: level !== undefined, version: version !== undefined },
    hasLevel: levelText !== undefined,
    hasVersion: versionText !== undefined,
  };
}

/** Who says what is enforced and not what is warned of is warned of that, too. */
function warnOf(enforce: ReadMode, warn: ReadMode): LevelVersion {
  if (warn.hasLevel || !enforce.says.level) return warn.value;
  if (compareLevels(enforce.value.level, warn.value.level) <= 0) return warn.value;
  return {
    level: enforce.value.level,
    version: warn.hasVersion ? warn.value.version : enforce.value.version,
  };
}

function labelError(label: string, value: string, message: string): FieldError {
  return invalidValue(fieldPath('metadata').child('labels').key(label), value, message);
}

export function isFullyPrivileged(policy: Policy): boolean {
  return MODES.every((mode) => policy[mode].level === 'privileged');
}

/** What to warn of when an exempt namespace gets labels: they do nothing. Undefined: nothing. */
export function exemptionWarning(
  namespace: string,
  labels: Labels,
  policy: Policy,
  defaults: Policy,
): string | undefined {
  const asDefault = MODES.every((mode) => allowsTheSame(policy[mode], defaults[mode]));
  if (isFullyPrivileged(policy) || asDefault) return undefined;
  const shown = MODES.filter(
    (mode) =>
      policy[mode].level !== 'privileged' &&
      (labels[PREFIX + mode] !== undefined || labels[`${PREFIX}${mode}-version`] !== undefined),
  ).map((mode) => `${mode}=${levelVersionText(policy[mode])}`);
  return `namespace ${JSON.stringify(namespace)} is exempt from Pod Security, and the policy (${shown.join(', ')}) will be ignored`;
}
