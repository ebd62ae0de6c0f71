/** ClusterTrustBundle. Upstream: pkg/registry/certificates/clustertrustbundle, pkg/apis/core/validation/names.go. */
import type { ClusterTrustBundle } from '#api/gen/certificates-v1beta1.ts';
import { defineKind } from '../kind.ts';
import { column, NAME_COLUMN } from '../meta/columns.ts';
import { type FieldError, fieldPath } from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { immutable, invalidAll } from '../validation/metadata.ts';
import { validateSignerName } from '../validation/signer-name.ts';
import { validateTrustBundle } from './trust-bundle-pem.ts';

const SPEC = fieldPath('spec');

/** A bundle of a signer begins with the signer's name; others have no colon. */
function nameErrors(name: string, signerName: string): string[] {
  if (signerName === '') {
    if (name.includes(':'))
      return ['ClusterTrustBundle without signer name must not have ":" in its name'];
    return nameIsDnsSubdomain(name, false);
  }
  const prefix = `${signerName.replaceAll('/', ':')}:`;
  if (name.startsWith(prefix)) return nameIsDnsSubdomain(name.slice(prefix.length), false);
  return [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`];
}

function validateNames({ metadata, spec }: ClusterTrustBundle): FieldError[] {
  const { signerName = '' } = spec ?? {};
  const name = metadata?.name ?? '';
  const errors = invalidAll(
    fieldPath('metadata').child('name'),
    name,
    nameErrors(name, signerName),
  );
  if (signerName !== '') errors.push(...validateSignerName(signerName, SPEC.child('signerName')));
  return errors;
}

const validateAnchors = ({ spec }: ClusterTrustBundle): FieldError[] =>
  validateTrustBundle(spec?.trustBundle ?? '', SPEC.child('trustBundle'));

export const CLUSTER_TRUST_BUNDLE = defineKind<ClusterTrustBundle>({
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  namespaced: false,
  schema: 'io.k8s.api.certificates.v1beta1.ClusterTrustBundle',
  featureGate: 'ClusterTrustBundle',
  countsGeneration: false,
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  columns: [NAME_COLUMN, column('SignerName', ({ spec }) => spec?.signerName || '<none>')],
  // The rules depend on the signer, which a name alone does not tell.
  validateName: () => [],
  validate: validateNames,
  validateCreate: validateAnchors,
  validateUpdate: (next, old) => [
    ...(next.spec?.trustBundle === old.spec?.trustBundle ? [] : validateAnchors(next)),
    ...immutable(next.spec?.signerName, old.spec?.signerName, SPEC.child('signerName')),
  ],
});
