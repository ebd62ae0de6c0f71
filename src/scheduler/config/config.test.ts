/** What upstream says of configurations: the messages were taken from its own binary. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completedConfig, profilesOf } from '../profile.ts';
import { defaultSchedulerConfig } from './defaults.ts';
import { ConfigError } from '#api/component-config/error.ts';
import { readSchedulerConfig } from './read.ts';
import { argsOf, type SchedulerConfig } from './types.ts';
import { validateSchedulerConfig } from './validate.ts';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

const read = (text: string): SchedulerConfig => readSchedulerConfig(HEAD + text);

/** What is said of the text; empty when it can be used. */
function refusal(text: string): string {
  try {
    const config = readSchedulerConfig(text);
    const problems = validateSchedulerConfig(config).map((problem) => problem.text());
    if (problems.length > 0)
      return problems.length === 1 ? problems.join() : `[${problems.join(', ')}]`;
    profilesOf(completedConfig(config));
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const REFUSED: readonly (readonly [text: string, message: string])[] = [
  [
    `foo: 1
profiles:
- bar: 2
  pluginConfig:
  - name: NodeResourcesFit
    args: {baz: 1}`,
    'strict decoding error: unknown field "foo", unknown field "profiles[0].bar", decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin NodeResourcesFit: strict decoding error: unknown field "baz"',
  ],
  [
    `parallelism: 0
podInitialBackoffSeconds: 0
podMaxBackoffSeconds: -1
percentageOfNodesToScore: 101`,
    '[parallelism: Invalid value: 0: should be an integer value greater than zero, percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100], podInitialBackoffSeconds: Invalid value: 0: must be greater than 0, podMaxBackoffSeconds: Invalid value: -1: must be greater than or equal to PodInitialBackoffSeconds]',
  ],
  [
    `profiles:
- schedulerName: a
- schedulerName: a`,
    'profiles[1].schedulerName: Duplicate value: {}',
  ],
  [
    `profiles:
- schedulerName: a
- {}`,
    'profiles[1].schedulerName: Required value',
  ],
  [
    `profiles:
- {schedulerName: a, plugins: {queueSort: {disabled: [{name: '*'}]}}}
- schedulerName: b`,
    'profiles[1].plugins.queueSort: Invalid value: {"Enabled":null,"Disabled":null}: must be the same for all profiles',
  ],
  [
    `profiles:
- percentageOfNodesToScore: -1`,
    'profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]',
  ],
  [
    `profiles:
- plugins: {queueSort: {enabled: [{name: PrioritySort},{name: PrioritySort}]}}`,
    'profiles[0].plugins.queueSort.Enabled: Invalid value: 2: only one queue sort plugin can be enabled',
  ],
  [
    `extenders: [{prioritizeVerb: a, bindVerb: b, urlPrefix: x, managedResources: [{name: cpu},{name: a/b},{name: a/b},{name: 'a b'}]},{bindVerb: b}]`,
    `[extenders[0].weight: Invalid value: 0: must have a positive weight applied to it, extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name, extenders[0].managedResources[2].name: Invalid value: "a/b": duplicate extender managed resource name, extenders[0].managedResources[3].name: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind]`,
  ],
  [
    `profiles:
- plugins: {filter: {enabled: [{name: Foo}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: FilterPlugin "Foo" does not exist',
  ],
  [
    `profiles:
- plugins: {multiPoint: {enabled: [{name: Foo}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: PreFilterPlugin "Foo" does not exist',
  ],
  [
    `profiles:
- plugins: {filter: {enabled: [{name: PrioritySort}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: plugin "PrioritySort" does not extend FilterPlugin plugin',
  ],
  [
    `profiles:
- plugins: {score: {enabled: [{name: NodeName}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: plugin "NodeName" does not extend ScorePlugin plugin',
  ],
  [
    `profiles:
- plugins: {filter: {enabled: [{name: NodePorts},{name: NodePorts}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: plugin "NodePorts" already registered as "FilterPlugin"',
  ],
  [
    `profiles:
- plugins: {multiPoint: {enabled: [{name: NodePorts},{name: NodePorts}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: plugin "NodePorts" already registered as "PreFilterPlugin"',
  ],
  [
    `profiles:
- plugins: {bind: {disabled: [{name: '*'}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: at least one bind plugin is needed for profile with scheduler name "default-scheduler"',
  ],
  [
    `profiles:
- plugins: {queueSort: {disabled: [{name: PrioritySort}]}}`,
    'initializing profiles: creating profile for scheduler name default-scheduler: only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0',
  ],
  [
    `profiles:
- plugins: {filter: {enabled: [{name: EBSLimits}]}}`,
    'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version "v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
  ],
  [
    'kind: x',
    'no kind "x" is registered for version "kubescheduler.config.k8s.io/v1" in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"',
  ],
  [
    'profiles: {a: 1}',
    'json: cannot unmarshal object into Go struct field KubeSchedulerConfiguration.profiles of type []v1.KubeSchedulerProfile',
  ],
  [
    'podInitialBackoffSeconds: a',
    'json: cannot unmarshal string into Go struct field KubeSchedulerConfiguration.podInitialBackoffSeconds of type int64',
  ],
  [
    'parallelism: 1.5',
    'json: cannot unmarshal number 1.5 into Go struct field KubeSchedulerConfiguration.parallelism of type int32',
  ],
  [
    'leaderElection: {leaseDuration: 5}',
    'json: cannot unmarshal number into Go struct field LeaderElectionConfiguration.leaderElection.leaseDuration of type string',
  ],
  ['leaderElection: {leaseDuration: 5x}', 'time: unknown unit "x" in duration "5x"'],
  [
    'leaderElection: {leaseDuration: 5s, retryPeriod: 20s, resourceLock: foo}',
    '[leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`, leaderElection.resourceLock: Invalid value: "foo": resourceLock value must be "leases"]',
  ],
  [
    'leaderElection: {leaseDuration: -5s, retryPeriod: -2s, renewDeadline: -3s}',
    '[leaderElection.leaseDuration: Invalid value: "-5s": must be greater than zero, leaderElection.renewDeadline: Invalid value: "-3s": must be greater than zero, leaderElection.retryPeriod: Invalid value: "-2s": must be greater than zero, leaderElection.leaseDuration: Invalid value: "-3s": must be greater than `RenewDeadline`]',
  ],
  [
    'clientConnection: {burst: -1, kubeconfig: /tmp/cfgtest/kc.yaml}',
    'clientConnection.burst: Invalid value: -1: must be non-negative',
  ],
  [
    `profiles:
- pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: a}}]`,
    'decoding .profiles[0].pluginConfig[0]: decoding args for plugin VolumeBinding: json: cannot unmarshal string into Go struct field VolumeBindingArgs.bindTimeoutSeconds of type int64',
  ],
  [
    `profiles:
- pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: -1}}]`,
    'profiles[0].pluginConfig[0].args.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value',
  ],
  [
    `profiles:
- pluginConfig: [{name: VolumeBinding, args: {shape: [{utilization: 0, score: 10}]}}]`,
    'profiles[0].pluginConfig[0].args.shape: Invalid value: [{"Utilization":0,"Score":10}]: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring',
  ],
  [
    `profiles:
- pluginConfig: [{name: VolumeBinding, args: {shape: []}}]`,
    'profiles[0].pluginConfig[0].args.shape: Invalid value: []: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring',
  ],
  [
    `profiles:
- pluginConfig: [{name: InterPodAffinity, args: {kind: NodeAffinityArgs, apiVersion: kubescheduler.config.k8s.io/v1}}]`,
    'decoding .profiles[0].pluginConfig[0]: args for plugin InterPodAffinity were not of type InterPodAffinityArgs.kubescheduler.config.k8s.io, got NodeAffinityArgs.kubescheduler.config.k8s.io',
  ],
  [
    `profiles:
- pluginConfig: [{name: InterPodAffinity, args: {kind: Foo, apiVersion: kubescheduler.config.k8s.io/v1}}]`,
    'decoding .profiles[0].pluginConfig[0]: decoding args for plugin InterPodAffinity: no kind "Foo" is registered for version "kubescheduler.config.k8s.io/v1" in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"',
  ],
  [
    `profiles:
- pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]`,
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]',
  ],
  [
    `profiles:
- pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}}]`,
    '[profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute, profiles[0].pluginConfig[0].args.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage]',
  ],
  [
    `profiles:
- pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 101, minCandidateNodesAbsolute: -1}}]`,
    '[profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 101: not in valid range [0, 100], profiles[0].pluginConfig[0].args.minCandidateNodesAbsolute: Invalid value: -1: not in valid range [0, inf)]',
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeResourcesBalancedAllocation, args: {resources: [{name: cpu, weight: 2},{name: cpu}]}}]`,
    '[profiles[0].pluginConfig[0].args.resources[0].weight: Invalid value: 2: must be 1, profiles[0].pluginConfig[0].args.resources[1].name: Duplicate value: "cpu"]',
  ],
  [
    `profiles:
- pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 0, labelSelector: {}}]}}]`,
    '[profiles[0].pluginConfig[0].args.defaultingType: Invalid value: "System": when .defaultConstraints are not empty, profiles[0].pluginConfig[0].args.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf), profiles[0].pluginConfig[0].args.defaultConstraints[0].topologyKey: Required value: can not be empty, profiles[0].pluginConfig[0].args.defaultConstraints[0].whenUnsatisfiable: Required value: can not be empty, profiles[0].pluginConfig[0].args.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod]',
  ],
  [
    `profiles:
- pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: 'a b', whenUnsatisfiable: X},{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule},{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]}}]`,
    `[profiles[0].pluginConfig[0].args.defaultConstraints[0].topologyKey: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), profiles[0].pluginConfig[0].args.defaultConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", "ScheduleAnyway", profiles[0].pluginConfig[0].args.defaultConstraints[2]: Duplicate value: "{z, DoNotSchedule}"]`,
  ],
  [
    `profiles:
- pluginConfig: [{name: PodTopologySpread, args: {defaultingType: Foo}}]`,
    'profiles[0].pluginConfig[0].args.defaultingType: Unsupported value: "Foo": supported values: "System", "List"',
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Foo},{key: 'a b', operator: Exists},{key: a, operator: In},{key: a, operator: Gt, values: [x]},{key: a, operator: Exists, values: [x]}], matchFields: [{key: metadata.name, operator: Foo},{key: metadata.name, operator: In}]}]}}}}]`,
    `[profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Foo": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[2].values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty, profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[3].values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer, profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[4].values: Invalid value: ["x"]: values set must be empty for exists and does not exist, profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator: Unsupported value: "Foo": supported values: "In", "NotIn", profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[1].values: Invalid value: null: must have one element]`,
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {matchExpressions: [{key: b, operator: Bar}]}},{weight: 1, preference: {matchExpressions: [{key: b, operator: Bar}]}}]}}}]`,
    'profiles[0].pluginConfig[0].args.addedAffinity.preferredDuringSchedulingIgnoredDuringExecution[1].matchExpressions[0].operator: Unsupported value: "Bar": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"',
  ],
  [
    `profiles:
- pluginConfig: [{name: DynamicResources, args: {filterTimeout: -1s, bindingTimeout: 900ms}}]`,
    '[profiles[0].pluginConfig[0].args.filterTimeout: Invalid value: "-1s": must be zero or positive, profiles[0].pluginConfig[0].args.bindingTimeout: Invalid value: "900ms": must be at least 1 second]',
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Foo, resources: [{name: cpu, weight: 101}]}, ignoredResources: ['a b'], ignoredResourceGroups: ['a/b']}}]`,
    `initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": [ignoredResources[0]: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), ignoredResourceGroups[0]: Invalid value: "a/b": resource group name can't contain '/', scoringStrategy.type: Unsupported value: "Foo": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio", scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]]`,
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]`,
    'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio',
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 5, score: 11},{utilization: 4, score: -1}]}}}}]`,
    'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": [scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 4: values must be sorted in increasing order, scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 11: not in valid range [0, 10], scoringStrategy.requestedToCapacityRatio.shape[1].score: Invalid value: -1: not in valid range [0, 10]]',
  ],
  [
    `profiles:
- pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated, requestedToCapacityRatio: {}}}}]`,
    'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type is not RequestedToCapacityRatio',
  ],
  [
    `profiles:
- pluginConfig: [{name: VolumeBinding},{name: VolumeBinding},{name: EBSLimits}]`,
    '[profiles[0].pluginConfig[1]: Duplicate value: "VolumeBinding", profiles[0].pluginConfig[2]: Invalid value: "EBSLimits": was invalid in version "v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")]',
  ],
];

const NOT_EVEN_READ: readonly (readonly [text: string, message: string])[] = [
  [
    `kind: KubeSchedulerConfiguration
`,
    `Object 'apiVersion' is missing in 'kind: KubeSchedulerConfiguration
'`,
  ],
  [
    `apiVersion: kubescheduler.config.k8s.io/v1
`,
    `Object 'Kind' is missing in 'apiVersion: kubescheduler.config.k8s.io/v1
'`,
  ],
  ['', `Object 'Kind' is missing in ''`],
  [
    `apiVersion: kubescheduler.config.k8s.io/v1beta3
kind: KubeSchedulerConfiguration
`,
    'no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3" in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"',
  ],
  [
    `apiVersion: kubescheduler.config.k8s.io/v1
kind: Foo
`,
    'no kind "Foo" is registered for version "kubescheduler.config.k8s.io/v1" in scheme "pkg/scheduler/apis/config/scheme/scheme.go:29"',
  ],
  [
    `- a
`,
    `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
  ],
  [
    `${HEAD}parallelism: 1\nparallelism: 2\n`,
    'strict decoding error: yaml: unmarshal errors:\n  line 4: key "parallelism" already set in map',
  ],
  [
    '{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration","parallelism":1,"parallelism":2}',
    'strict decoding error: duplicate field "parallelism"',
  ],
];

describe('a configuration that cannot be used', () => {
  for (const [text, message] of REFUSED)
    it(`is refused in upstream's words: ${text.replaceAll('\n', ' ')}`, () => {
      assert.equal(refusal(HEAD + text), message);
    });
  for (const [text, message] of NOT_EVEN_READ)
    it(`is not read: ${JSON.stringify(text)}`, () => assert.equal(refusal(text), message));

  type Row = [claim: string, text: string, message: string];
  const rows: Row[] = [
    [
      'names a plug-in of upstream that is not there',
      'profiles: [{plugins: {multiPoint: {enabled: [{name: TopologyPlacementGenerator}]}}}]',
      'initializing profiles: creating profile for scheduler name default-scheduler: Cannot use the plug-in "TopologyPlacementGenerator": kube-scheduler has it, cox scheduler does not have it yet',
    ],
    [
      'gives arguments to a plug-in that takes none',
      'profiles: [{pluginConfig: [{name: NodePorts, args: {a: 1}}]}]',
      'Cannot use profiles[0].pluginConfig: there is no plug-in "NodePorts" that takes arguments',
    ],
    [
      'has a filter without what it works out before',
      'profiles: [{plugins: {preFilter: {disabled: [{name: NodePorts}]}}}]',
      'initializing profiles: creating profile for scheduler name default-scheduler: Cannot use the plug-in "NodePorts" at filter alone: it must be enabled at preFilter, too',
    ],
    [
      'has a score without what it works out before',
      'profiles: [{plugins: {preScore: {disabled: [{name: NodeAffinity}]}}}]',
      'initializing profiles: creating profile for scheduler name default-scheduler: Cannot use the plug-in "NodeAffinity" at score alone: it must be enabled at preScore, too',
    ],
    [
      'reserves what no filter has found',
      'profiles: [{plugins: {filter: {disabled: [{name: VolumeBinding}]}}}]',
      'initializing profiles: creating profile for scheduler name default-scheduler: Cannot use the plug-in "VolumeBinding" at reserve alone: it must be enabled at filter, too',
    ],
    [
      'reserves without binding',
      'profiles: [{plugins: {preBind: {disabled: [{name: VolumeBinding}]}}}]',
      'initializing profiles: creating profile for scheduler name default-scheduler: Cannot use the plug-in "VolumeBinding" at reserve alone: it must be enabled at preBind, too',
    ],
  ];
  for (const [claim, text, message] of rows)
    it(`is refused by name when it ${claim}`, () => assert.equal(refusal(HEAD + text), message));
});

describe('defaults', () => {
  it('are those of upstream', () => {
    const { profiles, ...rest } = defaultSchedulerConfig();
    assert.deepEqual(rest, {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      clientConnection: {
        acceptContentTypes: '',
        burst: 100,
        contentType: 'application/vnd.kubernetes.protobuf',
        kubeconfig: '',
        qps: 50,
      },
      enableContentionProfiling: true,
      enableProfiling: true,
      leaderElection: {
        leaderElect: true,
        leaseDuration: '15s',
        renewDeadline: '10s',
        resourceLock: 'leases',
        resourceName: 'kube-scheduler',
        resourceNamespace: 'kube-system',
        retryPeriod: '2s',
      },
      parallelism: 16,
      percentageOfNodesToScore: 0,
      podInitialBackoffSeconds: 1,
      podMaxBackoffSeconds: 10,
    });
    assert.deepEqual(
      profiles.map(({ schedulerName }) => schedulerName),
      ['default-scheduler'],
    );
  });

  it('fill in the arguments of each plug-in that takes some', () => {
    const [profile] = defaultSchedulerConfig().profiles;
    const head = { apiVersion: 'kubescheduler.config.k8s.io/v1' };
    const resources = [
      { name: 'cpu', weight: 1 },
      { name: 'memory', weight: 1 },
    ];
    assert.deepEqual(profile?.pluginConfig, [
      {
        name: 'DefaultPreemption',
        args: {
          ...head,
          kind: 'DefaultPreemptionArgs',
          minCandidateNodesAbsolute: 100,
          minCandidateNodesPercentage: 10,
        },
      },
      {
        name: 'DynamicResources',
        args: {
          ...head,
          kind: 'DynamicResourcesArgs',
          filterTimeout: '10s',
          bindingTimeout: '10m0s',
        },
      },
      {
        name: 'InterPodAffinity',
        args: {
          ...head,
          kind: 'InterPodAffinityArgs',
          hardPodAffinityWeight: 1,
          ignorePreferredTermsOfExistingPods: false,
        },
      },
      { name: 'NodeAffinity', args: { ...head, kind: 'NodeAffinityArgs' } },
      {
        name: 'NodeResourcesBalancedAllocation',
        args: { ...head, kind: 'NodeResourcesBalancedAllocationArgs', resources },
      },
      {
        name: 'NodeResourcesFit',
        args: {
          ...head,
          kind: 'NodeResourcesFitArgs',
          scoringStrategy: { type: 'LeastAllocated', resources },
        },
      },
      {
        name: 'PodTopologySpread',
        args: { ...head, kind: 'PodTopologySpreadArgs', defaultingType: 'System' },
      },
      {
        name: 'VolumeBinding',
        args: { ...head, kind: 'VolumeBindingArgs', bindTimeoutSeconds: 600 },
      },
    ]);
  });

  it('are filled in where the text says zero, or a part', () => {
    const config = read(
      'leaderElection: {leaderElect: false, leaseDuration: 1m}\nenableProfiling: false\nclientConnection: {qps: 0, kubeconfig: k}\nprofiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu}]}}}]}]',
    );
    const { leaderElect, leaseDuration, retryPeriod } = config.leaderElection;
    assert.deepEqual([leaderElect, leaseDuration, retryPeriod], [false, '1m0s', '2s']);
    assert.deepEqual([config.clientConnection.qps, config.clientConnection.kubeconfig], [50, 'k']);
    const [profile] = config.profiles;
    assert.ok(profile);
    assert.deepEqual(argsOf(profile, 'NodeResourcesFit')?.scoringStrategy, {
      type: 'MostAllocated',
      resources: [{ name: 'cpu', weight: 1 }],
    });
  });

  it('leave out the arguments of plug-ins that the profile has not', () => {
    const text =
      'profiles: [{plugins: {multiPoint: {disabled: [{name: VolumeBinding}]}}, pluginConfig: [{name: VolumeBinding}]}]';
    const [profile] = completedConfig(read(text)).profiles;
    assert.ok(profile);
    assert.equal(argsOf(profile, 'VolumeBinding'), undefined);
    assert.notEqual(argsOf(profile, 'NodeAffinity'), undefined);
  });

  it('are changed in place by a plug-in that multiPoint names again', () => {
    const text =
      'profiles: [{plugins: {multiPoint: {enabled: [{name: NodeResourcesFit, weight: 7}, {name: PrioritySort}]}}}]';
    const plugins = (config: SchedulerConfig) => config.profiles[0]?.plugins.multiPoint.enabled;
    assert.deepEqual(
      plugins(read(text)),
      plugins(defaultSchedulerConfig())?.map((each) =>
        each.name === 'NodeResourcesFit' ? { ...each, weight: 7 } : each,
      ),
    );
  });

  it('have NodeResourcesFit leave alone what extenders look after', () => {
    const text =
      'extenders: [{urlPrefix: "http://x", managedResources: [{name: a/b, ignoredByScheduler: true}, {name: a/c}]}]';
    const { extenders, profiles } = completedConfig(read(text));
    const [profile] = profiles;
    assert.ok(profile);
    assert.deepEqual(argsOf(profile, 'NodeResourcesFit')?.ignoredResources, ['a/b']);
    assert.equal(extenders?.[0]?.httpTimeout, '5s');
  });
});
