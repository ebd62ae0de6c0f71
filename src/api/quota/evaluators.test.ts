/** What objects use of a quota, by table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodStatus,
  ResourceQuotaScope,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
  Service,
} from '#api/gen/core-v1.ts';
import type { DeviceClass, DeviceRequest, ResourceClaim } from '#api/gen/resource-v1.ts';
import type { KubeObject } from '../meta/object.ts';
import { DEVICE_CLAIM_EVALUATOR } from './device-claims.ts';
import type { QuotaWorld } from './evaluator.ts';
import { countedResource, countingEvaluator, MEASURING_EVALUATORS } from './evaluators.ts';
import { POD_EVALUATOR } from './pods.ts';
import { SERVICE_EVALUATOR } from './services.ts';
import { quotaStatus, sameQuotaStatus } from './status.ts';
import { VOLUME_CLAIM_EVALUATOR } from './volume-claims.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const at = (seconds: number): string => new Date(NOW_MS + seconds * 1000).toISOString();

function world(change: Partial<QuotaWorld> = {}): QuotaWorld {
  return {
    nowMs: NOW_MS,
    deviceClasses: () => [],
    pod: () => undefined,
    claims: () => [],
    ...change,
  };
}

function pod(spec: Partial<PodSpec> = {}, status: PodStatus = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'web' },
    spec: { containers: [], ...spec },
    status,
  };
}

const asks = (requests: Record<string, string>, limits: Record<string, string> = {}) => ({
  name: 'main',
  resources: { requests, limits },
});

describe('what a Pod uses', () => {
  const usage = (each: Pod) => POD_EVALUATOR.usage(each, world());
  const both = (name: string, amount: string) => ({ [name]: amount, [`requests.${name}`]: amount });
  const one = { 'count/pods': '1', pods: '1' };
  const tables: [string, Pod, Record<string, string>][] = [
    ['nothing but its place, when it asks for nothing', pod(), one],
    [
      'requests under both names, limits under one, of all its containers',
      pod({
        containers: [
          asks({ cpu: '100m', memory: '1Gi' }, { cpu: '1', memory: '2Gi' }),
          asks({ cpu: '200m', 'ephemeral-storage': '5Gi' }, { 'ephemeral-storage': '6Gi' }),
        ],
      }),
      {
        ...one,
        ...both('cpu', '300m'),
        ...both('memory', '1Gi'),
        ...both('ephemeral-storage', '5Gi'),
        'limits.cpu': '1',
        'limits.memory': '2Gi',
        'limits.ephemeral-storage': '6Gi',
      },
    ],
    [
      'the most that runs at a time: an init container beside the sidecar before it',
      pod({
        initContainers: [{ ...asks({ cpu: '1' }), restartPolicy: 'Always' }, asks({ cpu: '3' })],
        containers: [asks({ cpu: '2' })],
      }),
      { ...one, ...both('cpu', '4') },
    ],
    [
      'its overhead',
      pod({ containers: [asks({ cpu: '1' })], overhead: { cpu: '250m' } }),
      { ...one, ...both('cpu', '1250m') },
    ],
    [
      'what it asks for as a whole',
      pod({ containers: [asks({ cpu: '1' })], resources: { requests: { cpu: '5' } } }),
      { ...one, ...both('cpu', '5') },
    ],
    [
      'the greater of asked and given while it is resized',
      pod(
        { containers: [asks({ cpu: '1' })] },
        {
          containerStatuses: [
            {
              name: 'main',
              image: '',
              imageID: '',
              ready: true,
              restartCount: 0,
              resources: { requests: { cpu: '2' } },
            },
          ],
        },
      ),
      { ...one, ...both('cpu', '2') },
    ],
    [
      'huge pages under both names, extended resources as requests',
      pod({
        containers: [
          asks({
            'hugepages-2Mi': '4Mi',
            'example.com/gpu': '2',
            'deviceclass.resource.kubernetes.io/fast': '1',
          }),
        ],
      }),
      {
        ...one,
        ...both('hugepages-2Mi', '4Mi'),
        'requests.example.com/gpu': '2',
        'requests.deviceclass.resource.kubernetes.io/fast': '1',
      },
    ],
    [
      'its place in storage alone when it has failed',
      pod({}, { phase: 'Failed' }),
      { 'count/pods': '1' },
    ],
    [
      'its place in storage alone when it has succeeded',
      pod({}, { phase: 'Succeeded' }),
      { 'count/pods': '1' },
    ],
  ];
  for (const [name, each, expected] of tables) {
    it(name, () => assert.deepEqual({ ...usage(each) }, expected));
  }

  it('nothing more when its deletion hangs beyond its grace', () => {
    const deleted = (agoS: number): Pod => ({
      ...pod(),
      metadata: { deletionTimestamp: at(-agoS), deletionGracePeriodSeconds: 30 },
    });
    assert.deepEqual(usage(deleted(30)), one);
    assert.deepEqual(usage(deleted(31)), { 'count/pods': '1' });
  });
});

describe('scopes of Pods', () => {
  const term = { topologyKey: 'zone' };
  const preferred = (over: object) => ({
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { ...term, ...over } },
      ],
    },
  });
  const scope = (text: string): ScopedResourceSelectorRequirement => {
    const [scopeName = '', operator = 'Exists', values = ''] = text.split(' ');
    const list = values === '' ? {} : { values: values.split(',') };
    return { scopeName, operator, ...list } as ScopedResourceSelectorRequirement;
  };
  const important = pod({ priorityClassName: 'high' });
  const tables: [string, Pod, boolean][] = [
    ['Terminating', pod({ activeDeadlineSeconds: 5 }), true],
    ['Terminating', pod(), false],
    ['NotTerminating', pod({ activeDeadlineSeconds: 5 }), false],
    ['NotTerminating', pod(), true],
    ['BestEffort', pod({ containers: [asks({})] }), true],
    ['BestEffort', pod({ containers: [asks({ cpu: '1' })] }), false],
    ['BestEffort', pod({}, { qosClass: 'Burstable' }), false],
    ['NotBestEffort', pod({ containers: [asks({ cpu: '1' })] }), true],
    ['NotBestEffort', pod(), false],
    ['PriorityClass', important, true],
    ['PriorityClass', pod(), false],
    ['PriorityClass DoesNotExist', important, false],
    ['PriorityClass DoesNotExist', pod(), true],
    ['PriorityClass In high,low', important, true],
    ['PriorityClass In low', important, false],
    ['PriorityClass NotIn low', important, true],
    ['PriorityClass NotIn high', important, false],
    ['PriorityClass NotIn high', pod(), true],
    ['CrossNamespacePodAffinity', pod({ affinity: preferred({ namespaces: ['a'] }) }), true],
    ['CrossNamespacePodAffinity', pod({ affinity: preferred({ namespaceSelector: {} }) }), true],
    ['CrossNamespacePodAffinity', pod({ affinity: preferred({}) }), false],
    [
      'CrossNamespacePodAffinity',
      pod({
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, namespaces: ['a'] }],
          },
        },
      }),
      true,
    ],
    ['VolumeAttributesClass', pod(), false],
  ];
  for (const [text, each, expected] of tables) {
    it(`${text} ${expected ? 'has' : 'has not'} ${JSON.stringify(each.spec)}`, () => {
      assert.equal(POD_EVALUATOR.isInScope(each, scope(text)), expected);
    });
  }
});

describe('what a Service uses', () => {
  const ports = [{ port: 1, nodePort: 30_000 }, { port: 2 }];
  const tables: [NonNullable<Service['spec']>, string][] = [
    [{ ports }, '0 0'],
    [{ type: 'ClusterIP', ports }, '0 0'],
    [{ type: 'NodePort', ports }, '2 0'],
    [{ type: 'LoadBalancer', ports }, '2 1'],
    [{ type: 'LoadBalancer', ports, allocateLoadBalancerNodePorts: false }, '1 1'],
  ];
  for (const [spec, expected] of tables) {
    it(`${spec.type} without choice ${spec.allocateLoadBalancerNodePorts}: ${expected}`, () => {
      const usage = SERVICE_EVALUATOR.usage({ spec }, world());
      assert.equal(`${usage['services.nodeports']} ${usage['services.loadbalancers']}`, expected);
      assert.equal(usage['services'], '1');
      assert.equal(usage['count/services'], '1');
    });
  }

  it('is counted anew when its type moves between those that reach outside', () => {
    const freed = (next: string, previous: string) =>
      SERVICE_EVALUATOR.isFreedBy(
        { spec: { type: next } } as Service,
        { spec: { type: previous } } as Service,
        NOW_MS,
      );
    assert.equal(freed('ClusterIP', 'NodePort'), true);
    assert.equal(freed('ExternalName', 'ClusterIP'), false);
  });
});

describe('what a claim of a volume uses', () => {
  const claim = (storage: string, change: Partial<PersistentVolumeClaim> = {}) => ({
    ...change,
    spec: { ...change.spec, resources: { requests: { storage } } },
  });
  const usage = (each: PersistentVolumeClaim) => VOLUME_CLAIM_EVALUATOR.usage(each, world());

  it('number and storage, and both of its storage class', () => {
    assert.deepEqual(usage(claim('10Gi', { spec: { storageClassName: 'gold' } })), {
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '10Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '10Gi',
    });
  });

  it('of the class that the old annotation names', () => {
    const annotations = { 'volume.beta.kubernetes.io/storage-class': 'old' };
    const used = usage(
      claim('1Gi', { metadata: { annotations }, spec: { storageClassName: 'x' } }),
    );
    assert.equal(used['old.storageclass.storage.k8s.io/requests.storage'], '1Gi');
    assert.equal(used['x.storageclass.storage.k8s.io/requests.storage'], undefined);
  });

  it('whole bytes, and the greater of asked and allocated', () => {
    assert.equal(usage(claim('1500m'))['requests.storage'], '2');
    const allocated = (storage: string) => ({ status: { allocatedResources: { storage } } });
    assert.equal(usage(claim('1Gi', allocated('3Gi')))['requests.storage'], '3Gi');
    assert.equal(usage(claim('5Gi', allocated('3Gi')))['requests.storage'], '5Gi');
  });

  it('is in the scope of each attributes class that it asks for, has or moves to', () => {
    const inScope = (operator: string, values: string[], each: PersistentVolumeClaim): boolean =>
      VOLUME_CLAIM_EVALUATOR.isInScope(each, {
        scopeName: 'VolumeAttributesClass',
        operator,
        values,
      } as ScopedResourceSelectorRequirement);
    const moving: PersistentVolumeClaim = {
      spec: { volumeAttributesClassName: 'a' },
      status: {
        currentVolumeAttributesClassName: 'b',
        modifyVolumeStatus: { targetVolumeAttributesClassName: 'c', status: 'Pending' },
      },
    };
    for (const name of ['a', 'b', 'c']) assert.equal(inScope('In', [name], moving), true);
    assert.equal(inScope('In', ['d'], moving), false);
    assert.equal(inScope('Exists', [], moving), true);
    assert.equal(inScope('Exists', [], {}), false);
    assert.equal(inScope('NotIn', ['a'], {}), true);
    const next = { ...moving, status: {} };
    assert.equal(VOLUME_CLAIM_EVALUATOR.isFreedBy(next, moving, NOW_MS), true);
  });
});

describe('what a claim of devices uses', () => {
  const claim = (...requests: Omit<DeviceRequest, 'name'>[]): ResourceClaim => ({
    metadata: { name: 'claim', namespace: 'default' },
    spec: { devices: { requests: requests.map((each) => ({ name: 'a', ...each })) } },
  });
  const exactly = (deviceClassName: string, count: number) => ({
    exactly: { deviceClassName, allocationMode: 'ExactCount', count },
  });
  const all = (deviceClassName: string) => ({ deviceClassName, allocationMode: 'All' });
  const choice = (deviceClassName: string, count: number) => ({
    name: 'c',
    deviceClassName,
    allocationMode: 'ExactCount',
    count,
  });
  const devices = (each: ResourceClaim, name = 'gpu') =>
    DEVICE_CLAIM_EVALUATOR.usage(each, world())[`${name}.deviceclass.resource.k8s.io/devices`];

  it('devices by class, those of all requests together', () => {
    assert.equal(devices(claim(exactly('gpu', 2), exactly('gpu', 1))), '3');
    const one = claim(exactly('gpu', 1));
    assert.equal(
      DEVICE_CLAIM_EVALUATOR.usage(one, world())['count/resourceclaims.resource.k8s.io'],
      '1',
    );
  });

  it('as many as a claim can have, when it asks for all', () => {
    assert.equal(devices(claim({ exactly: all('gpu') })), '32');
  });

  it('of alternatives the most for each class', () => {
    const either = claim({
      firstAvailable: [choice('gpu', 1), choice('gpu', 4), choice('cpu', 2)],
    });
    assert.equal(devices(either), '4');
    assert.equal(devices(either, 'cpu'), '2');
  });

  const gpus: DeviceClass = {
    metadata: { name: 'gpu' },
    spec: { extendedResourceName: 'example.com/gpu' },
  };
  const owned = (name: string, created: number): ResourceClaim => ({
    ...claim(exactly('gpu', 3)),
    metadata: {
      name,
      namespace: 'default',
      creationTimestamp: at(created),
      annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'web', controller: true },
      ],
    },
  });
  const asking = pod({ containers: [asks({ 'example.com/gpu': '2' })] });
  const gpuUsage = (each: ResourceClaim, change: Partial<QuotaWorld> = {}) => {
    const seen = world({ deviceClasses: () => [gpus], pod: () => asking, ...change });
    return DEVICE_CLAIM_EVALUATOR.usage(each, seen)['requests.example.com/gpu'];
  };

  it('under the name of the extended resource, less what its Pod is charged for', () => {
    assert.equal(gpuUsage(claim(exactly('gpu', 3))), '3');
    assert.equal(gpuUsage(owned('a', 0)), '1');
    assert.equal(gpuUsage(owned('a', 0), { pod: () => undefined }), '3');
  });

  it('in full for every claim of the Pod but the one that the Pod means', () => {
    assert.equal(gpuUsage(owned('b', 1), { claims: () => [owned('a', 0), owned('b', 1)] }), '3');
    assert.equal(gpuUsage(owned('a', 0), { claims: () => [owned('a', 0), owned('b', 1)] }), '1');
    const status = { extendedResourceClaimStatus: { resourceClaimName: 'b', requestMappings: [] } };
    assert.equal(gpuUsage(owned('a', 0), { pod: () => ({ ...asking, status }) }), '3');
  });

  it('has the quota names of extended resources that a class stands for', () => {
    const seen = world({ deviceClasses: () => [gpus] });
    const covers = (name: string) => DEVICE_CLAIM_EVALUATOR.covers(name, seen);
    assert.equal(covers('requests.example.com/gpu'), true);
    assert.equal(covers('requests.deviceclass.resource.kubernetes.io/gpu'), true);
    assert.equal(covers('requests.example.com/other'), false);
    assert.equal(covers('any.deviceclass.resource.k8s.io/devices'), true);
  });
});

describe('the status of a quota', () => {
  const status = (spec: ResourceQuotaSpec, objects: readonly Pod[], used?: object) =>
    quotaStatus(
      { spec, ...(used === undefined ? {} : { status: { used } as object }) },
      [{ evaluator: POD_EVALUATOR, objects }],
      world(),
    );
  const short = pod({ activeDeadlineSeconds: 1, containers: [asks({ cpu: '1' })] });
  const long = pod({ containers: [asks({ cpu: '500m' })] });

  it('sums up what it limits, and nothing else', () => {
    const hard = { 'requests.cpu': '10', pods: '5', 'limits.memory': '1Gi' };
    assert.deepEqual(status({ hard }, [short, long]), {
      hard,
      used: { 'requests.cpu': '1500m', pods: '2', 'limits.memory': '0' },
    });
  });

  it('counts what is in all its scopes', () => {
    const hard = { pods: '5' };
    const used = (scopes: ResourceQuotaScope[]) =>
      status({ hard, scopes }, [short, long]).used?.['pods'];
    assert.equal(used(['Terminating']), '1');
    assert.equal(used(['Terminating', 'BestEffort']), '0');
  });

  it('keeps what was known of limits that nobody measures', () => {
    const hard = { 'count/lost.example.com': '5', 'count/never.example.com': '5' };
    const used = { 'count/lost.example.com': '3', pods: '1' };
    assert.deepEqual(status({ hard }, [], used).used, { 'count/lost.example.com': '3' });
  });

  it('is the same when its amounts are', () => {
    assert.equal(sameQuotaStatus({ hard: { a: '1Gi' } }, { hard: { a: '1024Mi' } }), true);
    assert.equal(sameQuotaStatus({ hard: { a: '1' } }, { hard: { a: '1', b: '1' } }), false);
  });
});

describe('counted resources', () => {
  it('are named by what quotas call them', () => {
    assert.deepEqual(countedResource('count/jobs.batch'), { group: 'batch', resource: 'jobs' });
    assert.deepEqual(countedResource('secrets'), { group: '', resource: 'secrets' });
    assert.equal(countedResource('pods'), undefined);
  });

  it('have the plain name of old beside count/', () => {
    const secrets = countingEvaluator({ group: '', resource: 'secrets' });
    const object: KubeObject = {};
    assert.deepEqual(secrets?.usage(object, world()), { 'count/secrets': '1', secrets: '1' });
    assert.equal(countingEvaluator({ group: '', resource: 'events' }), undefined);
  });

  it('are not those that are measured', () => {
    const covered = MEASURING_EVALUATORS.filter((each) => each.covers('count/services', world()));
    assert.equal(covered.length, 1);
  });
});
