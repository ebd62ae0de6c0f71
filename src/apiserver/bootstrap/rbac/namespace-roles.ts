/**
 * Roles inside kube-system and kube-public, by `namespace name`.
 *
 * Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy/namespace_policy.go.
 * `rule-text.ts` says how to read a line.
 */

const LEADER = `
    create get list update watch: leases @ coordination.k8s.io
    create get list update watch: leasecandidates @ coordination.k8s.io
  `;

export const NAMESPACE_ROLES: Readonly<Record<string, string>> = {
  'kube-public system:controller:bootstrap-signer': `
    get list watch: configmaps
    update: configmaps [cluster-info]
    create patch update: events @ core events.k8s.io
  `,
  'kube-system extension-apiserver-authentication-reader': `
    get list watch: configmaps [extension-apiserver-authentication]
  `,
  'kube-system system::leader-locking-kube-controller-manager': LEADER,
  'kube-system system::leader-locking-kube-scheduler': LEADER,
  'kube-system system:controller:bootstrap-signer': `
    get list watch: secrets
  `,
  'kube-system system:controller:cloud-provider': `
    create get list watch: configmaps
  `,
  'kube-system system:controller:token-cleaner': `
    delete get list watch: secrets
    create patch update: events @ core events.k8s.io
  `,
};
