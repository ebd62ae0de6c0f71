/**
 * The flow schemas and priority levels that every cluster has.
 *
 * Those that say `autoupdate-spec: true` are kept as they are here; the mandatory ones (`exempt`,
 * `catch-all`) whatever they say.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go,
 * pkg/registry/flowcontrol/ensurer.
 */
import type {
  FlowSchema,
  FlowSchemaSpec,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '#api/gen/flowcontrol-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Wanted } from './ensure.ts';

const GROUP = 'flowcontrol.apiserver.k8s.io';
const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec';
const MANDATORY = new Set(['exempt', 'catch-all']);

type Rule = NonNullable<FlowSchemaSpec['rules']>[number];
type Subject = Rule['subjects'][number];

const groups = (...names: string[]): Subject[] =>
  names.map((name) => ({ kind: 'Group', group: { name } }));
const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const SYSTEM_ACCOUNTS: Subject = {
  kind: 'ServiceAccount',
  serviceAccount: { namespace: 'kube-system', name: '*' },
};
const EVERYBODY = groups('system:unauthenticated', 'system:authenticated');

const everything = (subjects: Subject[]): Rule => ({
  subjects,
  resourceRules: [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
  ],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});
const resources = (subjects: Subject[], ...rules: NonNullable<Rule['resourceRules']>): Rule => ({
  subjects,
  resourceRules: rules,
});
const LEASES = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };

/** How flows of one schema are told apart. */
type Distinguisher = 'ByUser' | 'ByNamespace' | undefined;

function schema(
  name: string,
  [level, precedence, distinguisher]: readonly [string, number, Distinguisher],
  rule: Rule,
): Wanted<FlowSchema> {
  const spec: FlowSchemaSpec = {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules: [rule],
  };
  return wanted<FlowSchema>('flowschemas', { kind: 'FlowSchema', ...named(name), spec });
}

function level(
  name: string,
  spec: PriorityLevelConfigurationSpec,
): Wanted<PriorityLevelConfiguration> {
  const kind = 'PriorityLevelConfiguration';
  return wanted<PriorityLevelConfiguration>('prioritylevelconfigurations', {
    kind,
    ...named(name),
    spec,
  });
}

function queued(
  name: string,
  [shares, lendable]: readonly [number, number],
  [queues, handSize]: readonly [number, number],
): Wanted<PriorityLevelConfiguration> {
  return level(name, {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent: lendable,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
    },
  });
}

const named = (name: string) => ({
  apiVersion: `${GROUP}/v1`,
  metadata: { name, annotations: { [AUTO_UPDATE]: 'true' } },
});

function wanted<T extends KubeObject & { spec?: object }>(plural: string, object: T): Wanted<T> {
  const isMandatory = MANDATORY.has(object.metadata?.name ?? '');
  return {
    target: { group: GROUP, version: 'v1', plural },
    object,
    reconcile: (existing) => {
      const { annotations } = existing.metadata ?? {};
      if (!isMandatory && annotations?.[AUTO_UPDATE] !== 'true') return undefined;
      const isRight = annotations?.[AUTO_UPDATE] === 'true';
      if (isRight && equalValues(existing.spec, object.spec)) return undefined;
      return {
        ...existing,
        metadata: { ...existing.metadata, annotations: { ...annotations, [AUTO_UPDATE]: 'true' } },
        spec: object.spec,
      };
    },
  };
}

export function priorityLevels(): Wanted<PriorityLevelConfiguration>[] {
  return [
    level('exempt', {
      type: 'Exempt',
      exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 },
    }),
    level('catch-all', {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 5,
        lendablePercent: 0,
        limitResponse: { type: 'Reject' },
      },
    }),
    queued('system', [30, 33], [64, 6]),
    queued('node-high', [40, 25], [64, 6]),
    queued('leader-election', [10, 0], [16, 4]),
    queued('workload-high', [40, 50], [128, 6]),
    queued('workload-low', [100, 90], [128, 6]),
    queued('global-default', [20, 50], [128, 6]),
  ];
}

export function flowSchemas(): Wanted<FlowSchema>[] {
  const electors = [user('system:kube-controller-manager'), user('system:kube-scheduler')];
  const election = { verbs: ['get', 'create', 'update'], ...LEASES };
  const ofNodes = {
    verbs: ['*'],
    apiGroups: [''],
    resources: ['nodes', 'nodes/status'],
    clusterScope: true,
    namespaces: ['*'],
  };
  const probes: Rule = {
    subjects: EVERYBODY,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  };
  const manager = [user('system:kube-controller-manager')];
  const scheduler = [user('system:kube-scheduler')];
  const nodes = groups('system:nodes');
  return [
    schema('exempt', ['exempt', 1, undefined], everything(groups('system:masters'))),
    schema('probes', ['exempt', 2, undefined], probes),
    schema(
      'system-leader-election',
      ['leader-election', 100, 'ByUser'],
      resources([...electors, SYSTEM_ACCOUNTS], election),
    ),
    schema(
      'system-node-high',
      ['node-high', 400, 'ByUser'],
      resources(nodes, ofNodes, { verbs: ['*'], ...LEASES }),
    ),
    schema('system-nodes', ['system', 500, 'ByUser'], everything(nodes)),
    schema('kube-controller-manager', ['workload-high', 800, 'ByNamespace'], everything(manager)),
    schema('kube-scheduler', ['workload-high', 800, 'ByNamespace'], everything(scheduler)),
    schema(
      'kube-system-service-accounts',
      ['workload-high', 900, 'ByNamespace'],
      everything([SYSTEM_ACCOUNTS]),
    ),
    schema(
      'service-accounts',
      ['workload-low', 9000, 'ByUser'],
      everything(groups('system:serviceaccounts')),
    ),
    schema('global-default', ['global-default', 9900, 'ByUser'], everything(EVERYBODY)),
    schema('catch-all', ['catch-all', 10_000, 'ByUser'], everything(EVERYBODY)),
  ];
}
