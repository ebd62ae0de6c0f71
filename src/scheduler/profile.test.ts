/** Which plug-ins a profile has, and what it has them do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aNode, aPod, decide, place, snapshotOf } from '#kit/scheduler-world.ts';
import { readSchedulerConfig } from './config/read.ts';
import { completedConfig, type Profile, profilesOf } from './profile.ts';
import { PLUGINS } from './plugins/order.ts';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function profile(text: string): Profile {
  const config = readSchedulerConfig(`${HEAD}profiles: [{${text}}]`);
  const [first] = profilesOf(completedConfig(config));
  assert.ok(first);
  return first;
}

const filters = ({ plugins }: Profile): string[] =>
  plugins.filter((plugin) => plugin.preFilter !== undefined).map(({ name }) => name);
const scores = ({ plugins }: Profile): string[] =>
  plugins
    .filter((plugin) => plugin.preScore !== undefined)
    .map(({ name, weight }) => `${name} ${weight}`);

describe('the plug-ins of a profile', () => {
  it('without a word are the default ones, with their weights', () => {
    const all = profile('');
    const has = (point: 'preFilter' | 'preScore') =>
      PLUGINS.filter((plugin) => plugin[point] !== undefined);
    assert.deepEqual(
      filters(all),
      has('preFilter').map(({ name }) => name),
    );
    assert.deepEqual(
      scores(all).toSorted(),
      has('preScore')
        .map(({ name, weight }) => `${name} ${weight}`)
        .toSorted(),
    );
    assert.deepEqual(
      all.plugins
        .filter((plugin) => plugin.preEnqueue !== undefined || plugin.less !== undefined)
        .map(({ name }) => name),
      ['SchedulingGates', 'DynamicResources', 'PrioritySort'],
    );
  });

  type Row = [claim: string, text: string, filters: string[], scores: string[]];
  const rows: Row[] = [
    [
      'are none at a point where all are disabled, but those that it names',
      'plugins: {filter: {disabled: [{name: "*"}], enabled: [{name: NodeName}]}, preFilter: {disabled: [{name: "*"}]}, reserve: {disabled: [{name: "*"}]}, preBind: {disabled: [{name: "*"}]}, score: {disabled: [{name: "*"}], enabled: [{name: ImageLocality, weight: 9}]}}',
      ['NodeName'],
      ['ImageLocality 9'],
    ],
    [
      'are those of multiPoint alone when it disables the default ones',
      'plugins: {multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeAffinity, weight: 5}, {name: TaintToleration}]}}',
      ['NodeAffinity', 'TaintToleration'],
      ['NodeAffinity 5', 'TaintToleration 1'],
    ],
    [
      'come first when the point names what multiPoint has, too',
      'plugins: {multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}, {name: NodePorts}]}, filter: {enabled: [{name: NodeUnschedulable}, {name: NodePorts}]}}',
      ['NodePorts', 'NodeName', 'NodeUnschedulable'],
      [],
    ],
    [
      'have the weight of the point rather than that of multiPoint',
      'plugins: {multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: ImageLocality, weight: 3}]}, score: {enabled: [{name: ImageLocality, weight: 4}]}}',
      [],
      ['ImageLocality 4'],
    ],
  ];
  for (const [claim, text, wantedFilters, wantedScores] of rows)
    it(claim, () => {
      const made = profile(text);
      assert.deepEqual(filters(made), wantedFilters);
      assert.deepEqual(scores(made), wantedScores);
    });

  it('that are no filter any more let every node, but still refuse a pod for good', () => {
    const { plugins } = profile('plugins: {filter: {disabled: [{name: NodeAffinity}]}}');
    const world = { nodes: [aNode('a')] };
    assert.equal(place(world, aPod('p', { nodeSelector: { disk: 'ssd' } }), plugins), 'a');
    const fields = (name: string) => ({
      key: 'metadata.name',
      operator: 'In' as const,
      values: [name],
    });
    const matchFields = [fields('a'), fields('b')];
    const terms = { nodeSelectorTerms: [{ matchFields }] };
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: terms };
    assert.equal(
      place(world, aPod('p', { affinity: { nodeAffinity } }), plugins),
      '0/1 nodes are available: pod affinity terms conflict.',
    );
  });

  it('that reserve nothing any more are asked for nothing but their filter', () => {
    const off = '{disabled: [{name: VolumeBinding}]}';
    const reserves = (text: string): boolean => {
      const { plugins } = profile(text);
      const claim = {
        metadata: { name: 'c', namespace: 'default' },
        spec: { storageClassName: 'later' },
      };
      const cluster = snapshotOf({
        nodes: [aNode('a')],
        objects: {
          claim: () => claim,
          storageClass: () => ({
            metadata: { name: 'later' },
            provisioner: 'example.com/disks',
            volumeBindingMode: 'WaitForFirstConsumer',
          }),
        },
      });
      const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
      const result = decide(cluster, aPod('p', { volumes }), plugins);
      const node = cluster.node('a');
      assert.ok('node' in result && node !== undefined);
      return result.run.filters.some((filter) => filter.reserve?.(node) !== undefined);
    };
    assert.equal(reserves(''), true);
    assert.equal(reserves(`plugins: {reserve: ${off}, preBind: ${off}}`), false);
  });

  it('have the arguments that it gives them', () => {
    const added =
      '{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Exists}]}]}}';
    const { plugins } = profile(
      `pluginConfig: [{name: NodeAffinity, args: {addedAffinity: ${added}}}]`,
    );
    assert.equal(
      place({ nodes: [aNode('a')] }, aPod('p'), plugins),
      "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.",
    );
  });
});

describe('a profile', () => {
  it('makes no room without DefaultPreemption at postFilter', () => {
    const off = profile('plugins: {postFilter: {disabled: [{name: DefaultPreemption}]}}');
    assert.deepEqual([off.preemption, off.waitsForPreemption], [undefined, true]);
    const args = 'pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesAbsolute: 7}}]';
    assert.equal(profile(args).preemption?.minCandidateNodesAbsolute, 7);
    assert.equal(profile(args).preemption?.minCandidateNodesPercentage, 10);
  });

  it('looks at its own share of nodes, or that of the whole', () => {
    const text = `${HEAD}percentageOfNodesToScore: 30\nprofiles: [{schedulerName: a}, {schedulerName: b, percentageOfNodesToScore: 70}]`;
    assert.deepEqual(
      profilesOf(readSchedulerConfig(text)).map((each) => each.percentageOfNodesToScore),
      [30, 70],
    );
  });

  it('gives volumes the time that VolumeBinding says', () => {
    const args = 'pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: 5}}]';
    assert.equal(profile(args).bindTimeoutMs, 5_000);
  });
});
