/** Plug-ins that are off unless they are asked for, and change or refuse pods. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, PodSpec, Toleration } from '#api/gen/core-v1.ts';
import { AdmissionBench } from '#kit/admission.ts';
import { TestApiServer } from '#kit/api-server.ts';
import type { PluginConfigurations } from '../options.ts';
import { NAMESPACES } from '../targets.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { limitPodHardAntiAffinityTopology } from './pod-anti-affinity.ts';
import { podNodeSelector } from './pod-node-selector.ts';
import { podTolerationRestriction } from './pod-toleration-restriction.ts';

const PODS = '/api/v1/namespaces/default/pods';

function pod(spec: Partial<PodSpec> = {}): Pod & { spec: PodSpec } {
  return { metadata: { name: 'web' }, spec: { containers: [{ name: 'a', image: 'i' }], ...spec } };
}

/** A server with these plug-ins on, and pods that need no service account. */
const server = (enabled: readonly string[], configuration: PluginConfigurations = {}) =>
  TestApiServer.start({ admission: { enabled, disabled: ['ServiceAccount'], configuration } });

const annotated = (annotations: Record<string, string>) => ({
  metadata: { name: 'default', annotations },
});

describe('AlwaysPullImages', () => {
  const bench = new AdmissionBench();
  const spec = (image = 'i'): Partial<PodSpec> => ({
    containers: [{ name: 'a', image }],
    initContainers: [{ name: 'b', image, imagePullPolicy: 'Never' }],
    ephemeralContainers: [{ name: 'c', image }],
    volumes: [{ name: 'v', image: { reference: 'r', pullPolicy: 'IfNotPresent' } }, { name: 'w' }],
  });
  const policies = ({
    spec: { containers, initContainers, ephemeralContainers, volumes },
  }: ReturnType<typeof pod>) => [
    ...[...containers, ...(initContainers ?? []), ...(ephemeralContainers ?? [])].map(
      ({ imagePullPolicy }) => imagePullPolicy,
    ),
    volumes?.[0]?.image?.pullPolicy,
  ];

  it('has every image asked for', async () => {
    const object = pod(spec());
    assert.equal(await bench.run(alwaysPullImages, { plural: 'pods', object }), 'admitted');
    assert.deepEqual(policies(object), ['Always', 'Always', 'Always', 'Always']);
  });

  it('leaves updates alone that bring no image', async () => {
    const update = async (object: object, old: object, subresource = ''): Promise<void> => {
      const asked = { plural: 'pods', operation: 'UPDATE' as const, object, old, subresource };
      assert.equal(await bench.run(alwaysPullImages, asked), 'admitted');
    };
    const [same, other, view] = [pod(spec()), pod(spec('j')), pod(spec('j'))];
    await update(same, pod(spec()));
    await update(other, pod(spec()));
    await update(view, pod(spec()), 'resize');
    assert.deepEqual(policies(same), [undefined, 'Never', undefined, 'IfNotPresent']);
    assert.deepEqual(policies(other), ['Always', 'Always', 'Always', 'Always']);
    assert.deepEqual(policies(view), [undefined, 'Never', undefined, 'IfNotPresent']);
  });

  it('refuses what was changed after it', async () => {
    const attributes = bench.attributes({ plural: 'pods', object: pod(spec()) });
    const at = (path: string, policy: string): string =>
      `pods "web" is forbidden: spec.${path}: Unsupported value: "${policy}": supported values: "Always"`;
    await assert.rejects(async () => alwaysPullImages.validate?.(attributes), {
      code: 500,
      message: `[${[
        at('initContainers[0].imagePullPolicy', 'Never'),
        at('containers[0].imagePullPolicy', ''),
        at('ephemeralContainers[0].imagePullPolicy', ''),
        at('volumes[0].image.pullPolicy', 'IfNotPresent'),
      ].join(', ')}]`,
    });
  });

  it('does so in an API server that has it on', async () => {
    const made = await (await server(['AlwaysPullImages'])).must(`POST ${PODS}`, pod());
    assert.equal(made.spec.containers[0].imagePullPolicy, 'Always');
  });
});

describe('LimitPodHardAntiAffinityTopology', () => {
  const apart = (topologyKey: string, kind = 'podAntiAffinity') =>
    pod({
      affinity: {
        [kind]: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: {} },
            { topologyKey, labelSelector: {} },
          ],
        },
      },
    });
  const REFUSED =
    '403 pods "web" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed';

  it('lets pods keep others off a node, and off nothing larger', async () => {
    const bench = new AdmissionBench();
    const run = (object: object, subresource = '') =>
      bench.run(limitPodHardAntiAffinityTopology, { plural: 'pods', object, subresource });
    assert.equal(await run(apart('zone')), REFUSED);
    assert.equal(await run(apart('kubernetes.io/hostname')), 'admitted');
    assert.equal(await run(apart('zone', 'podAffinity')), 'admitted');
    assert.equal(await run(apart('zone'), 'status'), 'admitted');
    assert.equal(await run(pod()), 'admitted');
  });

  it('does so in an API server that has it on', async () => {
    const api = await server(['LimitPodHardAntiAffinityTopology']);
    assert.equal(await api.refusal(`POST ${PODS}`, apart('zone')), REFUSED);
  });
});

describe('ExtendedResourceToleration', () => {
  const asking = (requests: Record<string, string>): Container => ({
    name: 'a',
    image: 'i',
    resources: { requests },
  });
  const toleration = (key: string): Toleration => ({
    key,
    operator: 'Exists',
    effect: 'NoSchedule',
  });

  it('tolerates the taints of the resources that are asked for', async () => {
    const rows: [spec: Partial<PodSpec>, tolerations: Toleration[] | undefined][] = [
      [{}, undefined],
      [
        { containers: [asking({ cpu: '1', 'kubernetes.io/x': '1', 'hugepages-2Mi': '1' })] },
        undefined,
      ],
      [
        {
          containers: [asking({ 'b.com/y': '1' })],
          initContainers: [asking({ 'a.com/x': '1', 'b.com/y': '1' })],
        },
        [toleration('a.com/x'), toleration('b.com/y')],
      ],
      [
        {
          containers: [asking({ 'a.com/x': '1' })],
          tolerations: [
            { ...toleration('a.com/x'), tolerationSeconds: 5 },
            { key: 'a.com/x', operator: 'Equal' },
          ],
        },
        [toleration('a.com/x'), { key: 'a.com/x', operator: 'Equal' }],
      ],
      [
        {
          containers: [asking({ 'a.com/x': '1' })],
          tolerations: [{ ...toleration('a.com/x'), value: 'v' }],
        },
        [{ ...toleration('a.com/x'), value: 'v' }, toleration('a.com/x')],
      ],
      [
        {
          containers: [asking({ 'a.com/x': '1' })],
          tolerations: [{ key: 'a.com/x', operator: 'Exists' }],
        },
        [{ key: 'a.com/x', operator: 'Exists' }, toleration('a.com/x')],
      ],
    ];
    for (const [spec, tolerations] of rows) {
      const object = pod(spec);
      await new AdmissionBench().run(extendedResourceToleration, { plural: 'pods', object });
      assert.deepEqual(object.spec.tolerations, tolerations);
    }
  });

  it('does so in an API server that has it on', async () => {
    const api = await server(['ExtendedResourceToleration']);
    const resources = { limits: { 'a.com/x': '1' } };
    const made = await api.must(
      `POST ${PODS}`,
      pod({ containers: [{ name: 'a', image: 'i', resources }] }),
    );
    assert.deepEqual(made.spec.tolerations.at(-1), toleration('a.com/x'));
  });
});

describe('PodNodeSelector', () => {
  const KEY = 'scheduler.alpha.kubernetes.io/node-selector';
  const selectors = { clusterDefaultNodeSelector: 'env = test,', default: 'env=test,zone=a' };
  const run = async (
    nodeSelector: Record<string, string> | undefined,
    annotations: Record<string, string>,
    nodeSelectors: Record<string, string> = {},
  ): Promise<unknown> => {
    const bench = new AdmissionBench({ nodeSelectors });
    bench.reader.put(NAMESPACES, annotated(annotations));
    const object = pod(nodeSelector === undefined ? {} : { nodeSelector });
    const said = await bench.run(podNodeSelector(bench.services), { plural: 'pods', object });
    return said === 'admitted' ? object.spec.nodeSelector : said;
  };
  const CONFLICT =
    '403 pods "web" is forbidden: pod node label selector conflicts with its namespace node label selector';
  const BEYOND =
    '403 pods "web" is forbidden: pod node label selector labels conflict with its namespace whitelist';

  it('gives the selector of the namespace, or else of the cluster', async () => {
    assert.deepEqual(await run({ a: 'b' }, { [KEY]: ' env =test , zone=a' }), {
      a: 'b',
      env: 'test',
      zone: 'a',
    });
    assert.equal(await run(undefined, {}), undefined);
    assert.deepEqual(await run(undefined, {}, { clusterDefaultNodeSelector: 'x=y' }), { x: 'y' });
    assert.equal(
      await run(undefined, { [KEY]: '' }, { clusterDefaultNodeSelector: 'x=y' }),
      undefined,
    );
  });

  it('refuses what contradicts it, or goes beyond what the namespace may use', async () => {
    assert.equal(await run({ env: 'prod' }, { [KEY]: 'env=test' }), CONFLICT);
    assert.deepEqual(await run({ zone: 'a' }, {}, { default: 'zone=a,b=c' }), { zone: 'a' });
    assert.equal(await run({ zone: 'b' }, {}, { default: 'zone=a,b=c' }), BEYOND);
    assert.equal(await run({ d: 'e' }, {}, { default: 'zone=a' }), BEYOND);
    assert.deepEqual(await run({ d: 'e' }, {}, { other: 'zone=a' }), { d: 'e' });
  });

  it('says what is wrong with a selector', async () => {
    assert.equal(await run(undefined, {}, selectors), '500 invalid selector: []');
    assert.equal(await run(undefined, { [KEY]: 'a=b=c' }), '500 invalid selector: [a b c]');
    assert.match(
      String(await run(undefined, { [KEY]: '-=b' })),
      /^500 <nil>: Invalid value: "-": /,
    );
    assert.match(
      String(await run(undefined, { [KEY]: 'a=-' })),
      /^500 <nil>: Invalid value: "-": /,
    );
    const bench = new AdmissionBench();
    assert.equal(
      await bench.run(podNodeSelector(bench.services), { plural: 'pods', object: pod() }),
      '500 Internal error occurred: namespace default does not exist',
    );
  });

  it('does so in an API server that has it on, to new pods alone', async () => {
    const api = await server(['PodNodeSelector'], {
      nodeSelectors: { clusterDefaultNodeSelector: 'x=y' },
    });
    const made = await api.must(`POST ${PODS}`, pod());
    assert.deepEqual(made.spec.nodeSelector, { x: 'y' });
    await api.must('PATCH /api/v1/namespaces/default', {
      metadata: { annotations: { [KEY]: 'x=z' } },
    });
    assert.equal(
      await api.refusal(`POST ${PODS}`, {
        ...pod({ nodeSelector: { x: 'y' } }),
        metadata: { name: 'b' },
      }),
      CONFLICT.replace('web', 'b'),
    );
    assert.equal(
      (await api.call(`PATCH ${PODS}/web`, { metadata: { labels: { a: 'b' } } })).status,
      200,
    );
  });
});

describe('PodTolerationRestriction', () => {
  const KEY = 'scheduler.alpha.kubernetes.io/';
  const exists = (key: string): Toleration => ({ key, operator: 'Exists' });
  const memory: Toleration = {
    ...exists('node.kubernetes.io/memory-pressure'),
    effect: 'NoSchedule',
  };
  interface World {
    readonly defaults?: string;
    readonly whitelist?: string;
    readonly cluster?: { default: Toleration[]; whitelist: Toleration[] };
    readonly old?: Pod;
  }
  const run = async (
    spec: Partial<PodSpec>,
    { defaults, whitelist, cluster, old }: World,
  ): Promise<unknown> => {
    const bench = new AdmissionBench(cluster === undefined ? {} : { podTolerations: cluster });
    bench.reader.put(
      NAMESPACES,
      annotated({
        ...(defaults === undefined ? {} : { [`${KEY}defaultTolerations`]: defaults }),
        ...(whitelist === undefined ? {} : { [`${KEY}tolerationsWhitelist`]: whitelist }),
      }),
    );
    const object = pod(spec);
    const said = await bench.run(podTolerationRestriction(bench.services), {
      plural: 'pods',
      object,
      ...(old === undefined ? {} : { old, operation: 'UPDATE' as const }),
    });
    return said === 'admitted' ? object.spec.tolerations : said;
  };
  const json = (...tolerations: Toleration[]): string => JSON.stringify(tolerations);
  const refused = (scope: string): string =>
    `500 pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`;
  const cluster = { default: [exists('c')], whitelist: [exists('c'), exists('w')] };

  it('adds those of the namespace, or else of the cluster, to a new pod', async () => {
    assert.deepEqual(
      await run({}, { defaults: json(exists('n')), cluster: { ...cluster, whitelist: [] } }),
      [exists('n')],
    );
    assert.deepEqual(await run({ tolerations: [exists('w')] }, { cluster }), [
      exists('c'),
      exists('w'),
    ]);
    assert.deepEqual(await run({}, { defaults: '', cluster }), undefined);
    assert.deepEqual(await run({}, {}), undefined);
    assert.deepEqual(await run({}, { defaults: json(exists('n')), old: pod() }), undefined);
  });

  it('lets who asks for resources stay where memory is short', async () => {
    const containers: Container[] = [
      { name: 'a', image: 'i', resources: { requests: { cpu: '1' } } },
    ];
    assert.deepEqual(await run({ containers }, {}), [memory]);
    const all: Toleration[] = [{ operator: 'Exists' }];
    assert.deepEqual(await run({ containers, tolerations: all }, {}), all);
  });

  it('merges what holds another', async () => {
    const rows: [first: Toleration[], second: Toleration[], merged: Toleration[]][] = [
      [[exists('a')], [exists('a')], [exists('a')]],
      [[exists('a'), exists('b')], [exists('a')], [exists('a'), exists('b')]],
      [
        [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
        [{ ...exists('a'), effect: 'NoExecute', tolerationSeconds: 5 }],
        [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
      ],
      [
        [{ key: 'a', operator: 'Equal' }],
        [{ ...exists('a'), effect: 'NoSchedule' }],
        [
          { key: 'a', operator: 'Equal' },
          { ...exists('a'), effect: 'NoSchedule' },
        ],
      ],
      [[{ key: 'a', operator: 'Equal', value: 'x' }], [exists('a')], [exists('a')]],
      [[exists('a')], [{ key: 'a', operator: 'Equal', value: 'x' }], [exists('a')]],
      [
        [{ key: 'a', operator: 'Equal', value: 'x' }],
        [{ key: 'a', operator: 'Equal', value: 'y' }],
        [
          { key: 'a', operator: 'Equal', value: 'x' },
          { key: 'a', operator: 'Equal', value: 'y' },
        ],
      ],
      [[{ ...exists('a'), effect: 'NoSchedule' }], [exists('a')], [exists('a')]],
      [
        [{ ...exists('a'), effect: 'NoSchedule' }],
        [{ ...exists('a'), effect: 'NoExecute' }],
        [
          { ...exists('a'), effect: 'NoSchedule' },
          { ...exists('a'), effect: 'NoExecute' },
        ],
      ],
      [
        [{ ...exists('a'), effect: 'NoExecute', tolerationSeconds: 5 }],
        [{ ...exists('a'), effect: 'NoExecute', tolerationSeconds: 9 }],
        [{ ...exists('a'), effect: 'NoExecute', tolerationSeconds: 9 }],
      ],
      [
        [{ ...exists('a'), effect: 'NoExecute', tolerationSeconds: 5 }],
        [{ ...exists('a'), effect: 'NoExecute' }],
        [{ ...exists('a'), effect: 'NoExecute' }],
      ],
      [
        [{ key: '', operator: 'Equal', value: 'x' }],
        [{ key: 'a', operator: 'Equal', value: 'x' }],
        [
          { key: '', operator: 'Equal', value: 'x' },
          { key: 'a', operator: 'Equal', value: 'x' },
        ],
      ],
    ];
    for (const [first, second, merged] of rows)
      assert.deepEqual(await run({ tolerations: second }, { defaults: json(...first) }), merged);
  });

  it('refuses what the namespace, or else the cluster, does not allow', async () => {
    const tolerations = [exists('x')];
    assert.equal(await run({ tolerations }, { cluster }), refused('cluster'));
    assert.equal(
      await run({ tolerations }, { whitelist: json(exists('y')), cluster }),
      refused('namespace'),
    );
    assert.deepEqual(
      await run({ tolerations }, { whitelist: json(exists('x')), defaults: '', cluster }),
      tolerations,
    );
    assert.deepEqual(
      await run({ tolerations }, { whitelist: '', defaults: '', cluster }),
      tolerations,
    );
    assert.equal(
      await run({ tolerations }, { whitelist: json(exists('y')), old: pod() }),
      refused('namespace'),
    );
    assert.match(String(await run({ tolerations }, { whitelist: '{' })), /^500 .*JSON/);
    assert.equal(
      await run({ tolerations }, { whitelist: '{}' }),
      '500 json: cannot unmarshal into Go value of type []v1.Toleration',
    );
  });

  it('does so in an API server that has it on', async () => {
    const api = await server(['PodTolerationRestriction'], {
      podTolerations: { default: [exists('c')], whitelist: [] },
    });
    const made = await api.must(`POST ${PODS}`, pod());
    assert.deepEqual(
      made.spec.tolerations.find(({ key }: Toleration) => key === 'c'),
      exists('c'),
    );
    await api.must('PATCH /api/v1/namespaces/default', {
      metadata: { annotations: { [`${KEY}tolerationsWhitelist`]: json(exists('z')) } },
    });
    assert.equal(
      await api.refusal(`POST ${PODS}`, { ...pod(), metadata: { name: 'b' } }),
      refused('namespace'),
    );
  });
});
