/**
 * Cluster roles for people: what cluster-admin, admin, edit and view are made of, and what everybody
 * may see.
 *
 * Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go. `rule-text.ts` says
 * how to read a line.
 */

export const USER_ROLES: Readonly<Record<string, string>> = {
  'cluster-admin': `
    *: * @ *
    *: url *
  `,
  'system:aggregate-to-admin': `
    create: localsubjectaccessreviews @ authorization.k8s.io
    create delete deletecollection get list patch update watch: rolebindings roles @
        rbac.authorization.k8s.io
  `,
  'system:aggregate-to-edit': `
    get list watch: pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy
    impersonate: serviceaccounts
    create delete deletecollection patch update: pods pods/attach pods/exec pods/portforward
        pods/proxy
    create: pods/eviction
    create delete deletecollection patch update: configmaps persistentvolumeclaims
        replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services
        services/proxy
    create: serviceaccounts/token
    create delete deletecollection patch update: events @ core events.k8s.io
    create delete deletecollection patch update: daemonsets deployments deployments/rollback
        deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale @ apps
    create delete deletecollection patch update: horizontalpodautoscalers @ autoscaling
    create delete deletecollection patch update: cronjobs jobs @ batch
    create delete deletecollection patch update: daemonsets deployments deployments/rollback
        deployments/scale ingresses networkpolicies replicasets replicasets/scale
        replicationcontrollers/scale @ extensions
    create delete deletecollection patch update: poddisruptionbudgets @ policy
    create delete deletecollection patch update: ingresses networkpolicies @ networking.k8s.io
    create delete deletecollection get list patch update watch: leases @ coordination.k8s.io
    create delete deletecollection patch update: resourceclaims resourceclaimtemplates @
        resource.k8s.io
  `,
  'system:aggregate-to-view': `
    get list watch: configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods
        replicationcontrollers replicationcontrollers/scale serviceaccounts services
        services/status
    get list watch: bindings limitranges namespaces/status pods/log pods/status
        replicationcontrollers/status resourcequotas resourcequotas/status
    get list watch: namespaces
    get list watch: events @ core events.k8s.io
    get list watch: endpointslices @ discovery.k8s.io
    get list watch: controllerrevisions daemonsets daemonsets/status deployments deployments/scale
        deployments/status replicasets replicasets/scale replicasets/status statefulsets
        statefulsets/scale statefulsets/status @ apps
    get list watch: horizontalpodautoscalers horizontalpodautoscalers/status @ autoscaling
    get list watch: cronjobs cronjobs/status jobs jobs/status @ batch
    get list watch: daemonsets daemonsets/status deployments deployments/scale deployments/status
        ingresses ingresses/status networkpolicies replicasets replicasets/scale
        replicasets/status replicationcontrollers/scale @ extensions
    get list watch: poddisruptionbudgets poddisruptionbudgets/status @ policy
    get list watch: ingresses ingresses/status networkpolicies @ networking.k8s.io
    get list watch: resourceclaims resourceclaims/status resourceclaimtemplates @ resource.k8s.io
  `,
  'system:basic-user': `
    create: selfsubjectaccessreviews selfsubjectrulesreviews @ authorization.k8s.io
    create: selfsubjectreviews @ authentication.k8s.io
  `,
  'system:discovery': `
    get: /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/
  `,
  'system:public-info-viewer': `
    get: /healthz /livez /readyz /version /version/
  `,
  'system:monitoring': `
    get: /flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*
        /statusz
    get: nodes/metrics
  `,
  'system:service-account-issuer-discovery': `
    get: /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks
        /openid/v1/jwks/
  `,
};

/** Roles whose rules are those of all roles that bear a label; they may bear one themselves. */
export const AGGREGATED_ROLES: readonly { name: string; gathers: string; aggregatesTo?: string }[] =
  [
    { name: 'admin', gathers: 'admin' },
    { name: 'edit', gathers: 'edit', aggregatesTo: 'admin' },
    { name: 'view', gathers: 'view', aggregatesTo: 'edit' },
  ];

/** The label on the parts: `rbac.authorization.k8s.io/aggregate-to-<role>`. */
export const AGGREGATION_PARTS: Readonly<Record<string, string>> = {
  'system:aggregate-to-admin': 'admin',
  'system:aggregate-to-edit': 'edit',
  'system:aggregate-to-view': 'view',
};
