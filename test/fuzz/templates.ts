/** Small valid objects of common kinds: what the fuzzer mutates, so that much of it is let in. */
import type { JsonObject } from '#api/meta/object.ts';

const labels = { app: 'a' };
const selector = { matchLabels: labels };
const podSpec: JsonObject = {
  containers: [
    {
      name: 'main',
      image: 'example/a',
      ports: [{ containerPort: 80 }],
      env: [{ name: 'A', value: 'b' }],
    },
  ],
  volumes: [{ name: 'v', emptyDir: {} }],
};
const template: JsonObject = { metadata: { labels }, spec: podSpec };
const claim: JsonObject = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
};
const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];

/** By kind: all of the object but its metadata, kind and apiVersion. */
export const TEMPLATES: Readonly<Record<string, JsonObject>> = {
  Pod: { spec: podSpec },
  ConfigMap: { data: { a: 'b', c: 'd' } },
  Secret: { type: 'Opaque', data: { a: 'YQ==' } },
  Service: { spec: { selector: labels, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } },
  Endpoints: { subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 80 }] }] },
  EndpointSlice: {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.1.1'] }],
    ports: [{ port: 80, name: '', protocol: 'TCP' }],
  },
  Namespace: {},
  Node: { spec: { podCIDR: '10.2.0.0/24' } },
  ServiceAccount: {},
  Event: {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' },
    reason: 'Tested',
    type: 'Normal',
  },
  PersistentVolume: {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/tmp/a' },
    },
  },
  PersistentVolumeClaim: { spec: claim },
  ResourceQuota: { spec: { hard: { pods: '10' } } },
  LimitRange: { spec: { limits: [{ type: 'Container', default: { cpu: '100m' } }] } },
  ReplicationController: { spec: { replicas: 1, selector: labels, template } },
  Deployment: { spec: { replicas: 1, selector, template } },
  ReplicaSet: { spec: { replicas: 1, selector, template } },
  StatefulSet: {
    spec: {
      serviceName: 'a',
      selector,
      template,
      volumeClaimTemplates: [{ metadata: { name: 'v' }, spec: claim }],
    },
  },
  DaemonSet: { spec: { selector, template } },
  Job: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
  CronJob: {
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
    },
  },
  HorizontalPodAutoscaler: {
    spec: {
      maxReplicas: 3,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
    },
  },
  PodDisruptionBudget: { spec: { minAvailable: 1, selector } },
  Ingress: {
    spec: {
      rules: [
        {
          host: 'a.example.com',
          http: {
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'a', port: { number: 80 } } },
              },
            ],
          },
        },
      ],
    },
  },
  IngressClass: { spec: { controller: 'example.com/a' } },
  NetworkPolicy: {
    spec: { podSelector: selector, ingress: [{ from: [{ podSelector: selector }] }] },
  },
  StorageClass: { provisioner: 'example.com/a' },
  PriorityClass: { value: 10 },
  RuntimeClass: { handler: 'a' },
  Lease: { spec: { holderIdentity: 'a', leaseDurationSeconds: 15 } },
  Role: { rules },
  ClusterRole: { rules },
  RoleBinding: {
    roleRef: role,
    subjects: [{ kind: 'User', name: 'a', apiGroup: 'rbac.authorization.k8s.io' }],
  },
  ClusterRoleBinding: {
    roleRef: role,
    subjects: [{ kind: 'User', name: 'a', apiGroup: 'rbac.authorization.k8s.io' }],
  },
  CertificateSigningRequest: {
    spec: { request: 'YQ==', signerName: 'example.com/a', usages: ['client auth'] },
  },
  CustomResourceDefinition: {
    spec: {
      group: 'fuzz.example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { replicas: { type: 'integer' }, text: { type: 'string' } },
                },
                status: { type: 'object', properties: { replicas: { type: 'integer' } } },
              },
            },
          },
        },
      ],
    },
  },
  Eviction: {},
  Scale: { spec: { replicas: 2 } },
  TokenRequest: { spec: { audiences: ['a'] } },
  Binding: { target: { kind: 'Node', name: 'a' } },
  SubjectAccessReview: {
    spec: { user: 'a', resourceAttributes: { verb: 'get', resource: 'pods' } },
  },
  SelfSubjectAccessReview: { spec: { nonResourceAttributes: { verb: 'get', path: '/' } } },
  TokenReview: { spec: { token: 'x' } },
};
