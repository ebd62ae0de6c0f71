import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { Node, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { INGRESS_CLASSES, NODES, RUNTIME_CLASSES, STORAGE_CLASSES } from '../targets.ts';
import {
  certificateApproval,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
  podCertificateSigning,
} from './certificates.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { runtimeClass } from './runtime-class.ts';
import { storageObjectInUseProtection } from './object-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: [], ...spec },
});

describe('DefaultTolerationSeconds', () => {
  const toleration = (name: string) => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  });
  it('adds both tolerations to a pod that has none', async () => {
    const object = pod();
    await new AdmissionBench().run(defaultTolerationSeconds, { plural: 'pods', object });
    assert.deepEqual(object.spec!.tolerations, [
      toleration('not-ready'),
      toleration('unreachable'),
    ]);
  });
  it('adds only what the pod does not say', async () => {
    const own = [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists' as const }];
    const [one, all] = [pod({ tolerations: own }), pod({ tolerations: [{ operator: 'Exists' }] })];
    for (const object of [one, all])
      await new AdmissionBench().run(defaultTolerationSeconds, { plural: 'pods', object });
    assert.deepEqual(
      [one.spec!.tolerations, all.spec!.tolerations],
      [[...own, toleration('unreachable')], [{ operator: 'Exists' }]],
    );
  });
});

describe('TaintNodesByCondition', () => {
  it('taints a new node once', async () => {
    const node: Node = { metadata: { name: 'n' } };
    for (let i = 0; i < 2; i++)
      await new AdmissionBench().run(taintNodesByCondition, {
        plural: 'nodes',
        namespaced: false,
        object: node,
      });
    assert.deepEqual(node.spec!.taints, [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
    ]);
  });
});

describe('storage', () => {
  const claim = (spec: PersistentVolumeClaim['spec'], phase = 'Bound'): PersistentVolumeClaim =>
    ({ metadata: { name: 'c' }, spec, status: { phase } }) as PersistentVolumeClaim;

  it('claims get the newest default class unless they name one', async () => {
    const bench = new AdmissionBench();
    const mark = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    bench.reader.put(STORAGE_CLASSES, {
      metadata: { name: 'old', creationTimestamp: '2026-01-01T00:00:00Z', annotations: mark },
    });
    bench.reader.put(STORAGE_CLASSES, {
      metadata: { name: 'new', creationTimestamp: '2026-01-02T00:00:00Z', annotations: mark },
    });
    const [open, none] = [claim({}), claim({ storageClassName: '' })];
    for (const object of [open, none])
      await bench.run(defaultStorageClass(bench.services), {
        plural: 'persistentvolumeclaims',
        object,
      });
    assert.deepEqual([open.spec!.storageClassName, none.spec!.storageClassName], ['new', '']);
  });

  it('claims are protected by a finalizer', async () => {
    const object = claim({});
    await new AdmissionBench().run(storageObjectInUseProtection, {
      plural: 'persistentvolumeclaims',
      object,
    });
    assert.deepEqual(object.metadata!.finalizers, ['kubernetes.io/pvc-protection']);
  });

  it('bound claims of a class that can grow may grow, and no others', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(STORAGE_CLASSES, { metadata: { name: 'fast' }, allowVolumeExpansion: true });
    bench.reader.put(STORAGE_CLASSES, { metadata: { name: 'slow' } });
    const grow = (name: string, phase?: string): Promise<string> => {
      const size = (storage: string) =>
        claim({ storageClassName: name, resources: { requests: { storage } } }, phase);
      return bench.run(persistentVolumeClaimResize(bench.services), {
        plural: 'persistentvolumeclaims',
        operation: 'UPDATE',
        object: size('2Gi'),
        old: size('1Gi'),
      });
    };
    assert.equal(await grow('fast'), 'admitted');
    assert.match(
      await grow('slow'),
      /the storageclass that provisions the pvc must support resize$/,
    );
    assert.match(
      await grow('fast', 'Pending'),
      /Only bound persistent volume claims can be expanded$/,
    );
  });
});

describe('DefaultIngressClass', () => {
  it('names the default class', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(INGRESS_CLASSES, {
      metadata: {
        name: 'web',
        annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
      },
    });
    const object: { metadata: object; spec?: { ingressClassName?: string } } = {
      metadata: { name: 'i' },
      spec: {},
    };
    await bench.run(defaultIngressClass(bench.services), {
      group: 'networking.k8s.io',
      plural: 'ingresses',
      object,
    });
    assert.equal(object.spec!.ingressClassName, 'web');
  });
});

describe('RuntimeClass', () => {
  const bench = new AdmissionBench();
  bench.reader.put(RUNTIME_CLASSES, {
    metadata: { name: 'kata' },
    overhead: { podFixed: { cpu: '10m' } },
    scheduling: {
      nodeSelector: { runtime: 'kata' },
      tolerations: [{ key: 'kata', operator: 'Exists' }],
    },
  });
  const run = (object: Pod): Promise<string> =>
    bench.run(runtimeClass(bench.services), { plural: 'pods', object });

  it('gives overhead, selector and tolerations', async () => {
    const object = pod({ runtimeClassName: 'kata', nodeSelector: { a: 'b' } });
    assert.equal(await run(object), 'admitted');
    assert.deepEqual(
      [object.spec!.overhead, object.spec!.nodeSelector, object.spec!.tolerations],
      [{ cpu: '10m' }, { a: 'b', runtime: 'kata' }, [{ key: 'kata', operator: 'Exists' }]],
    );
  });
  it('refuses what contradicts it', async () => {
    assert.match(
      await run(pod({ runtimeClassName: 'none' })),
      /pod rejected: RuntimeClass "none" not found$/,
    );
    assert.match(
      await run(pod({ runtimeClassName: 'kata', overhead: { cpu: '1' } })),
      /Overhead doesn't match RuntimeClass's defined Overhead$/,
    );
    assert.match(
      await run(pod({ overhead: { cpu: '1' } })),
      /Pod Overhead set without corresponding RuntimeClass defined Overhead$/,
    );
    assert.match(
      await run(pod({ runtimeClassName: 'kata', nodeSelector: { runtime: 'runc' } })),
      /conflict: runtimeClass.scheduling.nodeSelector\[runtime\] = kata; pod.spec.nodeSelector\[runtime\] = runc$/,
    );
  });
});

describe('PodTopologyLabels', () => {
  it('a binding carries zone and region of the node', async () => {
    const bench = new AdmissionBench();
    const zone = { 'topology.kubernetes.io/zone': 'z1' };
    bench.reader.put(NODES, { metadata: { name: 'n1', labels: { ...zone, other: 'x' } } });
    const object: { metadata: { name: string; labels?: object }; target: object } = {
      metadata: { name: 'web' },
      target: { kind: 'Node', name: 'n1' },
    };
    await bench.run(podTopologyLabels(bench.services), {
      plural: 'pods',
      subresource: 'binding',
      object,
    });
    assert.deepEqual(object.metadata.labels, zone);
  });
});

describe('certificates', () => {
  const CSR = {
    group: 'certificates.k8s.io',
    plural: 'certificatesigningrequests',
    namespaced: false,
    name: 'c',
  };
  // openssl req -new -newkey ed25519 -subj '/O=system:masters/CN=joe'
  const MASTERS =
    '-----BEGIN CERTIFICATE REQUEST-----\nMIGmMFoCAQAwJzEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDDAKBgNVBAMMA2pv\nZTAqMAUGAytlcAMhAM6wCSDLlEVFBNIGM5tBfSwYQXvYLKsh/YY2G7PMUCuWoAAw\nBQYDK2VwA0EAlQykxbZKtgMp9aoI0NqxRchwAKTboOK8QHygFKig+P7JunmQawOk\nE5zJ9rI1+jJPQErYgfCN5m0FdbkUsZbEDw==\n-----END CERTIFICATE REQUEST-----\n';

  it('are approved by those who may approve for the signer', async () => {
    const bench = new AdmissionBench();
    const asked = {
      ...CSR,
      operation: 'UPDATE' as const,
      subresource: 'approval',
      object: {},
      old: { spec: { signerName: 'a.io/b' } },
    };
    assert.match(
      await bench.run(certificateApproval(bench.services), asked),
      /user not permitted to approve requests with signerName "a.io\/b"$/,
    );
    bench.decision = { outcome: 'allow', reason: '' };
    assert.equal(await bench.run(certificateApproval(bench.services), asked), 'admitted');
  });

  it('of authorities are published by those who may attest for their signer', async () => {
    const bench = new AdmissionBench();
    const bundle = (signerName: string): object => ({ spec: { signerName, trustBundle: 'x' } });
    const TRUST = {
      group: 'certificates.k8s.io',
      plural: 'clustertrustbundles',
      namespaced: false,
    };
    const plugin = clusterTrustBundleAttest(bench.services);
    const of = (signer: string, old?: string) => ({
      ...TRUST,
      object: bundle(signer),
      ...(old === undefined ? {} : { operation: 'UPDATE' as const, old: bundle(old) }),
    });
    assert.match(
      await bench.run(plugin, of('a.io/b')),
      /user not permitted to attest for signerName "a.io\/b"$/,
    );
    assert.equal(await bench.run(plugin, of('')), 'admitted');
    assert.equal(await bench.run(plugin, of('a.io/b', 'a.io/b')), 'admitted');
    bench.decision = { outcome: 'allow', reason: '' };
    assert.equal(await bench.run(plugin, of('a.io/b')), 'admitted');
  });

  it('of pods are issued by those who may sign for their signer', async () => {
    const bench = new AdmissionBench();
    const asked = {
      group: 'certificates.k8s.io',
      plural: 'podcertificaterequests',
      operation: 'UPDATE' as const,
      subresource: 'status',
      object: { spec: { signerName: 'a.io/b' }, status: { conditions: [] } },
      old: { spec: { signerName: 'a.io/b' } },
    };
    const plugin = podCertificateSigning(bench.services);
    assert.match(await bench.run(plugin, asked), /is not permitted to "sign" for signer "a.io\/b"/);
    assert.equal(await bench.run(plugin, { ...asked, object: asked.old }), 'admitted');
    bench.decision = { outcome: 'allow', reason: '' };
    assert.equal(await bench.run(plugin, asked), 'admitted');
  });

  it('are not made for system:masters', async () => {
    const object = (signerName: string): object => ({
      spec: { signerName, request: Buffer.from(MASTERS).toString('base64') },
    });
    const bench = new AdmissionBench();
    assert.match(
      await bench.run(certificateSubjectRestriction, {
        ...CSR,
        object: object('kubernetes.io/kube-apiserver-client'),
      }),
      /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed$/,
    );
    assert.equal(
      await bench.run(certificateSubjectRestriction, { ...CSR, object: object('x.io/y') }),
      'admitted',
    );
  });
});
