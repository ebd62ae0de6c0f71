/** Rows of the core kinds other than pods. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Service } from '#api/gen/core-v1.ts';
import { ago, row } from '../kind-test-kit.ts';
import { ENDPOINTS } from './endpoints.ts';
import { EVENT } from './event.ts';
import { NAMESPACE } from './namespace.ts';
import { NODE } from './node.ts';
import { SECRET } from './secret.ts';
import { SERVICE } from './service.ts';

function service(spec: Service['spec'], status?: Service['status']): Record<string, unknown> {
  return row(SERVICE, {
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  });
}

describe('a row of a Service', () => {
  it('has its ports with node ports', () => {
    const ports = [
      { port: 80, protocol: 'TCP' as const, nodePort: 30080 },
      { port: 53, protocol: 'UDP' as const },
    ];
    assert.equal(service({ type: 'NodePort', ports })['Port(s)'], '80:30080/TCP,53/UDP');
    assert.equal(service({ type: 'ClusterIP' })['Port(s)'], '<none>');
  });

  it('has the external address that its type gives it', () => {
    const ingress = [{ ip: '5.6.7.8' }, { hostname: 'lb.example' }];
    assert.equal(service({ type: 'ClusterIP' })['External-IP'], '<none>');
    assert.equal(service({ type: 'NodePort', externalIPs: ['1.2.3.4'] })['External-IP'], '1.2.3.4');
    assert.equal(service({ type: 'LoadBalancer' })['External-IP'], '<pending>');
    assert.equal(
      service({ type: 'LoadBalancer' }, { loadBalancer: { ingress } })['External-IP'],
      '5.6.7.8,lb.example',
    );
    assert.equal(
      service({ type: 'ExternalName', externalName: 'example.com' })['External-IP'],
      'example.com',
    );
  });

  it('has its address and selector', () => {
    const cells = service({ clusterIPs: ['10.0.0.1'], selector: { app: 'web', tier: 'front' } });
    assert.equal(cells['Cluster-IP'], '10.0.0.1');
    assert.equal(cells['Selector'], 'app=web,tier=front');
    assert.equal(service({})['Cluster-IP'], '<none>');
  });
});

describe('a row of a Node', () => {
  const node = (parts: Node): Record<string, unknown> => row(NODE, parts);
  const ready = (status: string): Node => ({ status: { conditions: [{ type: 'Ready', status }] } });

  it('has the status of its Ready condition', () => {
    assert.equal(node({})['Status'], 'Unknown');
    assert.equal(node(ready('True'))['Status'], 'Ready');
    assert.equal(node(ready('Unknown'))['Status'], 'NotReady');
    assert.equal(
      node({ ...ready('True'), spec: { unschedulable: true } })['Status'],
      'Ready,SchedulingDisabled',
    );
  });

  it('has the roles of its labels', () => {
    const labels = {
      'node-role.kubernetes.io/worker': '',
      'node-role.kubernetes.io/control-plane': '',
      'kubernetes.io/role': 'edge',
    };
    assert.equal(node({ metadata: { labels } })['Roles'], 'control-plane,edge,worker');
    assert.equal(node({})['Roles'], '<none>');
  });
});

describe('a row of an Event', () => {
  const involvedObject = { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{main}' };
  const from = { reportingComponent: '', reportingInstance: '', involvedObject };

  it('tells what it is about and when it was seen', () => {
    const cells = row(EVENT, {
      ...from,
      type: 'Normal',
      reason: 'Pulled',
      message: 'it is here\n',
      firstTimestamp: ago(600),
      lastTimestamp: ago(60),
      count: 4,
      source: { component: 'kubelet', host: 'n1' },
    });
    assert.equal(cells['Last Seen'], '60s');
    assert.equal(cells['First Seen'], '10m');
    assert.equal(cells['Object'], 'pod/web');
    assert.equal(cells['Subobject'], 'spec.containers{main}');
    assert.equal(cells['Source'], 'kubelet, n1');
    assert.equal(cells['Message'], 'it is here');
    assert.equal(cells['Count'], 4);
  });

  it('takes the times of the newer API', () => {
    const cells = row(EVENT, {
      ...from,
      reportingComponent: 'scheduler',
      eventTime: ago(600),
      series: { count: 7, lastObservedTime: ago(30) },
    });
    assert.equal(cells['Last Seen'], '30s');
    assert.equal(cells['First Seen'], '10m');
    assert.equal(cells['Source'], 'scheduler');
    assert.equal(cells['Count'], 7);
  });
});

describe('rows of small kinds', () => {
  it('say how much they hold', () => {
    assert.equal(row(SECRET, { type: 'Opaque', data: { a: '', b: '' } })['Data'], 2);
    assert.equal(row(NAMESPACE, { status: { phase: 'Active' } })['Status'], 'Active');
  });

  it('show three endpoints at most', () => {
    const addresses = ['1', '2', '3', '4'].map((last) => ({ ip: `10.0.0.${last}` }));
    const ports = [{ port: 80 }];
    assert.equal(
      row(ENDPOINTS, { subsets: [{ addresses, ports }] })['Endpoints'],
      '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...',
    );
    assert.equal(row(ENDPOINTS, {})['Endpoints'], '<none>');
  });
});
