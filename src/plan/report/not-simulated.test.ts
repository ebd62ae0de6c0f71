/** What the fork could not know or do: one line for each reason to doubt. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { SeenWrite } from '../fork/write-log.ts';
import { type Doubts, notSimulated } from './not-simulated.ts';
import type { PlannedObject } from './plan-result.ts';

type Facts = KubeObject & Readonly<Record<string, unknown>>;

function doubts(facts: Partial<Doubts>): string[] {
  const nothing: Doubts = { objects: [], unread: [], writes: [], changes: [], pods: [] };
  return notSimulated({ ...nothing, ...facts }).map(({ what, why }) => `${what}: ${why}`);
}

function object(kind: string, facts: object = {}, apiVersion = 'v1'): Facts {
  return { apiVersion, kind, metadata: { namespace: 'shop', name: 'a' }, ...facts };
}

function change(kind: string, facts: Partial<PlannedObject> = {}): PlannedObject {
  const name = { apiVersion: 'v1', kind, namespace: 'shop', name: 'a' };
  return { ...name, action: 'created', asked: true, ...facts };
}

const POD: Pod = { metadata: { namespace: 'shop', name: 'p' }, spec: { containers: [] } };
const WRITE: SeenWrite = {
  operation: 'CREATE',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'shop',
};
const definition = (facts: object = {}): Facts => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: { group: 'example.com', names: { plural: 'widgets', kind: 'Widget' }, ...facts },
});
const WIDGET = change('Widget', { apiVersion: 'example.com/v1' });
const autoscaler = (name: string) =>
  object('HorizontalPodAutoscaler', { spec: { scaleTargetRef: { kind: 'Deployment', name } } });
const claim = object('PersistentVolumeClaim', { status: { phase: 'Pending' } });
const mounting: Pod = {
  ...POD,
  spec: {
    containers: [],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'a' } }],
  },
};
const balanced = (facts: object = {}) =>
  object('Service', { spec: { type: 'LoadBalancer' }, ...facts });

const TABLE: readonly [claim: string, facts: Partial<Doubts>, told: string[]][] = [
  ['nothing', {}, []],
  [
    'kinds that could not be read, and what hangs on them',
    { unread: [{ resource: 'serviceaccounts', reason: 'no' }] },
    [
      'serviceaccounts: no',
      'admission plug-in ServiceAccount: it refuses what names objects that could not be read',
    ],
  ],
  [
    'kinds that could be read in places',
    { unread: [{ resource: 'secrets', reason: 'no', namespaces: ['shop', 'b'] }] },
    ['secrets outside of shop, b: no'],
  ],
  [
    'other API servers',
    {
      objects: [
        object('APIService', { spec: { service: { namespace: 'x', name: 'y' } } }),
        object('APIService', { spec: {} }),
      ],
    },
    ['APIService a: served by x/y, which is not asked'],
  ],
  [
    'conversions of what was written',
    {
      objects: [definition({ conversion: { strategy: 'Webhook' } })],
      writes: [{ ...WRITE, group: 'example.com', resource: 'widgets' }],
    },
    ['CustomResourceDefinition widgets.example.com: its conversion webhook is not called'],
  ],
  [
    'no conversions of others',
    { objects: [definition({ conversion: { strategy: 'Webhook' } })] },
    [],
  ],
  [
    'levels of Pod security',
    {
      objects: [
        object('Namespace', {
          metadata: { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
        }),
      ],
      writes: [WRITE],
    },
    ['Pod security of Namespace shop: its level, baseline, is not enforced'],
  ],
  [
    'autoscalers of what changes',
    { objects: [autoscaler('a'), autoscaler('b')], changes: [change('Deployment')] },
    ['HorizontalPodAutoscaler shop/a: it may scale Deployment a; nothing is measured here'],
  ],
  [
    'claims that wait',
    { objects: [claim], changes: [change('PersistentVolumeClaim')] },
    ['PersistentVolumeClaim shop/a: nothing provisions volumes here: it waits'],
  ],
  [
    'claims of new pods that wait',
    { objects: [claim], pods: [mounting] },
    ['PersistentVolumeClaim shop/a: nothing provisions volumes here: it waits'],
  ],
  ['no claims that waited before', { objects: [claim], pods: [POD] }, []],
  [
    'no claims that are bound',
    { objects: [{ ...claim, status: { phase: 'Bound' } }], pods: [mounting] },
    [],
  ],
  [
    'load balancers to come',
    { objects: [balanced()], changes: [change('Service')] },
    ['Service shop/a: no load balancer is made here'],
  ],
  [
    'no load balancers that are there',
    {
      objects: [balanced({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } } })],
      changes: [change('Service', { action: 'changed' })],
    },
    [],
  ],
  [
    'new nodes',
    {
      objects: [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } }],
      changes: [change('Node')],
    },
    ['Node a: no kubelet runs there: it does not become ready'],
  ],
  [
    'other schedulers',
    { pods: [{ ...POD, spec: { containers: [], schedulerName: 'mine' } }, POD] },
    ['scheduler mine: it does not run here: its pods wait'],
  ],
  [
    'operators',
    { objects: [definition()], changes: [WIDGET] },
    ['the controller of example.com/v1 Widget: what it would do is not known'],
  ],
  [
    'no operators of what stays as it is',
    { objects: [definition()], changes: [{ ...WIDGET, action: 'unchanged' }] },
    [],
  ],
];

describe('not simulated', () => {
  for (const [what, facts, told] of TABLE)
    it(`are ${what}`, () => assert.deepEqual(doubts(facts), told));
});
