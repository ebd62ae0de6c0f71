/**
 * `--runtime-config`: which versions and resources are served.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/server/{resourceconfig/helpers.go,
 * options/api_enablement.go, storage/resource_config.go} for order, meaning and messages.
 */
import type { AnyKind } from '../kind.ts';
import { apiVersionOf } from '../meta/object.ts';

/** Key and value; a key alone has the value ''. */
export type RuntimeConfig = ReadonlyMap<string, string>;

export class RuntimeConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RuntimeConfigError';
  }
}

const WHOLE: readonly (readonly [string, RegExp])[] = [
  ['api/all', /^/],
  ['api/ga', /^v\d+$/],
  ['api/beta', /^v\d+beta\d+$/],
  ['api/alpha', /^v\d+alpha\d+$/],
];

/** `a=b,c`: pairs of the flag. */
export function parseRuntimeConfig(text: string): Map<string, string> {
  return new Map(
    text
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair): [string, string] => {
        const equals = pair.indexOf('=');
        return equals < 0
          ? [pair.trim(), '']
          : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
      }),
  );
}

interface Preference {
  readonly group: string;
  readonly version: string;
  /** Empty: the whole version. */
  readonly resource: string;
  readonly isOn: boolean;
}

/**
 * The kinds of `all` that are served. `isDefault`: whether a kind is served when nothing is said.
 * Throws RuntimeConfigError.
 */
export function servedKinds(
  all: readonly AnyKind[],
  config: RuntimeConfig,
  isDefault: (kind: AnyKind) => boolean,
): AnyKind[] {
  if (config.size === 1 && config.get('api/all') === 'false')
    throw new RuntimeConfigError('invalid runtime-config with only api/all=false');
  const preferences = preferencesOf(all, config);
  const wholes = WHOLE.flatMap(([key, pattern]) => {
    const value = config.get(key);
    if (value === undefined) return [];
    if (value !== 'true' && value !== 'false')
      throw new RuntimeConfigError(`invalid value ${key}=${value}`);
    return [{ pattern, isOn: value === 'true' }];
  });
  const decide = (kind: AnyKind): boolean => {
    const ofVersion = preferences.filter(
      ({ group, version }) => group === kind.group && version === kind.version,
    );
    const last =
      ofVersion.findLast(({ resource }) => resource === kind.plural) ??
      ofVersion.findLast(({ resource }) => resource === '') ??
      wholes.findLast(({ pattern }) => pattern.test(kind.version));
    return last?.isOn ?? isDefault(kind);
  };
  return all.filter(decide);
}

function preferencesOf(all: readonly AnyKind[], config: RuntimeConfig): Preference[] {
  const groups = new Set(all.map(({ group }) => group));
  const versions = new Set(all.map(apiVersionOf));
  const found: Preference[] = [];
  const unknown: string[] = [];
  for (const [key, value] of config) {
    if (WHOLE.some(([name]) => name === key)) continue;
    const parts = key === 'v1' ? ['', 'v1'] : key.split('/');
    const [group = '', version = '', resource = ''] = parts;
    if (parts.length < 2 || parts.length > 3)
      throw new RuntimeConfigError(`runtime-config invalid key ${key}`);
    if (!groups.has(group)) {
      unknown.push(`${group}/${version}`);
      continue;
    }
    if (!versions.has(apiVersionOf({ group, version })))
      throw new RuntimeConfigError(
        `group version ${group}/${version} that has not been registered`,
      );
    if (resource.toLowerCase() !== resource)
      throw new RuntimeConfigError(
        `invalid key ${key}: group/version/resource and resource is always lowercase plural, not ${JSON.stringify(resource)}`,
      );
    found.push({ group, version, resource, isOn: boolOf(key, value) });
  }
  if (unknown.length > 0)
    throw new RuntimeConfigError(`unknown api groups ${unknown.toSorted().join(',')}`);
  return found;
}

function boolOf(key: string, value: string): boolean {
  if (['', '1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  const parse = `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw new RuntimeConfigError(`invalid value of ${key}: ${value}, err: ${parse}`);
}
