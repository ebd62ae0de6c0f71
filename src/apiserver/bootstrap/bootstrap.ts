/**
 * What the API server makes before it says that it is ready.
 *
 * Everything goes through the server's own handler, as user system:apiserver, all at once but for
 * what must be there first; on later starts a look at the cache is all there is to do.
 */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '#api/gen/rbac-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { CLUSTER_ROLES } from '../admission/targets.ts';
import { defaultServiceCidr } from './default-service-cidr.ts';
import { timeText } from '#api/meta/time.ts';
import { messageOf } from '#base/error.ts';
import { ensure, type KeepingServices as Services, type Wanted } from './ensure.ts';
import { LocalClient, type VersionedTarget } from './local-client.ts';
import { flowSchemas, priorityLevels } from './flow-control.ts';
import { aggregatedRules } from '#api/rbac/aggregation.ts';
import { rbacPolicy } from './rbac-policy.ts';
import { reconcileBinding, reconcileRole } from './rbac-reconcile.ts';
import {
  authenticationConfigMap,
  ownService,
  type SystemOptions,
  systemNamespaces,
  systemPriorityClasses,
  tokenTrackingConfigMap,
} from './system-objects.ts';

export interface BootstrapOptions {
  readonly environment: Environment;
  readonly handler: Handler;
  readonly reader: ObjectReader;
  readonly options: SystemOptions;
  readonly gates: FeatureGates;
}

/** What is made anew when it goes while the server runs; the rest is looked at when it starts. */
export function keptObjects(environment: Environment, options: SystemOptions): Wanted[] {
  return [
    ...systemNamespaces(),
    defaultServiceCidr(options.serviceClusterIpRange),
    ...authentication(options),
    tokenTracking(environment),
    ...flowControl(),
  ];
}

function tokenTracking({ clock }: Environment): Wanted<ConfigMap> {
  return tokenTrackingConfigMap(timeText(clock.now()));
}

function flowControl(): Wanted[] {
  return [...priorityLevels(), ...flowSchemas()];
}

function authentication(options: SystemOptions): Wanted<ConfigMap>[] {
  const isEmpty = options.clientCa === '' && options.frontProxy === undefined;
  return isEmpty ? [] : [authenticationConfigMap(options)];
}

/** Rejects when something that the cluster cannot be without could not be made. */
export async function bootstrap({
  environment,
  handler,
  reader,
  options,
  gates,
}: BootstrapOptions): Promise<void> {
  const services: Services = { environment, reader, client: new LocalClient(handler) };
  await Promise.all([
    all(services, systemNamespaces()),
    ensure(services, defaultServiceCidr(options.serviceClusterIpRange)),
  ]);
  // The allocator must have seen the range.
  await reader.catchUp();
  await Promise.all([
    all(services, systemPriorityClasses()),
    all(services, flowControl()),
    all(services, authentication(options)),
    ensure(services, tokenTracking(environment)),
    makeService(services, options),
    makePolicy(services, gates),
  ]);
}

async function all<T extends KubeObject>(
  services: Services,
  wanted: readonly Wanted<T>[],
): Promise<void> {
  await Promise.all(wanted.map((one) => ensure(services, one)));
}

/** Its address may be taken, or lie outside the ranges of an older start; it is tried again. */
async function makeService(services: Services, options: SystemOptions): Promise<void> {
  try {
    await ensure(services, ownService(options));
  } catch (error) {
    services.environment.log.warn('the Service of this server cannot be made', {
      error: messageOf(error),
    });
  }
}

const rbac = (plural: string): VersionedTarget => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
});

async function makePolicy(services: Services, gates: FeatureGates): Promise<void> {
  const policy = rbacPolicy(gates);
  const roles = policy.clusterRoles.map(
    (object): Wanted<ClusterRole> => ({
      target: rbac('clusterroles'),
      object,
      reconcile: (existing) => reconcileRole(existing, expectedRole(object, services.reader)),
    }),
  );
  await Promise.all([
    all(services, roles),
    all(services, bindings('clusterrolebindings', policy.clusterRoleBindings)),
    all<Role>(
      services,
      policy.roles.map((object) => ({
        target: rbac('roles'),
        object,
        reconcile: (existing) => reconcileRole(existing, object),
      })),
    ),
    all(services, bindings('rolebindings', policy.roleBindings)),
  ]);
}

function bindings<T extends RoleBinding | ClusterRoleBinding>(
  plural: string,
  objects: readonly T[],
): Wanted<T>[] {
  return objects.map((object) => ({
    target: rbac(plural),
    object,
    reconcile: (existing) => reconcileBinding(existing, object),
  }));
}

/** An aggregated role gathers what others have labelled, too. */
function expectedRole(role: ClusterRole, reader: ObjectReader): ClusterRole {
  if (role.aggregationRule === undefined) return role;
  const gathered = aggregatedRules(role, reader.list(CLUSTER_ROLES) as Iterable<ClusterRole>);
  const missing = gathered.filter((rule) => !role.rules.some((own) => equalValues(own, rule)));
  return { ...role, rules: [...role.rules, ...missing] };
}
