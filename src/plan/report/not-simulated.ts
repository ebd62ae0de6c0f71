/** What the fork could not know or do, by name: each line is a reason to doubt the plan. */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import type { HorizontalPodAutoscaler } from '#api/gen/autoscaling-v2.ts';
import type { PersistentVolumeClaim, Pod, Service } from '#api/gen/core-v1.ts';
import { type KubeObject, parseApiVersion } from '#api/meta/object.ts';
import { admissionWithout } from '../fork/server-choices.ts';
import type { SeenWrite } from '../fork/write-log.ts';
import type { Unread } from '../live/read-cluster.ts';
import type { NotSimulated, PlannedObject } from './plan-result.ts';
import { admissionNotAsked } from './webhooks.ts';

export interface Doubts {
  /** What was read of the cluster. */
  readonly objects: readonly KubeObject[];
  readonly unread: readonly Unread[];
  readonly writes: readonly SeenWrite[];
  readonly changes: readonly PlannedObject[];
  /** Pods that were made on the fork. */
  readonly pods: readonly Pod[];
}

const SCHEDULER = 'default-scheduler';
const POD_SECURITY = 'pod-security.kubernetes.io/enforce';

export function notSimulated(doubts: Doubts): NotSimulated[] {
  const { objects, writes } = doubts;
  const labels = new Map(
    objects
      .filter(({ kind, apiVersion }) => kind === 'Namespace' && apiVersion === 'v1')
      .map(({ metadata }) => [metadata?.name ?? '', metadata?.labels ?? {}]),
  );
  const labelsOf = (name: string): Readonly<Record<string, string>> | undefined => labels.get(name);
  return [
    ...unreadKinds(doubts),
    ...otherServers(doubts),
    ...admissionNotAsked({ objects, writes, labelsOf }),
    ...conversions(doubts),
    ...securityLevels(doubts, labelsOf),
    ...autoscalers(doubts),
    ...infrastructure(doubts),
    ...strangers(doubts),
  ];
}

function unreadKinds({ unread }: Doubts): NotSimulated[] {
  const lines = unread.map(({ resource, reason, namespaces }) => ({
    what: namespaces === undefined ? resource : `${resource} outside of ${namespaces.join(', ')}`,
    why: reason,
  }));
  const plugins = admissionWithout(new Set(unread.map(({ resource }) => resource)));
  return [
    ...lines,
    ...plugins.map((plugin) => ({
      what: `admission plug-in ${plugin}`,
      why: 'it refuses what names objects that could not be read',
    })),
  ];
}

function otherServers({ objects }: Doubts): NotSimulated[] {
  return objects
    .filter((object): object is APIService => object.kind === 'APIService')
    .filter(({ spec }) => spec?.service !== undefined)
    .map(({ metadata, spec }) => ({
      what: `APIService ${metadata?.name ?? ''}`,
      why: `served by ${spec?.service?.namespace ?? ''}/${spec?.service?.name ?? ''}, which is not asked`,
    }));
}

/** Of definitions whose objects were written. */
function conversions({ objects, writes }: Doubts): NotSimulated[] {
  return definitionsIn(objects)
    .filter(({ spec }) => spec?.conversion?.strategy === 'Webhook')
    .filter(({ spec }) =>
      writes.some(({ group, resource }) => group === spec?.group && resource === spec.names.plural),
    )
    .map(({ metadata }) => ({
      what: `CustomResourceDefinition ${metadata?.name ?? ''}`,
      why: 'its conversion webhook is not called',
    }));
}

function definitionsIn(objects: readonly KubeObject[]): CustomResourceDefinition[] {
  return objects.filter(
    (object): object is CustomResourceDefinition => object.kind === 'CustomResourceDefinition',
  );
}

/** What upstream's API server enforces in a namespace, and ours does not yet. */
function securityLevels(
  { writes }: Doubts,
  labelsOf: (name: string) => Readonly<Record<string, string>> | undefined,
): NotSimulated[] {
  const written = new Set(
    writes.filter(({ operation }) => operation === 'CREATE').map(({ namespace }) => namespace),
  );
  return [...written]
    .filter((namespace) => labelsOf(namespace)?.[POD_SECURITY] !== undefined)
    .map((namespace) => ({
      what: `Pod security of Namespace ${namespace}`,
      why: `its level, ${labelsOf(namespace)?.[POD_SECURITY] ?? ''}, is not enforced`,
    }));
}

/** Of workloads that the change touches. */
function autoscalers({ objects, changes }: Doubts): NotSimulated[] {
  const isTouched = ({ metadata, spec }: HorizontalPodAutoscaler): boolean =>
    changes.some(
      ({ kind, namespace, name }) =>
        kind === spec?.scaleTargetRef.kind &&
        name === spec.scaleTargetRef.name &&
        namespace === metadata?.namespace,
    );
  return objects
    .filter(
      (object): object is HorizontalPodAutoscaler => object.kind === 'HorizontalPodAutoscaler',
    )
    .filter(isTouched)
    .map(({ metadata, spec }) => ({
      what: `HorizontalPodAutoscaler ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`,
      why: `it may scale ${spec?.scaleTargetRef.kind ?? ''} ${spec?.scaleTargetRef.name ?? ''}; nothing is measured here`,
    }));
}

/** What somebody outside of Kubernetes would have to bring: machines, volumes, balancers. */
function infrastructure({ objects, changes, pods }: Doubts): NotSimulated[] {
  const touched = changes.filter(({ action }) => action === 'created' || action === 'changed');
  const isTouched = ({ kind, metadata }: KubeObject): boolean =>
    touched.some(
      (change) =>
        change.kind === kind &&
        change.namespace === metadata?.namespace &&
        change.name === metadata?.name,
    );
  const isMounted = ({ metadata }: KubeObject): boolean =>
    pods.some(
      ({ metadata: pod, spec }) =>
        pod?.namespace === metadata?.namespace &&
        spec?.volumes?.some(
          ({ persistentVolumeClaim: claim }) => claim?.claimName === metadata?.name,
        ),
    );
  return objects.flatMap((object) => {
    const { kind = '', metadata } = object;
    const { namespace = '', name = '' } = metadata ?? {};
    if (isNewNode(object, changes))
      return [{ what: `Node ${name}`, why: 'no kubelet runs there: it does not become ready' }];
    if (isUnboundClaim(object) && (isTouched(object) || isMounted(object)))
      return [
        { what: `${kind} ${namespace}/${name}`, why: 'nothing provisions volumes here: it waits' },
      ];
    if (isBalanced(object) && isTouched(object))
      return [{ what: `${kind} ${namespace}/${name}`, why: 'no load balancer is made here' }];
    return [];
  });
}

function isNewNode({ kind, metadata }: KubeObject, changes: readonly PlannedObject[]): boolean {
  if (kind !== 'Node') return false;
  return changes.some(
    (change) =>
      change.kind === 'Node' && change.action === 'created' && change.name === metadata?.name,
  );
}

function isUnboundClaim(object: KubeObject): boolean {
  if (object.kind !== 'PersistentVolumeClaim') return false;
  return (object as PersistentVolumeClaim).status?.phase !== 'Bound';
}

function isBalanced(object: KubeObject): boolean {
  if (object.kind !== 'Service' || object.apiVersion !== 'v1') return false;
  const { spec, status } = object as Service;
  return spec?.type === 'LoadBalancer' && (status?.loadBalancer?.ingress ?? []).length === 0;
}

/** Programs that the fork does not have: other schedulers, controllers of custom resources. */
function strangers({ pods, changes, objects }: Doubts): NotSimulated[] {
  const schedulers = new Set(pods.map(({ spec }) => spec?.schedulerName ?? SCHEDULER));
  schedulers.delete(SCHEDULER);
  const groups = new Set(definitionsIn(objects).map(({ spec }) => spec?.group ?? ''));
  const kinds = new Set(
    changes
      .filter(({ action }) => action !== 'unchanged')
      .filter(({ apiVersion }) => groups.has(parseApiVersion(apiVersion).group))
      .map(({ apiVersion, kind }) => `${apiVersion} ${kind}`),
  );
  return [
    ...[...schedulers].map((name) => ({
      what: `scheduler ${name}`,
      why: 'it does not run here: its pods wait',
    })),
    ...[...kinds].map((kind) => ({
      what: `the controller of ${kind}`,
      why: 'what it would do is not known',
    })),
  ];
}
