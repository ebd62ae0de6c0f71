/** LeaseCandidate. Upstream: pkg/registry/coordination/leasecandidate, pkg/apis/coordination/validation. */
import type { LeaseCandidate } from '#api/gen/coordination-v1beta1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { type FieldError, fieldPath, invalidValue, notSupported, required } from '../meta/field.ts';
import { isConfigMapKey } from '../meta/names.ts';
import { qualifiedName } from '../validation/common.ts';
import { immutable } from '../validation/metadata.ts';
import { compareSemver, type Semver, parseSemver } from './semver.ts';

const SPEC = fieldPath('spec');
const OLDEST = 'OldestEmulationVersion';

function versionOf(
  text: string | undefined,
  field: string,
): { version?: Semver; errors: FieldError[] } {
  if (!text) return { errors: [] };
  const version = parseSemver(text);
  if (version !== undefined) return { version, errors: [] };
  return {
    errors: [invalidValue(SPEC.child(field), text, 'must be a valid semantic version')],
  };
}

function validateStrategy(strategy: string): FieldError[] {
  // Upstream names the field twice.
  const at = SPEC.child('strategy', 'strategy');
  if (strategy.includes('/')) return qualifiedName(strategy, at);
  return strategy === OLDEST ? [] : [notSupported(at, strategy, [OLDEST])];
}

function validateCandidate({ spec }: LeaseCandidate): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.leaseName) errors.push(required(SPEC.child('leaseName')));
  const emulation = versionOf(spec?.emulationVersion, 'emulationVersion');
  const binary = versionOf(spec?.binaryVersion, 'binaryVersion');
  errors.push(...emulation.errors);
  if (!spec?.binaryVersion) errors.push(required(SPEC.child('binaryVersion')));
  errors.push(...binary.errors);
  const { version: older } = binary;
  if (older && emulation.version && compareSemver(older, emulation.version) < 0) {
    const detail = 'must be greater than or equal to `emulationVersion`';
    errors.push(invalidValue(SPEC.child('binaryVersion'), spec?.binaryVersion, detail));
  }
  if (!spec?.strategy) return [...errors, required(SPEC.child('strategy'))];
  if (spec.strategy === OLDEST && emulation.version === undefined) {
    const detail = "must be specified when `strategy` is 'OldestEmulationVersion'";
    errors.push(required(SPEC.child('emulationVersion'), detail));
  }
  return [...errors, ...validateStrategy(spec.strategy)];
}

export const LEASE_CANDIDATE = defineKind<LeaseCandidate>({
  group: 'coordination.k8s.io',
  version: 'v1beta1',
  kind: 'LeaseCandidate',
  plural: 'leasecandidates',
  namespaced: true,
  schema: 'io.k8s.api.coordination.v1beta1.LeaseCandidate',
  countsGeneration: false,
  createOnUpdate: true,
  selectableFields: { 'spec.leaseName': ({ spec }) => spec?.leaseName ?? '' },
  columns: [
    NAME_COLUMN,
    column('LeaseName', ({ spec }) => spec?.leaseName ?? ''),
    column('BinaryVersion', ({ spec }) => spec?.binaryVersion ?? ''),
    column('EmulationVersion', ({ spec }) => spec?.emulationVersion ?? ''),
    AGE_COLUMN,
  ],
  validateName: (name) => isConfigMapKey(name),
  validate: validateCandidate,
  validateUpdate: (next, old) =>
    immutable(next.spec?.leaseName, old.spec?.leaseName, SPEC.child('leaseName')),
});
