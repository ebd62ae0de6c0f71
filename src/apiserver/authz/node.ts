/**
 * The Node authorizer: a kubelet reads what the pods bound to its node refer to, and no more.
 *
 * References are kept by pod and follow the watch cache, so that a request looks at the pods of
 * one node alone.
 * Source: Kubernetes documentation, "Using Node Authorization"; upstream
 * plugin/pkg/auth/authorizer/node.
 */
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { nodeNameOf } from '../authn/node-identity.ts';
import { nodeRules } from '../bootstrap/rbac/node-rules.ts';
import type { LocalAuthorizer } from './authorizer.ts';
import { type NodePod, NodePods } from './node-pods.ts';
import { StoredRelations } from './node-relations.ts';
import {
  ALLOW,
  certificateRule,
  csiNodeRule,
  getRule,
  leaseRule,
  none,
  ownNodeRule,
  podRule,
  readRule,
  type Rule,
  sliceRule,
  statusRule,
  tokenRule,
  unrelated,
} from './node-rules.ts';
import { ruleAllows } from '#api/rbac/matching.ts';

const CERTIFICATE_REQUESTS = 'podcertificaterequests.certificates.k8s.io';

export interface NodeAuthorizerOptions {
  readonly gates?: FeatureGates;
  /** What all nodes may do alike. */
  readonly rules?: readonly PolicyRule[];
}

export function nodeAuthorizer(
  reader: ObjectReader,
  { gates = new FeatureGates(), rules = nodeRules(gates) }: NodeAuthorizerOptions = {},
): LocalAuthorizer {
  const byResource = subdivided(reader, new NodePods(reader));
  if (!gates.enabled('PodCertificateRequest')) byResource.set(CERTIFICATE_REQUESTS, () => none());
  return (attributes) => {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return none();
    if (node === '') return none(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const rule = attributes.isResourceRequest
      ? byResource.get(`${attributes.resource}.${attributes.group}`)
      : undefined;
    if (rule !== undefined) return rule(node, attributes);
    return rules.some((candidate) => ruleAllows(candidate, attributes)) ? ALLOW : none();
  };
}

/** Resources that are not the same for all nodes. */
function subdivided(reader: ObjectReader, pods: NodePods): Map<string, Rule> {
  const related =
    (isRelated: (pod: NodePod, name: string) => boolean): Rule =>
    (node, { namespace, name }) => {
      if (name === '') return none('No Object name found');
      for (const pod of pods.of(node)) {
        if (pod.namespace === namespace && isRelated(pod, name)) return ALLOW;
      }
      return unrelated(node);
    };
  const claims = related((pod, name) => pod.references.claims.has(name));
  const accounts = related((pod, name) => pod.references.serviceAccount === name);
  const objects = new StoredRelations(reader, pods);
  return new Map<string, Rule>([
    [
      'secrets.',
      readRule(objects.orSecretOfVolume(related((pod, name) => pod.references.secrets.has(name)))),
    ],
    ['configmaps.', readRule(related((pod, name) => pod.references.configMaps.has(name)))],
    [
      'persistentvolumeclaims.',
      (node, at) => (at.subresource === 'status' ? statusRule(claims) : getRule(claims))(node, at),
    ],
    [
      'persistentvolumes.',
      getRule((node, { name }) => (objects.mountsVolume(node, name) ? ALLOW : unrelated(node))),
    ],
    [
      'resourceclaims.resource.k8s.io',
      getRule(related((pod, name) => pod.references.resourceClaims.has(name))),
    ],
    [
      'volumeattachments.storage.k8s.io',
      getRule((node, { name }) => (objects.isAttachedTo(node, name) ? ALLOW : unrelated(node))),
    ],
    [
      'serviceaccounts.',
      (node, at) =>
        (at.verb === 'get' && at.subresource === '' ? readRule(accounts) : tokenRule(accounts))(
          node,
          at,
        ),
    ],
    ['leases.coordination.k8s.io', leaseRule],
    ['csinodes.storage.k8s.io', csiNodeRule],
    [
      'resourceslices.resource.k8s.io',
      sliceRule((node, { name }) => (objects.hasSlice(node, name) ? ALLOW : unrelated(node))),
    ],
    [
      CERTIFICATE_REQUESTS,
      certificateRule((node, at) => (objects.asked(node, at) ? ALLOW : unrelated(node))),
    ],
    ['nodes.', ownNodeRule],
    ['pods.', podRule(related((pod, name) => pod.name === name))],
  ]);
}
