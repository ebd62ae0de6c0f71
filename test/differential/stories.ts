/** Several requests that follow each other and are no dry runs; each story has an object of its own. */
import { NAMESPACE } from './kind-urls.ts';
import type { Json } from '#api/meta/object.ts';
import type { Case, CaseRequest } from './model.ts';

const CONFIG_MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const SERVICES = `/api/v1/namespaces/${NAMESPACE}/services`;

const post = (url: string, body: Json): CaseRequest => ({ method: 'POST', url, body });
const put = (url: string, body: Json): CaseRequest => ({ method: 'PUT', url, body });
const get = (url: string): CaseRequest => ({ method: 'GET', url });
const remove = (url: string, body?: Json): CaseRequest => ({
  method: 'DELETE',
  url,
  ...(body === undefined ? {} : { body }),
});
const patch = (url: string, form: string, body: Json): CaseRequest => ({
  method: 'PATCH',
  url,
  headers: { 'content-type': `application/${form}` },
  body,
});
const apply = (url: string, manager: string, body: Json, force = false): CaseRequest =>
  patch(`${url}?fieldManager=${manager}${force ? '&force=true' : ''}`, 'apply-patch+yaml', body);

function configMap(name: string, data: Json, metadata: object = {}): Json {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

function deployment(name: string, container: object = {}, spec: object = {}): Json {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      ...spec,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'a', ...container }] },
      },
    },
  };
}

const STORIES: Readonly<Record<string, readonly CaseRequest[]>> = {
  'a name is taken': [
    post(CONFIG_MAPS, configMap('story-1', {})),
    post(CONFIG_MAPS, configMap('story-1', {})),
    remove(`${CONFIG_MAPS}/story-1`),
    get(`${CONFIG_MAPS}/story-1`),
  ],
  'a finalizer holds an object': [
    post(CONFIG_MAPS, configMap('story-2', {}, { finalizers: ['example.com/hold'] })),
    remove(`${CONFIG_MAPS}/story-2`),
    get(`${CONFIG_MAPS}/story-2`),
    patch(`${CONFIG_MAPS}/story-2`, 'merge-patch+json', {
      metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
    }),
    patch(`${CONFIG_MAPS}/story-2`, 'merge-patch+json', { metadata: { finalizers: null } }),
    get(`${CONFIG_MAPS}/story-2`),
  ],
  'foreground deletion': [
    post(CONFIG_MAPS, configMap('story-3', {})),
    remove(`${CONFIG_MAPS}/story-3`, { propagationPolicy: 'Foreground' }),
    remove(`${CONFIG_MAPS}/story-3`, { propagationPolicy: 'Background' }),
    patch(`${CONFIG_MAPS}/story-3`, 'json-patch+json', [
      { op: 'remove', path: '/metadata/finalizers' },
    ]),
  ],
  'two appliers and a conflict': [
    apply(`${CONFIG_MAPS}/story-4`, 'one', configMap('story-4', { a: '1', b: '1' })),
    apply(`${CONFIG_MAPS}/story-4`, 'two', configMap('story-4', { b: '2', c: '2' })),
    apply(`${CONFIG_MAPS}/story-4`, 'two', configMap('story-4', { b: '2', c: '2' }), true),
    apply(`${CONFIG_MAPS}/story-4`, 'one', configMap('story-4', { a: '1' })),
    apply(`${CONFIG_MAPS}/story-4`, 'two', configMap('story-4', {})),
    put(`${CONFIG_MAPS}/story-4?fieldManager=three`, configMap('story-4', { d: '3' })),
    apply(`${CONFIG_MAPS}/story-4`, 'one', configMap('story-4', { d: '4' })),
  ],
  'an applier of a deployment': [
    apply(
      `${DEPLOYMENTS}/story-5`,
      'one',
      deployment('story-5', { ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] }),
    ),
    apply(`${DEPLOYMENTS}/story-5`, 'two', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: {
        replicas: 3,
        template: {
          spec: {
            containers: [
              { name: 'app', env: [{ name: 'B', value: '2' }] },
              { name: 'more', image: 'b' },
            ],
          },
        },
      },
    }),
    apply(`${DEPLOYMENTS}/story-5`, 'one', deployment('story-5', { image: 'c' })),
    patch(`${DEPLOYMENTS}/story-5`, 'strategic-merge-patch+json', {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'more', $patch: 'delete' },
              {
                name: 'app',
                env: [
                  { name: 'B', $patch: 'delete' },
                  { name: 'C', value: '3' },
                ],
              },
            ],
          },
        },
      },
    }),
    patch(`${DEPLOYMENTS}/story-5`, 'strategic-merge-patch+json', {
      spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    }),
    patch(`${DEPLOYMENTS}/story-5/scale`, 'merge-patch+json', { spec: { replicas: 7 } }),
    apply(`${DEPLOYMENTS}/story-5`, 'one', deployment('story-5', {}, { replicas: 2 })),
    patch(`${DEPLOYMENTS}/story-5/status`, 'merge-patch+json', {
      status: { replicas: 1, observedGeneration: 1 },
    }),
    get(`${DEPLOYMENTS}/story-5`),
    remove(`${DEPLOYMENTS}/story-5`, { propagationPolicy: 'Orphan' }),
  ],
  'client-side apply becomes server-side': [
    post(
      `${CONFIG_MAPS}?fieldManager=kubectl-client-side-apply`,
      configMap(
        'story-6',
        { a: '1', b: '1' },
        {
          annotations: {
            'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(
              configMap('story-6', { a: '1', b: '1' }),
            ),
          },
        },
      ),
    ),
    apply(`${CONFIG_MAPS}/story-6`, 'kubectl', configMap('story-6', { a: '2' })),
  ],
  'a pod is scheduled, runs and ends': [
    post(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'story-7' },
      spec: {
        containers: [{ name: 'app', image: 'a', resources: { requests: { cpu: '1' } } }],
        terminationGracePeriodSeconds: 5,
      },
    }),
    post(`${PODS}/story-7/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'story-7' },
      target: { kind: 'Node', name: 'node-9' },
    }),
    post(`${PODS}/story-7/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'story-7' },
      target: { kind: 'Node', name: 'node-9' },
    }),
    patch(`${PODS}/story-7/status`, 'strategic-merge-patch+json', {
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        podIPs: [{ ip: '10.0.0.5' }],
        podIP: '10.0.0.5',
      },
    }),
    patch(`${PODS}/story-7/resize`, 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'app', resources: { requests: { cpu: '2' } } }] },
    }),
    patch(`${PODS}/story-7`, 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'app', image: 'b' }] },
    }),
    remove(`${PODS}/story-7`),
    get(`${PODS}/story-7`),
    remove(`${PODS}/story-7`, { gracePeriodSeconds: 1 }),
    patch(`${PODS}/story-7/status`, 'strategic-merge-patch+json', {
      status: { phase: 'Succeeded' },
    }),
    remove(`${PODS}/story-7`, { gracePeriodSeconds: 0 }),
    get(`${PODS}/story-7`),
  ],
  'a pod without a node goes at once': [
    post(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'story-8' },
      spec: { containers: [{ name: 'app', image: 'a' }] },
    }),
    remove(`${PODS}/story-8`),
    get(`${PODS}/story-8`),
  ],
  'a pod is evicted': [
    post(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'story-9' },
      spec: { nodeName: 'node-9', containers: [{ name: 'app', image: 'a' }] },
    }),
    post(`${PODS}/story-9/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'story-9' },
    }),
    get(`${PODS}/story-9`),
    remove(`${PODS}/story-9`, { gracePeriodSeconds: 0 }),
  ],
  'a service changes its type': [
    post(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'story-10' },
      spec: { clusterIP: '10.96.77.1', ports: [{ port: 80 }], selector: { a: 'b' } },
    }),
    patch(`${SERVICES}/story-10`, 'merge-patch+json', { spec: { type: 'NodePort' } }),
    patch(`${SERVICES}/story-10`, 'merge-patch+json', {
      spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
    }),
    patch(`${SERVICES}/story-10`, 'merge-patch+json', { spec: { type: 'ClusterIP' } }),
    patch(`${SERVICES}/story-10`, 'merge-patch+json', {
      spec: { type: 'ExternalName', externalName: 'a.example.com' },
    }),
    patch(`${SERVICES}/story-10`, 'merge-patch+json', { spec: { clusterIP: '10.96.77.2' } }),
    remove(`${SERVICES}/story-10`),
  ],
  'two services want one address': [
    post(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'story-11' },
      spec: { clusterIP: '10.96.77.11', type: 'NodePort', ports: [{ port: 80, nodePort: 31_777 }] },
    }),
    post(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'story-12' },
      spec: { clusterIP: '10.96.77.11', ports: [{ port: 80 }] },
    }),
    post(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'story-12' },
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 31_777 }] },
    }),
    post(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'story-12' },
      spec: { clusterIP: '10.200.0.1', ports: [{ port: 80 }] },
    }),
    remove(`${SERVICES}/story-11`),
  ],
  'a resourceVersion is old': [
    post(CONFIG_MAPS, configMap('story-13', {})),
    put(`${CONFIG_MAPS}/story-13`, configMap('story-13', { a: '1' })),
    put(`${CONFIG_MAPS}/story-13`, configMap('story-13', { a: '2' }, { resourceVersion: '1' })),
    put(`${CONFIG_MAPS}/story-13`, configMap('story-13', { a: '2' }, { uid: 'other' })),
    put(`${CONFIG_MAPS}/story-14`, configMap('story-14', {})),
  ],
  'generated names': [post(CONFIG_MAPS, configMap('', {}, { generateName: 'story-15-' }))],
  'an object of a namespace that is not there': [
    post('/api/v1/namespaces/not-there/configmaps', configMap('a', {})),
    get('/api/v1/namespaces/not-there/configmaps'),
    get('/api/v1/namespaces/not-there/configmaps/a'),
    post('/api/v1/namespaces/not-there/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'app', image: 'a' }] },
    }),
  ],
  'paths that are not there': [
    get('/api/v1/none'),
    get('/apis/none/v1'),
    get('/apis/apps/v9/deployments'),
    get('/none'),
    get('/api/v1/namespaces/differential/pods/a/b/c'),
    post('/api/v1/nodes/none/proxy', {}),
  ],
  'methods that are not allowed': [
    { method: 'PUT', url: '/api/v1/nodes' },
    { method: 'PATCH', url: '/api/v1/nodes' },
    { method: 'DELETE', url: '/api/v1/namespaces' },
    { method: 'POST', url: '/api/v1/componentstatuses', body: {} },
    { method: 'TRACE', url: '/api/v1/nodes' },
    { method: 'POST', url: '/version', body: {} },
  ],
  'media types that are not known': [
    { method: 'POST', url: CONFIG_MAPS, headers: { 'content-type': 'text/plain' }, body: 'a' },
    {
      method: 'PATCH',
      url: `${CONFIG_MAPS}/minimal`,
      headers: { 'content-type': 'text/plain' },
      body: 'a',
    },
    {
      method: 'PATCH',
      url: `${CONFIG_MAPS}/minimal`,
      headers: { 'content-type': 'application/json' },
      body: {},
    },
    { method: 'GET', url: CONFIG_MAPS, headers: { accept: 'text/html' } },
    {
      method: 'POST',
      url: `${CONFIG_MAPS}?dryRun=All`,
      headers: { 'content-type': 'application/yaml' },
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\n',
    },
    { method: 'POST', url: `${CONFIG_MAPS}?dryRun=Bad`, body: configMap('a', {}) },
    {
      method: 'POST',
      url: `${CONFIG_MAPS}?fieldManager=${'a'.repeat(129)}`,
      body: configMap('a', {}),
    },
  ],
};

export function storyCases(): Case[] {
  return Object.entries(STORIES).map(([what, requests]) => ({
    id: `story: ${what}`,
    kind: 'stories',
    requests,
  }));
}
