/**
 * The Node authorizer: a kubelet reads what the pods bound to its node refer to, and no more.
 *
 * References are kept by pod and follow the watch cache, so that a request looks at the pods of
 * one node alone.
 * Source: Kubernetes documentation, "Using Node Authorization"; upstream
 * plugin/pkg/auth/authorizer/node.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import {
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_CERTIFICATE_REQUESTS,
  RESOURCE_SLICES,
  VOLUME_ATTACHMENTS,
} from '../admission/targets.ts';
import { nodeNameOf } from '../authn/node-identity.ts';
import { NODE_RULES } from '../bootstrap/rbac/node-rules.ts';
import { volumeSecrets } from '../pod-references.ts';
import type { AuthorizationAttributes, Authorizer, Decision } from './authorizer.ts';
import { type NodePod, NodePods } from './node-pods.ts';
import { ruleAllows } from './rbac.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const READS = new Set(['get', 'list', 'watch']);
const OWN_OBJECT_VERBS = new Set(['get', 'create', 'update', 'patch', 'delete']);

const ALLOW: Decision = { outcome: 'allow', reason: '' };
const none = (reason = ''): Decision => ({ outcome: 'none', reason });
const unrelated = (node: string): Decision => none(`no relationship found between node '${node}' and this object`);

type Rule = (node: string, attributes: AuthorizationAttributes) => Decision;

export function nodeAuthorizer(reader: ObjectReader, rules: readonly PolicyRule[] = NODE_RULES): Authorizer {
  const byResource = subdivided(reader, new NodePods(reader));
  return (attributes) => {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return none();
    if (node === '') return none(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const rule = attributes.isResourceRequest ? byResource.get(`${attributes.resource}.${attributes.group}`) : undefined;
    if (rule !== undefined) return rule(node, attributes);
    return rules.some((candidate) => ruleAllows(candidate, attributes)) ? ALLOW : none();
  };
}

/** Resources that are not the same for all nodes. */
function subdivided(reader: ObjectReader, pods: NodePods): ReadonlyMap<string, Rule> {
  const related = (isRelated: (pod: NodePod, name: string) => boolean): Rule => (node, { namespace, name }) => {
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
    ['secrets.', readRule(objects.orSecretOfVolume(related((pod, name) => pod.references.secrets.has(name))))],
    ['configmaps.', readRule(related((pod, name) => pod.references.configMaps.has(name)))],
    ['persistentvolumeclaims.', (node, at) => (at.subresource === 'status' ? statusRule(claims) : getRule(claims))(node, at)],
    ['persistentvolumes.', getRule((node, { name }) => (objects.mountsVolume(node, name) ? ALLOW : unrelated(node)))],
    ['resourceclaims.resource.k8s.io', getRule(related((pod, name) => pod.references.resourceClaims.has(name)))],
    ['volumeattachments.storage.k8s.io', getRule((node, { name }) => (objects.isAttachedTo(node, name) ? ALLOW : unrelated(node)))],
    ['serviceaccounts.', (node, at) => (at.verb === 'get' && at.subresource === '' ? readRule(accounts) : tokenRule(accounts))(node, at)],
    ['leases.coordination.k8s.io', leaseRule],
    ['csinodes.storage.k8s.io', csiNodeRule],
    ['resourceslices.resource.k8s.io', sliceRule((node, { name }) => (objects.hasSlice(node, name) ? ALLOW : unrelated(node)))],
    ['podcertificaterequests.certificates.k8s.io', certificateRule((node, at) => (objects.asked(node, at) ? ALLOW : unrelated(node)))],
    ['nodes.', ownNodeRule],
    ['pods.', podRule(related((pod, name) => pod.name === name))],
  ]);
}

/** Relations that lie in other objects than pods. */
class StoredRelations {
  readonly #reader: ObjectReader;
  readonly #pods: NodePods;
  constructor(reader: ObjectReader, pods: NodePods) {
    this.#reader = reader;
    this.#pods = pods;
  }

  /** A secret that a volume of one of the node's pods needs may lie in any namespace. */
  orSecretOfVolume(direct: Rule): Rule {
    return (node, attributes) => {
      const decision = direct(node, attributes);
      if (decision.outcome === 'allow' || attributes.name === '') return decision;
      for (const volume of this.#volumesOf(node)) {
        const found = volumeSecrets(volume).some(
          ({ namespace, name }) => namespace === attributes.namespace && name === attributes.name,
        );
        if (found) return ALLOW;
      }
      return decision;
    };
  }

  mountsVolume(node: string, name: string): boolean {
    const volume = this.#reader.get(PERSISTENT_VOLUMES, '', name) as PersistentVolume | undefined;
    const claim = volume?.spec?.claimRef;
    if (claim === undefined) return false;
    for (const pod of this.#pods.of(node)) {
      if (pod.namespace === claim.namespace && pod.references.claims.has(claim.name ?? '')) return true;
    }
    return false;
  }

  isAttachedTo(node: string, name: string): boolean {
    const attachment = this.#reader.get(VOLUME_ATTACHMENTS, '', name) as VolumeAttachment | undefined;
    return attachment?.spec?.nodeName === node;
  }

  hasSlice(node: string, name: string): boolean {
    const slice = this.#reader.get(RESOURCE_SLICES, '', name) as ResourceSlice | undefined;
    return slice?.spec?.nodeName === node;
  }

  asked(node: string, { namespace, name }: AuthorizationAttributes): boolean {
    const request = this.#reader.get(POD_CERTIFICATE_REQUESTS, namespace, name) as PodCertificateRequest | undefined;
    return request?.spec?.nodeName === node;
  }

  *#volumesOf(node: string): Generator<PersistentVolume> {
    for (const { namespace, references } of this.#pods.of(node)) {
      for (const name of references.claims) {
        const claim = this.#reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name) as PersistentVolumeClaim | undefined;
        const bound = claim?.spec?.volumeName ?? '';
        const volume = this.#reader.get(PERSISTENT_VOLUMES, '', bound) as PersistentVolume | undefined;
        const ref = volume?.spec?.claimRef;
        if (volume !== undefined && ref?.namespace === namespace && ref.name === name) yield volume;
      }
    }
  }
}

/** Get, list and watch of single objects. */
function readRule(related: Rule): Rule {
  return (node, attributes) => {
    if (!READS.has(attributes.verb)) return none('can only read resources of this type');
    if (attributes.subresource !== '') return none('cannot read subresource');
    if (attributes.namespace === '') return none('can only read namespaced object of this type');
    return related(node, attributes);
  };
}

function getRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'get') return none('can only get individual resources of this type');
    if (attributes.subresource !== '') return none('cannot get subresource');
    if (attributes.name === '') return none('No Object name found');
    return related(node, attributes);
  };
}

function statusRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch') return none('can only get/update/patch this type');
    return related(node, attributes);
  };
}

function tokenRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'create' || attributes.name === '') {
      return none('can only create tokens for individual service accounts');
    }
    if (attributes.subresource !== 'token') return none('can only create token subresource of serviceaccount');
    return related(node, attributes);
  };
}

const leaseRule: Rule = (node, { verb, namespace, name }) => {
  if (!OWN_OBJECT_VERBS.has(verb)) return none('can only get, create, update, patch, or delete a node lease');
  if (namespace !== LEASE_NAMESPACE) return none(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
  // The name of what is created is not known here; NodeRestriction checks it.
  if (verb !== 'create' && name !== node) return none('can only access node lease with the same name as the requesting node');
  return ALLOW;
};

const csiNodeRule: Rule = (node, { verb, subresource, name }) => {
  if (!OWN_OBJECT_VERBS.has(verb)) return none('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return none('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node) return none('can only access CSINode with the same name as the requesting node');
  return ALLOW;
};

function selects(attributes: AuthorizationAttributes, field: string, value: string): boolean {
  return (attributes.fields ?? []).some((term) => term.field === field && term.equal && term.value === value);
}

function sliceRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.subresource !== '') return none('cannot authorize ResourceSlice subresources');
    switch (attributes.verb) {
      case 'create':
        return ALLOW;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return related(node, attributes);
      case 'watch':
      case 'list':
      case 'deletecollection':
        if (selects(attributes, 'spec.nodeName', node)) return ALLOW;
        return none('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return none(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  };
}

function certificateRule(related: Rule): Rule {
  return (node, attributes) => {
    const { verb } = attributes;
    if (attributes.subresource !== '') return none('nodes may not access the status subresource of PodCertificateRequests');
    if (verb === 'create') return ALLOW;
    if (verb === 'get') return related(node, attributes);
    if (verb !== 'list' && verb !== 'watch') return none(`nodes may not ${verb} podcertificaterequests`);
    if (selects(attributes, 'spec.nodeName', node)) return ALLOW;
    return none('can only list/watch podcertificaterequests with nodeName field selector');
  };
}

const ownNodeRule: Rule = (node, { verb, subresource, name }) => {
  const changes = verb === 'update' || verb === 'patch';
  // NodeRestriction limits writes to the node itself.
  if (subresource === 'status') return changes ? ALLOW : none();
  if (subresource !== '') return none();
  if (verb === 'create' || changes) return ALLOW;
  if (!READS.has(verb)) return none();
  if (name === node) return ALLOW;
  return none(
    name === ''
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  );
};

function podRule(related: Rule): Rule {
  return (node, attributes) => {
    const { verb, subresource } = attributes;
    // NodeRestriction limits writes to pods of the node itself.
    if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : none();
    if (subresource === 'eviction') return verb === 'create' ? ALLOW : none();
    if (subresource !== '') return none();
    if (verb === 'create' || verb === 'delete') return ALLOW;
    if (verb === 'get') return related(node, attributes);
    if (verb !== 'list' && verb !== 'watch') return none();
    if (selects(attributes, 'spec.nodeName', node)) return ALLOW;
    if (attributes.name !== '') return related(node, attributes);
    return none('can only list/watch pods with spec.nodeName field selector');
  };
}
