/** Objects by chance through the plug-ins that are on by default: what is stored, or the refusal. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import { Dice } from '../../fuzz/dice.ts';
import type { Case, CaseRequest } from '../model.ts';
import { pod, podSpec } from './default-pods.ts';
import { DEFAULTS_NAMESPACES, defaultsWorld } from './defaults-world.ts';
import { type Area, create, dry, said } from './requests.ts';

type Maker = (dice: Dice) => JsonObject;

interface Sort {
  readonly count: number;
  /** `$` stands for the namespace. */
  readonly url: string;
  readonly make: Maker;
}

const named = (dice: Dice, spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name: dice.chance(0.95) ? 'made' : 'Made', ...metadata },
  ...spec,
});

function claim(dice: Dice): JsonObject {
  const storage = dice.pick(['500Mi', '1Gi', '4Gi', '8Gi', '20Gi']);
  const annotation = { 'volume.beta.kubernetes.io/storage-class': 'fast' };
  return named(
    dice,
    {
      spec: said({
        accessModes: [dice.pick(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteOncePod'])],
        resources: { requests: { storage }, ...(dice.chance(0.1) ? { limits: { storage } } : {}) },
        storageClassName: dice.chance(0.5)
          ? dice.pick(['', 'fast', 'standard', 'lost'])
          : undefined,
        volumeMode: dice.chance(0.2) ? dice.pick(['Block', 'Filesystem']) : undefined,
        volumeName: dice.chance(0.1) ? 'v' : undefined,
        volumeAttributesClassName: dice.chance(0.1) ? 'gold' : undefined,
        dataSource: dice.chance(0.1) ? { kind: 'PersistentVolumeClaim', name: 'other' } : undefined,
      }),
    },
    dice.chance(0.1) ? { annotations: annotation } : {},
  );
}

function volume(dice: Dice): JsonObject {
  return named(dice, {
    spec: said({
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/a' },
      storageClassName: dice.chance(0.5) ? 'fast' : undefined,
      persistentVolumeReclaimPolicy: dice.chance(0.3) ? 'Delete' : undefined,
    }),
  });
}

function service(dice: Dice): JsonObject {
  const named_ = dice.pick(['', 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']);
  const type = named_ === '' ? undefined : named_;
  const ports = Array.from({ length: 1 + dice.below(2) }, (_, index) =>
    said({
      port: 80 + index,
      name: dice.chance(0.8) ? `p${index}` : undefined,
      protocol: dice.chance(0.3) ? dice.pick(['TCP', 'UDP', 'SCTP']) : undefined,
      targetPort: dice.chance(0.3) ? dice.pick<Json>([8080, 'http']) : undefined,
      appProtocol: dice.chance(0.1) ? 'http' : undefined,
    }),
  );
  return named(dice, {
    spec: said({
      type,
      ports,
      selector: dice.chance(0.7) ? { app: 'web' } : undefined,
      externalName: type === 'ExternalName' ? 'example.com' : undefined,
      clusterIP: dice.chance(0.15) ? 'None' : undefined,
      externalIPs: dice.chance(0.1) ? ['192.0.2.9'] : undefined,
      externalTrafficPolicy: dice.chance(0.2) ? 'Local' : undefined,
      internalTrafficPolicy: dice.chance(0.1) ? 'Local' : undefined,
      sessionAffinity: dice.chance(0.2) ? 'ClientIP' : undefined,
      ipFamilyPolicy: dice.chance(0.2)
        ? dice.pick(['SingleStack', 'PreferDualStack', 'RequireDualStack'])
        : undefined,
      allocateLoadBalancerNodePorts: dice.chance(0.1) ? false : undefined,
      publishNotReadyAddresses: dice.chance(0.1) ? true : undefined,
    }),
  });
}

function ingress(dice: Dice): JsonObject {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const annotated = dice.chance(0.15);
  return named(
    dice,
    {
      spec: said({
        ingressClassName: dice.chance(0.4) ? dice.pick(['side', 'lost', 'main']) : undefined,
        defaultBackend: dice.chance(0.5) ? backend : undefined,
        rules: [
          said({
            host: dice.chance(0.5) ? dice.pick(['a.example', '*.a.example']) : undefined,
            http: { paths: [{ path: '/', pathType: dice.pick(['Prefix', 'Exact']), backend }] },
          }),
        ],
      }),
    },
    annotated ? { annotations: { 'kubernetes.io/ingress.class': 'other' } } : {},
  );
}

/** What holds a template of pods. */
function workload(kind: string): Maker {
  return (dice) => {
    const { schedulingGates: _gates, nodeName: _node, ...spec } = podSpec(dice);
    const app = { app: 'web' };
    const isJob = kind.endsWith('Job');
    const { restartPolicy, activeDeadlineSeconds, ...others } = spec;
    const template = {
      metadata: { labels: app },
      spec: isJob
        ? { ...others, restartPolicy: restartPolicy ?? 'Never', ...said({ activeDeadlineSeconds }) }
        : others,
    };
    if (kind === 'Job')
      return named(dice, {
        spec: said({ template, parallelism: dice.chance(0.3) ? 2 : undefined }),
      });
    if (kind === 'CronJob')
      return named(dice, { spec: { schedule: '@daily', jobTemplate: { spec: { template } } } });
    return named(dice, {
      spec: said({
        selector: { matchLabels: app },
        template,
        replicas: kind !== 'DaemonSet' && dice.chance(0.5) ? dice.below(3) : undefined,
        serviceName: kind === 'StatefulSet' ? 'web' : undefined,
      }),
    });
  };
}

function namespace(dice: Dice): JsonObject {
  const name = dice.pick(['made', 'made', 'kube-system', 'Made', 'd-plain', '-']);
  const labels = dice.chance(0.3)
    ? { 'kubernetes.io/metadata.name': dice.pick(['made', 'x']) }
    : undefined;
  return said({
    metadata: said({ name, labels, finalizers: dice.chance(0.1) ? ['example.com/f'] : undefined }),
    spec: dice.chance(0.2)
      ? { finalizers: [dice.pick(['kubernetes', 'example.com/f'])] }
      : undefined,
  });
}

function event(dice: Dice): JsonObject {
  const at = dice.pick(['$', '$', '$', 'default', '']);
  return named(dice, {
    involvedObject: said({ kind: 'Pod', name: 'a', namespace: at === '' ? undefined : at }),
    ...said({
      reason: dice.chance(0.7) ? 'Reason' : undefined,
      type: dice.chance(0.6) ? dice.pick(['Normal', 'Warning', 'Other']) : undefined,
      count: dice.chance(0.3) ? 2 : undefined,
      action: dice.chance(0.2) ? 'Act' : undefined,
      eventTime: dice.chance(0.2) ? '2024-01-01T00:00:00.000000Z' : undefined,
      reportingComponent: dice.chance(0.3) ? 'example.com/c' : undefined,
    }),
  });
}

function node(dice: Dice): JsonObject {
  const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  return named(dice, {
    spec: said({
      taints: dice.chance(0.4)
        ? [dice.pick([notReady, { key: 'a', effect: 'NoExecute' }])]
        : undefined,
      unschedulable: dice.chance(0.2) ? true : undefined,
      podCIDR: dice.chance(0.2) ? '10.0.0.0/24' : undefined,
    }),
  });
}

function configMap(dice: Dice): JsonObject {
  return named(dice, said({ data: { a: 'b' }, immutable: dice.chance(0.2) ? true : undefined }));
}

const SECRET_TYPES = [
  '',
  'Opaque',
  'kubernetes.io/tls',
  'kubernetes.io/service-account-token',
  'a/b',
];

function secret(dice: Dice): JsonObject {
  const type = dice.pick(SECRET_TYPES);
  return named(
    dice,
    said({
      type: type === '' ? undefined : type,
      stringData: dice.chance(0.5) ? { a: 'b' } : undefined,
      immutable: dice.chance(0.2) ? true : undefined,
    }),
    dice.chance(0.3) ? { annotations: { 'kubernetes.io/service-account.name': 'default' } } : {},
  );
}

function autoscaler(dice: Dice): JsonObject {
  return named(dice, {
    spec: said({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
      maxReplicas: 1 + dice.below(3),
      minReplicas: dice.chance(0.5) ? dice.below(4) : undefined,
      behavior: dice.chance(0.3)
        ? { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 10 }] } }
        : undefined,
    }),
  });
}

function networkPolicy(dice: Dice): JsonObject {
  return named(dice, {
    spec: said({
      podSelector: {},
      policyTypes: dice.chance(0.4) ? [dice.pick(['Ingress', 'Egress'])] : undefined,
      ingress: dice.chance(0.4) ? [{ ports: [{ port: 80 }] }] : undefined,
      egress: dice.chance(0.4) ? [{}] : undefined,
    }),
  });
}

function disruptionBudget(dice: Dice): JsonObject {
  return named(dice, {
    spec: said({
      selector: { matchLabels: { a: 'b' } },
      minAvailable: dice.chance(0.5) ? dice.pick<Json>([1, '50%']) : undefined,
      unhealthyPodEvictionPolicy: dice.chance(0.3) ? 'AlwaysAllow' : undefined,
    }),
  });
}

function priorityClass(dice: Dice): JsonObject {
  return named(
    dice,
    said({
      value: dice.pick([1, 2_000_000_000]),
      globalDefault: dice.chance(0.4) ? true : undefined,
      preemptionPolicy: dice.chance(0.4) ? 'Never' : undefined,
    }),
  );
}

/** What an admission plug-in protects, checks or counts. */
const SORTS: Readonly<Record<string, Sort>> = {
  pods: { count: 1_000, url: '/api/v1/namespaces/$/pods', make: pod },
  claims: { count: 160, url: '/api/v1/namespaces/$/persistentvolumeclaims', make: claim },
  volumes: { count: 30, url: '/api/v1/persistentvolumes', make: volume },
  services: { count: 200, url: '/api/v1/namespaces/$/services', make: service },
  ingresses: { count: 80, url: '/apis/networking.k8s.io/v1/namespaces/$/ingresses', make: ingress },
  deployments: {
    count: 60,
    url: '/apis/apps/v1/namespaces/$/deployments',
    make: workload('Deployment'),
  },
  sets: {
    count: 50,
    url: '/apis/apps/v1/namespaces/$/statefulsets',
    make: workload('StatefulSet'),
  },
  daemons: { count: 40, url: '/apis/apps/v1/namespaces/$/daemonsets', make: workload('DaemonSet') },
  jobs: { count: 60, url: '/apis/batch/v1/namespaces/$/jobs', make: workload('Job') },
  'cron jobs': {
    count: 40,
    url: '/apis/batch/v1/namespaces/$/cronjobs',
    make: workload('CronJob'),
  },
  namespaces: { count: 50, url: '/api/v1/namespaces', make: namespace },
  events: { count: 60, url: '/api/v1/namespaces/$/events', make: event },
  nodes: { count: 40, url: '/api/v1/nodes', make: node },
  'config maps': { count: 30, url: '/api/v1/namespaces/$/configmaps', make: configMap },
  secrets: { count: 60, url: '/api/v1/namespaces/$/secrets', make: secret },
  autoscalers: {
    count: 40,
    url: '/apis/autoscaling/v2/namespaces/$/horizontalpodautoscalers',
    make: autoscaler,
  },
  policies: {
    count: 40,
    url: '/apis/networking.k8s.io/v1/namespaces/$/networkpolicies',
    make: networkPolicy,
  },
  budgets: {
    count: 30,
    url: '/apis/policy/v1/namespaces/$/poddisruptionbudgets',
    make: disruptionBudget,
  },
  'priority classes': {
    count: 30,
    url: '/apis/scheduling.k8s.io/v1/priorityclasses',
    make: priorityClass,
  },
};

/** Where pods are asked one at a time and then bound, or resized, or grown. */
function changes(): Case[] {
  return [...Object.entries(TOPOLOGIES), ['lost', {}] as const].map(([name], index): Case => {
    const pods = '/api/v1/namespaces/d-plain/pods';
    const made = `bound-${index}`;
    return {
      id: `defaults of a binding: ${name}`,
      kind: 'defaults/bindings',
      requests: [
        create(pods, {
          metadata: { name: made },
          spec: { containers: [{ name: 'a', image: 'a' }] },
        }),
        create(`${pods}/${made}/binding`, {
          metadata: { name: made },
          target: { kind: 'Node', name },
        }),
        { method: 'GET', url: `${pods}/${made}` },
        { method: 'DELETE', url: `${pods}/${made}?gracePeriodSeconds=0` },
      ],
    };
  });
}

/** Labels of nodes that pods get when they are bound, and others that they do not. */
const TOPOLOGIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'd-none': {},
  'd-zone': { 'topology.kubernetes.io/zone': 'z' },
  'd-both': { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' },
  'd-more': {
    'topology.kubernetes.io/rack': 'k',
    'failure-domain.beta.kubernetes.io/zone': 'old',
    'topology.kubernetes.io/region': 'r',
    'x.topology.kubernetes.io/zone': 'x',
  },
};

/** The object with the namespace in place of its `$`. */
function placed(object: JsonObject, namespace_: string): Json {
  return JSON.parse(JSON.stringify(object).replaceAll('"$"', JSON.stringify(namespace_))) as Json;
}

export function defaultsArea(seed: number): Area {
  const nodes = Object.entries(TOPOLOGIES).map(
    ([name, labels]): CaseRequest => create('/api/v1/nodes', { metadata: { name, labels } }),
  );
  const cases = Object.entries(SORTS).flatMap(([what, { count, url, make }]) =>
    Array.from({ length: count }, (_, index): Case => {
      const ofSort = what.length * 1_000_000 + what.charCodeAt(0) * 10_000;
      const dice = new Dice((seed - 1) * 100_000_000 + ofSort + index);
      const namespace_ = dice.pick(DEFAULTS_NAMESPACES);
      return {
        id: `defaults of ${what} ${index}: ${url.includes('$') ? namespace_ : ''}`,
        kind: `defaults/${what}`,
        requests: [dry(create(url.replace('$', namespace_), placed(make(dice), namespace_)))],
      };
    }),
  );
  return { stored: [...defaultsWorld(), ...nodes], cases: [...cases, ...changes()] };
}
