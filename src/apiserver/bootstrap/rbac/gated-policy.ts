/**
 * What feature gates add to the bootstrap policy, in the notation of `rule-text.ts`.
 *
 * Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go and
 * controller_policy.go.
 */
import type { FeatureGates, HonouredGate } from '#api/features/feature-gates.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import { parseRules } from './rule-text.ts';

/** Each by the name of the role. */
export interface GatedPolicy {
  /** For the end of roles of people and components that are there without the gate too. */
  readonly rules?: Readonly<Record<string, string>>;
  readonly roles?: Readonly<Record<string, string>>;
  /** Who has `roles`. */
  readonly bindings?: Readonly<Record<string, readonly string[]>>;
  /** Roles of controllers, which are bound to their service accounts. */
  readonly controllerRoles?: Readonly<Record<string, string>>;
}

const GATED_POLICIES: Partial<Record<HonouredGate, GatedPolicy>> = {
  ClusterTrustBundle: {
    rules: {
      'system:node': `
        get list watch: clustertrustbundles @ certificates.k8s.io
      `,
    },
    roles: {
      'system:cluster-trust-bundle-discovery': `
        get list watch: clustertrustbundles @ certificates.k8s.io
      `,
    },
    bindings: {
      'system:cluster-trust-bundle-discovery': ['Group system:serviceaccounts'],
    },
    controllerRoles: {
      'kube-apiserver-serving-clustertrustbundle-publisher': `
        attest: signers [kubernetes.io/kube-apiserver-serving] @ certificates.k8s.io
        create delete list update watch: clustertrustbundles @ certificates.k8s.io
        create patch update: events @ core events.k8s.io
      `,
    },
  },
  DRAResourcePoolStatus: {
    controllerRoles: {
      'resourcepoolstatusrequest-controller': `
        delete get list watch: resourcepoolstatusrequests @ resource.k8s.io
        patch update: resourcepoolstatusrequests/status @ resource.k8s.io
        get list watch: resourceslices @ resource.k8s.io
        get list watch: resourceclaims @ resource.k8s.io
        create patch update: events @ core events.k8s.io
      `,
    },
  },
  GenericWorkload: {
    rules: {
      'system:aggregate-to-edit': `
        create delete deletecollection patch update: podgroups workloads @ scheduling.k8s.io
      `,
      'system:aggregate-to-view': `
        get list watch: podgroups podgroups/status workloads @ scheduling.k8s.io
      `,
      'system:kube-scheduler': `
        get list watch: podgroups @ scheduling.k8s.io
        patch update: podgroups/status @ scheduling.k8s.io
      `,
    },
    controllerRoles: {
      'podgroup-protection-controller': `
        get list update watch: podgroups @ scheduling.k8s.io
        get list watch: pods
      `,
    },
  },
  PodCertificateRequest: {
    rules: {
      'system:node': `
        create get list watch: podcertificaterequests @ certificates.k8s.io
      `,
    },
    controllerRoles: {
      podcertificaterequestcleaner: `
        delete get list watch: podcertificaterequests @ certificates.k8s.io
      `,
    },
  },
  StorageVersionAPI: {
    controllerRoles: {
      'storage-version-garbage-collector': `
        get list watch: leases @ coordination.k8s.io
        delete get list patch update watch: storageversions @ internal.apiserver.k8s.io
        get patch update: storageversions/status @ internal.apiserver.k8s.io
      `,
    },
  },
  StorageVersionMigrator: {
    controllerRoles: {
      'storage-version-migrator-controller': `
        create list patch: * @ *
        get: customresourcedefinitions @ apiextensions.k8s.io
        patch: customresourcedefinitions/status @ apiextensions.k8s.io
        update: storageversionmigrations/status @ storagemigration.k8s.io
      `,
    },
  },
};

/** What the gates that are on add. */
export function gatedPolicies(gates: FeatureGates): GatedPolicy[] {
  const all = Object.entries(GATED_POLICIES) as [HonouredGate, GatedPolicy][];
  return all.filter(([gate]) => gates.enabled(gate)).map(([, policy]) => policy);
}

/** Rules that the gates that are on add to a role of people or components. */
export function gatedRules(policies: readonly GatedPolicy[], role: string): PolicyRule[] {
  return policies.flatMap(({ rules }) => {
    const text = rules?.[role];
    return text === undefined ? [] : parseRules(text);
  });
}
