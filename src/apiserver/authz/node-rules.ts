/**
 * What a kubelet may do with each resource, given a rule that knows which objects are related.
 *
 * Source: upstream plugin/pkg/auth/authorizer/node/node_authorizer.go.
 */
import type { AuthorizationAttributes, Decision } from './authorizer.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const READS = new Set(['get', 'list', 'watch']);
const OWN_OBJECT_VERBS = new Set(['get', 'create', 'update', 'patch', 'delete']);

export const ALLOW: Decision = { outcome: 'allow', reason: '' };
export const none = (reason = ''): Decision => ({ outcome: 'none', reason });
export const unrelated = (node: string): Decision =>
  none(`no relationship found between node '${node}' and this object`);

export type Rule = (node: string, attributes: AuthorizationAttributes) => Decision;

/** Get, list and watch of single objects. */
export function readRule(related: Rule): Rule {
  return (node, attributes) => {
    if (!READS.has(attributes.verb)) return none('can only read resources of this type');
    if (attributes.subresource !== '') return none('cannot read subresource');
    if (attributes.namespace === '') return none('can only read namespaced object of this type');
    return related(node, attributes);
  };
}

export function getRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'get') return none('can only get individual resources of this type');
    if (attributes.subresource !== '') return none('cannot get subresource');
    if (attributes.name === '') return none('No Object name found');
    return related(node, attributes);
  };
}

export function statusRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch')
      return none('can only get/update/patch this type');
    return related(node, attributes);
  };
}

export function tokenRule(related: Rule): Rule {
  return (node, attributes) => {
    if (attributes.verb !== 'create' || attributes.name === '') {
      return none('can only create tokens for individual service accounts');
    }
    if (attributes.subresource !== 'token')
      return none('can only create token subresource of serviceaccount');
    return related(node, attributes);
  };
}

export const leaseRule: Rule = (node, { verb, namespace, name }) => {
  if (!OWN_OBJECT_VERBS.has(verb))
    return none('can only get, create, update, patch, or delete a node lease');
  if (namespace !== LEASE_NAMESPACE)
    return none(
      `can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`,
    );
  // The name of what is created is not known here; NodeRestriction checks it.
  if (verb !== 'create' && name !== node)
    return none('can only access node lease with the same name as the requesting node');
  return ALLOW;
};

export const csiNodeRule: Rule = (node, { verb, subresource, name }) => {
  if (!OWN_OBJECT_VERBS.has(verb))
    return none('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return none('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node)
    return none('can only access CSINode with the same name as the requesting node');
  return ALLOW;
};

function selects(attributes: AuthorizationAttributes, field: string, value: string): boolean {
  return (attributes.fields ?? []).some(
    (term) => term.field === field && term.equal && term.value === value,
  );
}

export function sliceRule(related: Rule): Rule {
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
        return none(
          'can only list/watch/deletecollection resourceslices with nodeName field selector',
        );
      default:
        return none(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  };
}

export function certificateRule(related: Rule): Rule {
  return (node, attributes) => {
    const { verb } = attributes;
    if (attributes.subresource !== '')
      return none('nodes may not access the status subresource of PodCertificateRequests');
    if (verb === 'create') return ALLOW;
    if (verb === 'get') return related(node, attributes);
    if (verb !== 'list' && verb !== 'watch')
      return none(`nodes may not ${verb} podcertificaterequests`);
    if (selects(attributes, 'spec.nodeName', node)) return ALLOW;
    return none('can only list/watch podcertificaterequests with nodeName field selector');
  };
}

export const ownNodeRule: Rule = (node, { verb, subresource, name }) => {
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

export function podRule(related: Rule): Rule {
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
