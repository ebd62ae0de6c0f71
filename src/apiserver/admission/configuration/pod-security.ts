/**
 * Reads a `PodSecurityConfiguration`.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/admission/api, v1.36 (types, defaults,
 * validation).
 */
import { always, list, object, optional, STRING, TYPE_META } from '#api/component-config/fields.ts';
import { duplicate, type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import { nameIsDnsLabel, nameIsDnsSubdomain } from '#api/meta/names.ts';
import type { PodSecurityOptions } from '../pod-security/options.ts';
import { type Mode, MODES, type Policy } from '../pod-security/policy.ts';
import {
  LEVEL_ERROR,
  type LevelVersion,
  parseLevel,
  parseStandardVersion,
  VERSION_ERROR,
} from '../pod-security/version.ts';
import { configType, readStrictly, refuseErrors } from './fields.ts';

const DEFAULTS = configType(
  'PodSecurityDefaults',
  ...MODES.flatMap((mode) => [optional(mode, STRING), optional(`${mode}-version`, STRING)]),
);
const EXEMPTIONS = configType(
  'PodSecurityExemptions',
  ...['usernames', 'namespaces', 'runtimeClasses'].map((name) => optional(name, list(STRING))),
);
const CONFIGURATION = configType(
  'PodSecurityConfiguration',
  ...TYPE_META,
  always('defaults', object(DEFAULTS)),
  always('exemptions', object(EXEMPTIONS)),
);

const GROUP = 'pod-security.admission.config.k8s.io';

interface Exemptions {
  readonly usernames?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly runtimeClasses?: readonly string[];
}

/** Throws ConfigError. */
export function readPodSecurity(text: string): PodSecurityOptions {
  const { defaults = {}, exemptions = {} } = readStrictly(text, {
    apiVersion: `${GROUP}/v1`,
    kind: 'PodSecurityConfiguration',
    type: CONFIGURATION,
    scheme: 'k8s.io/pod-security-admission/admission/api/scheme/scheme.go:30',
    others: [`${GROUP}/v1beta1`, `${GROUP}/v1alpha1`],
  }) as { defaults?: Record<string, string>; exemptions?: Exemptions };
  const errors: FieldError[] = [];
  // In the order in which upstream looks at them.
  const warnLast = (['enforce', 'warn', 'audit'] as const).map(
    (mode): readonly [Mode, LevelVersion] => [mode, modeOf(mode, defaults, errors)],
  );
  const { usernames = [], namespaces = [], runtimeClasses = [] } = exemptions;
  const options: PodSecurityOptions = {
    defaults: Object.fromEntries(warnLast) as Policy,
    exemptions: {
      namespaces: names('namespaces', namespaces, errors, (name) => nameIsDnsLabel(name, false)),
      runtimeClasses: names('runtimeClasses', runtimeClasses, errors, (name) =>
        nameIsDnsSubdomain(name, false),
      ),
      usernames: names('usernames', usernames, errors, (name) =>
        name === '' ? ['username must not be empty'] : [],
      ),
    },
  };
  refuseErrors(errors);
  return options;
}

function modeOf(
  mode: Mode,
  defaults: Readonly<Record<string, string>>,
  errors: FieldError[],
): LevelVersion {
  const at = fieldPath('defaults');
  const levelText = defaults[mode] || 'privileged';
  const versionText = defaults[`${mode}-version`] || 'latest';
  const [level, version] = [parseLevel(levelText), parseStandardVersion(versionText)];
  if (level === undefined) errors.push(invalidValue(at.child(mode), levelText, LEVEL_ERROR));
  if (version === undefined)
    errors.push(invalidValue(at.child(`${mode}-version`), versionText, VERSION_ERROR));
  return { level: level ?? 'restricted', version: version ?? 'latest' };
}

function names(
  field: keyof Exemptions,
  given: readonly string[],
  errors: FieldError[],
  problemsOf: (name: string) => string[],
): Set<string> {
  const seen = new Set<string>();
  for (const [i, name] of given.entries()) {
    const at = fieldPath('exemptions').child(field).index(i);
    const problems = problemsOf(name);
    if (problems.length > 0) errors.push(invalidValue(at, name, problems.join(', ')));
    else if (seen.has(name)) errors.push(duplicate(at, name));
    else seen.add(name);
  }
  return seen;
}
