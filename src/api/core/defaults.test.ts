/** What clients may leave out of the core kinds, and what a create sets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '#api/gen/core-v1.ts';
import { changed, created, decoded } from '../kind-test-kit.ts';
import { CONFIG_MAP } from './config-map.ts';
import { NAMESPACE } from './namespace.ts';
import { NODE } from './node.ts';
import { PERSISTENT_VOLUME_CLAIM } from './persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from './persistent-volume.ts';
import { JOB } from '../batch/job.ts';
import { POD } from './pod.ts';
import { SECRET } from './secret.ts';
import { SERVICE } from './service.ts';

const BARE: Pod = { spec: { containers: [{ name: 'main', image: 'web' }] } };

describe('the defaults of a pod', () => {
  it('are those of upstream', () => {
    assert.deepEqual(decoded(POD, BARE).spec, {
      containers: [
        {
          name: 'main',
          image: 'web',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    });
  });

  const PULL_POLICIES: readonly (readonly [string, string])[] = [
    ['web', 'Always'],
    ['web:latest', 'Always'],
    ['web:1', 'IfNotPresent'],
    ['registry:5000/web', 'Always'],
    ['registry:5000/web:1', 'IfNotPresent'],
    [`web@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
    // What is no name has no tag: the hash of an image, and what is too long.
    ['a'.repeat(64), 'IfNotPresent'],
    ['a'.repeat(65), 'Always'],
    ['a'.repeat(248), 'IfNotPresent'],
    [`example.com/${'a'.repeat(250)}`, 'Always'],
  ];
  for (const [image, policy] of PULL_POLICIES) {
    it(`pull the image ${image} ${policy}`, () => {
      const pod = decoded(POD, changed(BARE, 'spec.containers[0].image', image));
      assert.equal(pod.spec?.containers[0]?.imagePullPolicy, policy);
    });
  }

  it('request what is limited and not requested', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } };
    const pod = decoded(POD, changed(BARE, 'spec.containers[0].resources', resources));
    assert.deepEqual(pod.spec?.containers[0]?.resources?.requests, { cpu: '500m', memory: '1Gi' });
  });

  it('fill in probes', () => {
    const probe = { httpGet: { port: 80 } };
    const pod = decoded(POD, changed(BARE, 'spec.containers[0].readinessProbe', probe));
    assert.deepEqual(pod.spec?.containers[0]?.readinessProbe, {
      httpGet: { path: '/', port: 80, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  it('give pods on the network of the host the ports of the host', () => {
    const ports = [{ containerPort: 80 }];
    const pod = changed(changed(BARE, 'spec.containers[0].ports', ports), 'spec.hostNetwork', true);
    assert.deepEqual(decoded(POD, pod).spec?.containers[0]?.ports, [
      { containerPort: 80, hostPort: 80, protocol: 'TCP' },
    ]);
  });

  it('leave templates as they are on that network', () => {
    const spec = { hostNetwork: true, containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] };
    const template = { metadata: { labels: { a: 'b' } }, spec };
    const job = decoded(JOB, { metadata: { name: 'j' }, spec: { template } });
    assert.deepEqual(job.spec?.template.spec?.containers[0]?.ports, [
      { containerPort: 80, protocol: 'TCP' },
    ]);
  });

  it('keep both names of the service account alike', () => {
    const pod = decoded(POD, changed(BARE, 'spec.serviceAccount', 'robot'));
    assert.equal(pod.spec?.serviceAccountName, 'robot');
  });

  it('fill in volumes', () => {
    const volumes = [
      { name: 'a' },
      { name: 'b', configMap: { name: 'c' } },
      { name: 'd', hostPath: { path: '/d' } },
      { name: 'e', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ];
    assert.deepEqual(decoded(POD, changed(BARE, 'spec.volumes', volumes)).spec?.volumes, [
      { name: 'a', emptyDir: {} },
      { name: 'b', configMap: { name: 'c', defaultMode: 0o644 } },
      { name: 'd', hostPath: { path: '/d', type: '' } },
      {
        name: 'e',
        projected: {
          defaultMode: 0o644,
          sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }],
        },
      },
    ]);
  });

  it('change nothing that is there', () => {
    const once = decoded(POD, BARE);
    assert.deepEqual(decoded(POD, once), once);
  });
});

describe('a new pod', () => {
  it('is pending, with a QoS class and no other status', () => {
    const pod = created(POD, { ...BARE, status: { phase: 'Running', podIP: '10.0.0.1' } });
    assert.deepEqual(pod.status, { phase: 'Pending', qosClass: 'BestEffort' });
  });

  it('with gates says why it is not scheduled', () => {
    const pod = created(POD, changed(BARE, 'spec.schedulingGates', [{ name: 'wait' }]));
    assert.equal(pod.status?.conditions?.[0]?.reason, 'SchedulingGated');
  });
});

describe('the defaults of a Service', () => {
  it('are those of its type', () => {
    assert.deepEqual(decoded(SERVICE, { spec: { ports: [{ port: 80 }] } }).spec, {
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
      internalTrafficPolicy: 'Cluster',
    });
    const balanced = decoded(SERVICE, { spec: { type: 'LoadBalancer', ports: [] } }).spec;
    assert.equal(balanced?.externalTrafficPolicy, 'Cluster');
    assert.equal(balanced?.allocateLoadBalancerNodePorts, true);
    const external = decoded(SERVICE, { spec: { type: 'ExternalName', externalName: 'a.b' } }).spec;
    assert.equal(external?.internalTrafficPolicy, undefined);
  });

  it('give an affinity three hours', () => {
    const { spec } = decoded(SERVICE, { spec: { sessionAffinity: 'ClientIP' } });
    assert.deepEqual(spec?.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
  });

  it('wipe what a new type has no use for', () => {
    const old: Service = {
      spec: {
        type: 'NodePort',
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ports: [{ port: 80, nodePort: 30_080 }],
      },
    };
    const next = decoded(SERVICE, changed(old, 'spec.type', 'ClusterIP'));
    SERVICE.prepareForUpdate?.(next, decoded(SERVICE, old), {
      nowMs: 0,
      uuid: () => '',
      warn: () => undefined,
      user: { name: '', groups: [] },
    });
    assert.equal(next.spec?.ports?.[0]?.nodePort, undefined);
    assert.equal(next.spec?.clusterIP, '10.0.0.1');
  });
});

describe('the defaults of other core kinds', () => {
  it('turn the text of a Secret into its data', () => {
    const secret = decoded(SECRET, { data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'new' } });
    assert.deepEqual(secret, { type: 'Opaque', data: { a: 'eA==', b: 'bmV3' } });
  });

  it('name a Namespace by a label and hold it by a finalizer', () => {
    const namespace = created(NAMESPACE, { metadata: { name: 'blue' } });
    assert.equal(namespace.metadata?.labels?.['kubernetes.io/metadata.name'], 'blue');
    assert.deepEqual(namespace.spec?.finalizers, ['kubernetes']);
    assert.deepEqual(namespace.status, { phase: 'Active' });
  });

  it('let a Node give away all that it has', () => {
    const node = decoded(NODE, { status: { capacity: { cpu: '2' } } });
    assert.deepEqual(node.status?.allocatable, { cpu: '2' });
  });

  it('make claims and volumes file systems', () => {
    const claim = created(PERSISTENT_VOLUME_CLAIM, { spec: {} });
    assert.equal(claim.spec?.volumeMode, 'Filesystem');
    assert.deepEqual(claim.status, { phase: 'Pending' });
    const volume = created(PERSISTENT_VOLUME, { spec: {} });
    assert.equal(volume.spec?.persistentVolumeReclaimPolicy, 'Retain');
    assert.equal(volume.status?.phase, 'Pending');
  });

  it('leave a ConfigMap alone', () => {
    assert.deepEqual(decoded(CONFIG_MAP, { data: { a: 'b' } }), { data: { a: 'b' } });
  });
});
