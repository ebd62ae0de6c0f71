/** What is counted of devices and volumes that are claimed, and of the endpoints of Services. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE } from '#api/core/service.ts';
import type { PodSpec, ServiceSpec } from '#api/gen/core-v1.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_CLAIM_TEMPLATE } from '#api/resource/resource-claim-template.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { NO_FAULTS } from '#kit/faults.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';

const DEFAULT = 'default';
let metrics: MetricRegistry;
let cluster: TestCluster;

async function start(nodes: number, bindsVolumes = false): Promise<void> {
  metrics = new MetricRegistry();
  cluster = await TestCluster.start({ nodes, metrics, bindsVolumes });
}

afterEach(() => cluster.stop());

async function createPod(name: string, spec: Partial<PodSpec>): Promise<void> {
  const metadata = { name, namespace: DEFAULT, labels: { app: name.replace(/-.*/, '') } };
  const ports = [{ containerPort: 80 }];
  const containers = [{ name: 'main', image: 'web', ports }];
  await cluster.create(POD, { metadata, spec: { containers, ...spec } });
}

async function failWrites(forMs: number): Promise<void> {
  cluster.faults = { ...NO_FAULTS, writeFailureRatio: 1 };
  await cluster.advance(forMs);
  cluster.faults = NO_FAULTS;
  await cluster.settle();
}

describe('devices', () => {
  const exactly = { deviceClassName: 'gpu', allocationMode: 'ExactCount' as const, count: 1 };
  const spec = { devices: { requests: [{ name: 'a', exactly }] } };

  it('claims from templates, and how many there are', async () => {
    await start(0);
    const metadata = { name: 'gpus', namespace: DEFAULT };
    await cluster.create(RESOURCE_CLAIM_TEMPLATE, { metadata, spec: { spec } });
    await cluster.create(RESOURCE_CLAIM, { metadata, spec });
    const gpu = { name: 'gpu', resourceClaimTemplateName: 'gpus' };
    await createPod('web', { resourceClaims: [gpu] });
    await failWrites(1_000);
    const prefix = 'resourceclaim_controller_';
    const failures = `${prefix}creates_total{status="failure",admin_access="false"}`;
    assert.ok(sampleOf(metrics, failures) > 0);
    assert.deepEqual(
      countsOf(metrics, prefix).filter((line) => !line.includes('failure')),
      [
        'creates_total{status="success",admin_access="false"} 1',
        'resource_claims{allocated="false",admin_access="false",source=""} 1',
        'resource_claims{allocated="false",admin_access="false",source="resource_claim_template"} 1',
      ],
    );
  });

  it('Pods that leave broken ones, from when their time was over', async () => {
    await start(1);
    const taints = [{ key: 'broken', effect: 'NoExecute' as const }];
    const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
    const metadata = { name: 'shared', namespace: DEFAULT };
    const claim = await cluster.create(RESOURCE_CLAIM, { metadata, spec });
    const device = { request: 'a', driver: 'd.example.com', pool: 'p', device: 'x' };
    const toleration = { operator: 'Exists' as const, effect: 'NoExecute' as const };
    const tolerations = [{ ...toleration, tolerationSeconds: 60 }];
    const allocation = { devices: { results: [{ ...device, tolerations }] } };
    await cluster.run(
      cluster.client.update(RESOURCE_CLAIM, { ...claim, status: { allocation } }, 'status'),
    );
    const gpu = { name: 'gpu', resourceClaimName: 'shared' };
    await createPod('web', { nodeName: 'node-1', resourceClaims: [gpu] });
    await cluster.settle();
    await cluster.create(RESOURCE_SLICE, {
      metadata: { name: 'slice' },
      spec: { driver: 'd.example.com', nodeName: 'node-1', pool, devices: [{ name: 'x', taints }] },
    });
    await cluster.advance(55_000);
    await failWrites(10_000);
    const prefix = 'device_taint_eviction_controller_pod_deletion';
    assert.equal(sampleOf(metrics, `${prefix}s_total`), 1);
    const late = sampleOf(metrics, `${prefix}_duration_seconds_sum`);
    assert.ok(late > 4 && late < 30, `${late} s`);
    const allocated = 'resource_claims{allocated="true",admin_access="false",source=""}';
    assert.ok(metrics.text().includes(`resourceclaim_controller_${allocated} 1`));
  });
});

describe('volumes', () => {
  const accessModes: ['ReadWriteOnce'] = ['ReadWriteOnce'];
  const capacity = { storage: '1Gi' };
  const shared = { accessModes, capacity };
  const claimOf = (name: string, storageClassName?: string) => ({
    metadata: { name, namespace: DEFAULT },
    spec: {
      accessModes,
      resources: { requests: capacity },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  });

  it('and claims, bound and not, and classes that come later', async () => {
    await start(0, true);
    const volumes = {
      local: { ...shared, hostPath: { path: '/a' } },
      old: { ...shared, nfs: { server: 's', path: '/b' }, storageClassName: 'slow' },
      driven: {
        ...shared,
        csi: { driver: 'csi.example.com', volumeHandle: 'c' },
        storageClassName: 'slow',
        volumeMode: 'Block' as const,
      },
    };
    for (const [name, spec] of Object.entries(volumes))
      await cluster.create(PERSISTENT_VOLUME, { metadata: { name }, spec });
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claimOf('data', ''));
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claimOf('later'));
    await cluster.settle();
    const ofClaims = (storageClass: string): string =>
      `{namespace="default",storage_class="${storageClass}",volume_attributes_class=""}`;
    assert.deepEqual(countsOf(metrics, 'pv_collector_'), [
      'bound_pv_count{storage_class=""} 1',
      `bound_pvc_count${ofClaims('')} 1`,
      'total_pv_count{plugin_name="N/A",volume_mode="Block"} 1',
      'total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"} 1',
      'total_pv_count{plugin_name="kubernetes.io/nfs",volume_mode="Filesystem"} 1',
      'unbound_pv_count{storage_class="slow"} 2',
      `unbound_pvc_count${ofClaims('')} 1`,
    ]);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const provisioner = 'csi.example.com';
    await cluster.create(STORAGE_CLASS, { metadata: { name: 'fast', annotations }, provisioner });
    await failWrites(1_000);
    const failures = sampleOf(metrics, 'retroactive_storageclass_errors_total');
    assert.ok(failures > 0);
    assert.equal(sampleOf(metrics, 'retroactive_storageclass_total'), failures + 1);
    assert.ok(metrics.text().includes(`unbound_pvc_count${ofClaims('fast')} 1`));
  });
});

describe('endpoints', () => {
  const ports = [{ name: 'http', port: 80 }];
  const serviceOf = (spec: ServiceSpec, name = 'web') => ({
    metadata: { name, namespace: DEFAULT },
    spec: { ports, ...spec },
  });
  const per = (name: string): readonly [count: number, sum: number] => [
    sampleOf(metrics, `${name}_count`),
    sampleOf(metrics, `${name}_sum`),
  ];

  it('that come and go behind a Service, and what is written of it', async () => {
    await start(1);
    await createPod('web-1', {});
    await createPod('web-2', {});
    await cluster.settle();
    const prefix = 'endpoint_slice_controller_';
    const gauges = (): string[] =>
      countsOf(metrics, prefix).filter((line) => !/^(changes|syncs)|_count[{ ]/.test(line));
    assert.deepEqual(gauges(), []);
    await cluster.create(SERVICE, serviceOf({ selector: { app: 'none' } }, 'plain'));
    const spec = { selector: { app: 'web' }, trafficDistribution: 'PreferSameZone' };
    const web = await cluster.create(SERVICE, serviceOf(spec));
    await failWrites(500);
    assert.deepEqual(gauges(), [
      'desired_endpoint_slices 2',
      'endpoints_desired 2',
      'num_endpoint_slices 2',
      'services_count_by_traffic_distribution{traffic_distribution="PreferSameZone"} 1',
    ]);
    assert.ok(sampleOf(metrics, `${prefix}syncs{result="error"}`) > 0);
    await cluster.delete(POD, { metadata: { name: 'web-1', namespace: DEFAULT } });
    await cluster.settle();
    assert.equal(sampleOf(metrics, `${prefix}endpoints_desired`), 1);
    assert.equal(per(`${prefix}endpoints_removed_per_sync`)[1], 1);
    assert.ok(sampleOf(metrics, `${prefix}changes{operation="update"}`) > 0);
    assert.equal(sampleOf(metrics, `${prefix}changes{operation="create"}`), 2);
    const labels = '{topology="Disabled",traffic_distribution="PreferSameZone"}';
    const changed = `${prefix}endpointslices_changed_per_sync`;
    assert.equal(
      sampleOf(metrics, `${changed}_count${labels}`) +
        sampleOf(metrics, `${changed}_count{topology="Disabled",traffic_distribution=""}`),
      sampleOf(metrics, `${prefix}syncs{result="success"}`),
    );
    await cluster.delete(SERVICE, web);
    await cluster.settle();
    assert.deepEqual(gauges(), ['desired_endpoint_slices 1', 'num_endpoint_slices 1']);
  });

  it('that users write, and their mirrors', async () => {
    await start(0);
    await cluster.create(SERVICE, serviceOf({}));
    const metadata = { name: 'web', namespace: DEFAULT };
    const subsetPorts = [{ name: 'http', port: 80 }];
    const made = await cluster.create(ENDPOINTS, {
      metadata,
      subsets: [{ addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: subsetPorts }],
    });
    await cluster.settle();
    const prefix = 'endpoint_slice_mirroring_controller_';
    const gauges = (): string[] =>
      countsOf(metrics, prefix).filter((line) => !/^changes|_count[{ ]/.test(line));
    assert.deepEqual(gauges(), [
      'desired_endpoint_slices 1',
      'endpoints_desired 2',
      'num_endpoint_slices 1',
    ]);
    const subsets = [
      {
        addresses: [{ ip: '10.0.0.2' }],
        notReadyAddresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.3' }],
        ports: subsetPorts,
      },
    ];
    await cluster.patch(ENDPOINTS, made, { subsets });
    await cluster.settle();
    await cluster.patch(ENDPOINTS, made, { subsets: [{ ...subsets[0], notReadyAddresses: [] }] });
    await cluster.settle();
    const sums = ['added', 'updated', 'removed'].map(
      (what) => per(`${prefix}endpoints_${what}_per_sync`)[1],
    );
    assert.deepEqual(sums, [3, 1, 2]);
    await cluster.delete(ENDPOINTS, made);
    await cluster.settle();
    assert.deepEqual(gauges(), []);
    const changes = ['create', 'update', 'delete'].map((operation) =>
      sampleOf(metrics, `${prefix}changes{operation="${operation}"}`),
    );
    assert.deepEqual(changes, [1, 2, 1]);
    const [syncs] = per(`${prefix}endpoints_sync_duration`);
    const [skips] = per(`${prefix}addresses_skipped_per_sync`);
    assert.ok(syncs > skips && skips >= 3, `${syncs} passes, ${skips} plans`);
  });
});
