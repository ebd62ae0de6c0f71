import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { TestApiServer } from '#kit/api-server.ts';
import type { PodSecurityOptions } from '../pod-security/options.ts';
import { NAMESPACES } from '../targets.ts';
import { podSecurity } from './pod-security.ts';

const LABEL = 'pod-security.kubernetes.io/';
const labelled = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [LABEL + key, value]));

const LATEST = { level: 'privileged', version: 'latest' } as const;
const OPTIONS: PodSecurityOptions = {
  defaults: { enforce: LATEST, audit: LATEST, warn: LATEST },
  exemptions: {
    usernames: new Set(['joe']),
    namespaces: new Set(['kube-system']),
    runtimeClasses: new Set(['kata']),
  },
};

const privileged = (name = 'web', image = 'i') => ({
  metadata: { name },
  spec: { containers: [{ name: 'a', image, securityContext: { privileged: true } }] },
});
const FOUND = 'privileged (container "a" must not set securityContext.privileged=true)';
const REFUSED = `403 pods "web" is forbidden: violates PodSecurity "baseline:latest": ${FOUND}`;

/** A bench whose namespaces `default` and `kube-system` have these labels. */
function world(labels: Record<string, string>) {
  const bench = new AdmissionBench({ podSecurity: OPTIONS });
  for (const name of ['default', 'kube-system'])
    bench.reader.put(NAMESPACES, { metadata: { name, labels: labelled(labels) } });
  const plugin = podSecurity(bench.services);
  const ask = (asked: Partial<Asked> = {}): Promise<string> =>
    bench.run(plugin, { plural: 'pods', object: privileged(), ...asked });
  const annotations = (): Record<string, string> =>
    Object.fromEntries(
      Array.from(bench.annotations, ([key, value]) => [key.replace(LABEL, ''), value]),
    );
  return { bench, ask, annotations, counts: () => countsOf(bench.metrics.text()) };
}

/** Series of the plug-in's metrics that are not zero, without names of labels. */
function countsOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('pod_security_') && !line.endsWith(' 0'))
    .map((line) =>
      line
        .replaceAll(/pod_security_|_total|[a-z_]+="|"/g, '')
        .replace('{', ' ')
        .replace('}', ''),
    );
}

describe('PodSecurity', () => {
  it('refuses what its namespace does not allow, and says so in the audit event', async () => {
    const { ask, annotations, counts, bench } = world({ enforce: 'baseline' });
    assert.equal(await ask(), REFUSED);
    assert.deepEqual(annotations(), { 'enforce-policy': 'baseline:latest' });
    assert.deepEqual(bench.warnings, []);
    assert.deepEqual(counts(), ['evaluations deny,baseline,latest,enforce,create,pod, 1']);
  });

  it('warns and tells the audit event where it does not enforce', async () => {
    const { ask, annotations, counts, bench } = world({
      warn: 'baseline',
      audit: 'restricted',
      'audit-version': 'v1.7',
    });
    assert.equal(await ask(), 'admitted');
    assert.deepEqual(bench.warnings, [`would violate PodSecurity "baseline:latest": ${FOUND}`]);
    assert.deepEqual(annotations(), {
      'enforce-policy': 'privileged:latest',
      'audit-violations': `would violate PodSecurity "restricted:v1.7": ${FOUND}, runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)`,
    });
    assert.deepEqual(counts(), [
      'evaluations allow,privileged,latest,enforce,create,pod, 1',
      'evaluations deny,restricted,v1.7,audit,create,pod, 1',
      'evaluations deny,baseline,latest,warn,create,pod, 1',
    ]);
  });

  it('counts versions that are yet to come as one, and of no level at all', async () => {
    const future = world({ enforce: 'baseline', 'enforce-version': 'v1.99' });
    assert.match(await future.ask(), /violates PodSecurity "baseline:v1\.99"/);
    assert.deepEqual(future.counts(), ['evaluations deny,baseline,future,enforce,create,pod, 1']);
    const current = world({ enforce: 'baseline', 'enforce-version': 'v1.36' });
    await current.ask();
    assert.deepEqual(current.counts(), ['evaluations deny,baseline,v1.36,enforce,create,pod, 1']);
    const open = world({ enforce: 'privileged', 'enforce-version': 'v1.3' });
    await open.ask();
    assert.deepEqual(open.annotations(), { 'enforce-policy': 'privileged:latest' });
    assert.deepEqual(open.counts(), ['evaluations allow,privileged,latest,enforce,create,pod, 1']);
  });

  it('lets in who is exempt, by namespace, user or runtime class', async () => {
    const { ask, annotations, counts, bench } = world({ enforce: 'baseline' });
    const kata = privileged();
    const rows: [string, Partial<Asked>][] = [
      ['namespace', { namespace: 'kube-system' }],
      ['user', { user: { name: 'joe', groups: [] } }],
      ['runtimeClass', { object: { ...kata, spec: { ...kata.spec, runtimeClassName: 'kata' } } }],
      [
        'user',
        {
          user: { name: 'joe', groups: [] },
          plural: 'deployments',
          group: 'apps',
          operation: 'UPDATE',
        },
      ],
    ];
    for (const [why, asked] of rows) {
      bench.annotations.clear();
      assert.equal(await ask(asked), 'admitted', why);
      assert.deepEqual(annotations(), { exempt: why });
    }
    assert.deepEqual(counts(), ['exemptions create,pod, 3', 'exemptions update,controller, 1']);
  });

  it('looks at an update that runs another image, and at no other', async () => {
    const { ask } = world({ enforce: 'baseline' });
    const update = (object: object, old: object, subresource = ''): Promise<string> =>
      ask({ operation: 'UPDATE', object, old, subresource });
    const debugger_ = (name: string, image = 'i') => ({
      ...privileged(),
      spec: { ...privileged().spec, ephemeralContainers: [{ name, image }] },
    });
    assert.equal(await update(privileged(), privileged()), 'admitted');
    assert.equal(await update(privileged('web', 'new'), privileged()), REFUSED);
    assert.equal(await update(privileged('web', 'new'), privileged(), 'resize'), REFUSED);
    const more = {
      ...privileged(),
      spec: { containers: [...privileged().spec.containers, { name: 'b' }] },
    };
    assert.equal(await update(privileged(), more), REFUSED);
    assert.equal(await update(debugger_('d'), privileged(), 'ephemeralcontainers'), REFUSED);
    assert.equal(await update(debugger_('d', 'j'), debugger_('d'), 'ephemeralcontainers'), REFUSED);
    assert.equal(await update(debugger_('d'), debugger_('d'), 'ephemeralcontainers'), 'admitted');
    const two = {
      ...privileged(),
      spec: { containers: [], initContainers: privileged().spec.containers },
    };
    assert.equal(await update(two, { ...two, spec: { ...two.spec, initContainers: [] } }), REFUSED);
    for (const subresource of [
      'exec',
      'attach',
      'binding',
      'eviction',
      'log',
      'portforward',
      'proxy',
      'status',
    ])
      assert.equal(
        await update(privileged('web', 'new'), privileged(), subresource),
        'admitted',
        subresource,
      );
    assert.equal(await ask({ operation: 'DELETE' }), 'admitted');
  });

  it('warns of templates of pods, and refuses none', async () => {
    const { template } = { template: privileged() };
    const kinds: [group: string, plural: string, object: object][] = [
      ['', 'replicationcontrollers', { spec: { template } }],
      ['', 'podtemplates', { template }],
      ['apps', 'replicasets', { spec: { template } }],
      ['apps', 'deployments', { spec: { template } }],
      ['apps', 'statefulsets', { spec: { template } }],
      ['apps', 'daemonsets', { spec: { template } }],
      ['batch', 'jobs', { spec: { template } }],
      ['batch', 'cronjobs', { spec: { jobTemplate: { spec: { template } } } }],
    ];
    for (const [group, plural, object] of kinds) {
      const { ask, annotations, counts, bench } = world({ enforce: 'baseline', audit: 'baseline' });
      assert.equal(await ask({ group, plural, object }), 'admitted', plural);
      const said = `would violate PodSecurity "baseline:latest": ${FOUND}`;
      assert.deepEqual(bench.warnings, [said], plural);
      assert.deepEqual(annotations(), { 'audit-violations': said }, plural);
      assert.deepEqual(counts(), [
        'evaluations deny,baseline,latest,audit,create,controller, 1',
        'evaluations deny,baseline,latest,warn,create,controller, 1',
      ]);
      assert.equal(await ask({ group, plural, object, subresource: 'scale' }), 'admitted');
      assert.equal(bench.warnings.length, 1, plural);
    }
    const quiet = world({ enforce: 'baseline', warn: 'privileged' });
    assert.equal(
      await quiet.ask({ group: 'apps', plural: 'deployments', object: { spec: { template } } }),
      'admitted',
    );
    assert.deepEqual([quiet.bench.warnings, quiet.counts()], [[], []]);
    const none = world({ enforce: 'baseline' });
    assert.equal(
      await none.ask({ plural: 'replicationcontrollers', object: { spec: {} } }),
      'admitted',
    );
    assert.deepEqual(none.bench.warnings, []);
  });

  it('goes by the strictest standard where labels cannot be read', async () => {
    const { ask, annotations, counts } = world({ enforce: 'strict' });
    assert.match(await ask(), /violates PodSecurity "restricted:latest": privileged/);
    const { error = '' } = annotations();
    assert.equal(
      error,
      'Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    );
    assert.deepEqual(counts(), [
      'errors false,create,pod, 1',
      'evaluations deny,restricted,latest,enforce,create,pod, 1',
    ]);
  });

  it('says when a namespace is not there: to pods as a failure, to templates as nothing', async () => {
    const { ask, annotations, counts, bench } = world({});
    const failed = 'failed to lookup namespace "none"';
    assert.equal(await ask({ namespace: 'none' }), `500 Internal error occurred: ${failed}`);
    assert.equal(
      annotations()['error'],
      `Internal error occurred: ${failed}: namespaces "none" not found`,
    );
    bench.annotations.clear();
    assert.equal(
      await ask({ namespace: 'none', group: 'apps', plural: 'deployments' }),
      'admitted',
    );
    assert.equal(annotations()['error'], `${failed}: namespaces "none" not found`);
    assert.deepEqual(counts(), ['errors true,create,pod, 1', 'errors true,create,controller, 1']);
  });

  it('waits for a namespace that the cache does not show yet', async () => {
    const { ask, bench } = world({});
    bench.reader.beforeCatchUp = () =>
      bench.reader.put(NAMESPACES, {
        metadata: { name: 'new', labels: labelled({ enforce: 'baseline' }) },
      });
    assert.equal(await ask({ namespace: 'new' }), REFUSED);
  });
});

describe('PodSecurity of namespaces', () => {
  const INVALID = `${LABEL}enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted`;
  const namespace = (name: string, labels: Record<string, string>) => ({
    metadata: { name, labels: labelled(labels) },
  });
  const run = async (asked: {
    name?: string;
    operation?: 'CREATE' | 'UPDATE';
    labels: Record<string, string>;
    old?: Record<string, string>;
    subresource?: string;
  }) => {
    const { bench } = world({});
    const { name = 'default', operation = 'CREATE', labels, old, subresource = '' } = asked;
    for (const pod of ['a', 'b'])
      bench.reader.put(
        { group: '', plural: 'pods' },
        { ...privileged(pod), metadata: { name: pod, namespace: name } },
      );
    const said = await bench.run(podSecurity(bench.services), {
      plural: 'namespaces',
      namespaced: false,
      name,
      operation,
      subresource,
      object: namespace(name, labels),
      ...(old === undefined ? {} : { old: namespace(name, old) }),
    });
    return [said, ...bench.warnings];
  };

  it('takes no label that it cannot read, unless it was there before', async () => {
    const refused = `422 Namespace "default" is invalid: metadata.labels[${INVALID}`;
    const labels = { enforce: 'strict' };
    assert.deepEqual(await run({ labels }), [refused]);
    assert.deepEqual(await run({ labels, old: {}, operation: 'UPDATE' }), [refused]);
    assert.deepEqual(await run({ labels, old: { enforce: 'odd' }, operation: 'UPDATE' }), [
      refused,
    ]);
    assert.deepEqual(await run({ labels, old: labels, operation: 'UPDATE' }), ['admitted']);
    assert.deepEqual(await run({ labels, old: {}, operation: 'UPDATE', subresource: 'status' }), [
      'admitted',
    ]);
  });

  it('warns of pods that are there when it becomes stricter, and only then', async () => {
    const update = (
      labels: Record<string, string>,
      old: Record<string, string>,
      name = 'default',
    ) => run({ operation: 'UPDATE', labels, old, name });
    const warnings = (level: string): string[] => [
      'admitted',
      `existing pods in namespace "default" violate the new PodSecurity enforce level "${level}"`,
      'a (and 1 other pod): privileged',
    ];
    assert.deepEqual(await update({ enforce: 'baseline' }, {}), warnings('baseline:latest'));
    const pinned = { enforce: 'baseline', 'enforce-version': 'v1.9' };
    assert.deepEqual(await update(pinned, { enforce: 'baseline' }), warnings('baseline:v1.9'));
    assert.deepEqual(await update({ enforce: 'baseline' }, { enforce: 'baseline' }), ['admitted']);
    assert.deepEqual(await update({ enforce: 'baseline' }, { enforce: 'restricted' }), [
      'admitted',
    ]);
    assert.deepEqual(
      await update({ enforce: 'privileged', 'enforce-version': 'v1.1' }, { enforce: 'baseline' }),
      ['admitted'],
    );
    assert.deepEqual(await update({ warn: 'restricted' }, {}), ['admitted']);
    assert.deepEqual(await run({ labels: { enforce: 'baseline' } }), ['admitted']);
  });

  it('says of an exempt one that its labels do nothing', async () => {
    const open = { enforce: 'privileged', 'enforce-version': 'v1.1', warn: 'restricted' };
    assert.deepEqual(
      await run({ name: 'kube-system', labels: open, old: {}, operation: 'UPDATE' }),
      ['admitted'],
    );
    const labels = { enforce: 'baseline', warn: 'privileged' };
    const said = [
      'admitted',
      'namespace "kube-system" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored',
    ];
    assert.deepEqual(await run({ name: 'kube-system', labels }), said);
    assert.deepEqual(
      await run({ name: 'kube-system', labels, old: {}, operation: 'UPDATE' }),
      said,
    );
    assert.deepEqual(await run({ name: 'kube-system', labels, old: labels, operation: 'UPDATE' }), [
      'admitted',
    ]);
  });
});

describe('PodSecurity in an API server', () => {
  const PODS = '/api/v1/namespaces/default/pods';
  const warningsOf = (headers: Readonly<Record<string, string>>): string =>
    headers['warning'] ?? '';

  it('is on, holds pods against the labels of their namespace, and warns who makes a template', async () => {
    const server = await TestApiServer.start({ admission: { disabled: ['ServiceAccount'] } });
    const label = (labels: Record<string, string>) =>
      server.call('PATCH /api/v1/namespaces/default', { metadata: { labels: labelled(labels) } });
    assert.equal((await server.call(`POST ${PODS}`, privileged('before'))).status, 201);
    const stricter = await label({ enforce: 'baseline' });
    assert.equal(stricter.status, 200);
    assert.match(
      warningsOf(stricter.headers),
      /existing pods in namespace .*, 299 - "before: privileged"/,
    );
    assert.equal(await server.refusal(`POST ${PODS}`, privileged()), REFUSED);
    assert.match(
      await server.refusal(`POST ${PODS}`, { ...privileged(), metadata: { generateName: 'web-' } }),
      /^403 pods "web-[a-z0-9]{5}" is forbidden: violates PodSecurity "baseline:latest": privileged/,
    );
    const deployment = {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: privileged().spec },
      },
    };
    const made = await server.call('POST /apis/apps/v1/namespaces/default/deployments', deployment);
    assert.equal(made.status, 201);
    assert.match(
      warningsOf(made.headers),
      /would violate PodSecurity \\"baseline:latest\\": privileged/,
    );
    assert.equal((await label({ enforce: 'odd' })).status, 422);
    const { body } = await server.call('GET /metrics');
    assert.match(
      body,
      /pod_security_evaluations_total\{decision="deny",[^}]*resource="pod"[^}]*\} 2/,
    );
  });

  it('has the defaults and exemptions that it is configured with, and can be off', async () => {
    const baseline = { level: 'baseline', version: 'latest' } as const;
    const podSecurityOptions = { ...OPTIONS, defaults: { ...OPTIONS.defaults, enforce: baseline } };
    const disabled = ['ServiceAccount'];
    const server = await TestApiServer.start({
      admission: { disabled, configuration: { podSecurity: podSecurityOptions } },
    });
    assert.equal(await server.refusal(`POST ${PODS}`, privileged()), REFUSED);
    const exempt = PODS.replace('default', 'kube-system');
    assert.equal((await server.call(`POST ${exempt}`, privileged())).status, 201);
    const off = await TestApiServer.start({
      admission: {
        disabled: [...disabled, 'PodSecurity'],
        configuration: { podSecurity: podSecurityOptions },
      },
    });
    assert.equal((await off.call(`POST ${PODS}`, privileged())).status, 201);
  });
});
