/** Pods by chance that say little: what they leave open, admission fills in or refuses. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Dice } from '../../fuzz/dice.ts';
import { MIRROR } from './node-world.ts';
import { said } from './requests.ts';

const CPU = ['10m', '100m', '1', '1.5', '3', '0'];
const MEMORY = ['16Mi', '64Mi', '128M', '1Gi', '3Gi', '0'];

/** `value()` in so many of a hundred. */
function maybe<T>(dice: Dice, share: number, value: () => T): T | undefined {
  return dice.chance(share / 100) ? value() : undefined;
}

function resources(dice: Dice): JsonObject | undefined {
  const list = (): JsonObject =>
    said({
      cpu: maybe(dice, 70, () => dice.pick(CPU)),
      memory: maybe(dice, 70, () => dice.pick(MEMORY)),
      'ephemeral-storage': maybe(dice, 10, () => dice.pick(['1Gi', '2Gi'])),
    });
  return maybe(dice, 60, () =>
    said({ requests: maybe(dice, 70, list), limits: maybe(dice, 60, list) }),
  );
}

const ENVIRONMENT: readonly Json[] = [
  [{ name: 'A', value: 'b' }],
  [{ name: 'A', valueFrom: { secretKeyRef: { name: 's1', key: 'k' } } }],
  [{ name: 'A', valueFrom: { secretKeyRef: { name: 's2', key: 'k' } } }],
  [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
];

function container(dice: Dice, name: string): JsonObject {
  return said({
    name,
    image: dice.pick(['a', 'a:latest', 'a:1', `a@sha256:${'0'.repeat(64)}`]),
    resources: resources(dice),
    env: maybe(dice, 15, () => dice.pick(ENVIRONMENT)),
    envFrom: maybe(dice, 5, () => [{ secretRef: { name: dice.pick(['s1', 's2']) } }]),
    ports: maybe(dice, 15, () => [
      { containerPort: 80, ...(dice.chance(0.3) ? { hostPort: 80 } : {}) },
    ]),
    volumeMounts: maybe(dice, 8, () => [
      {
        name: 'mine',
        mountPath: dice.pick(['/a', '/var/run/secrets/kubernetes.io/serviceaccount']),
      },
    ]),
    livenessProbe: maybe(dice, 10, () => ({ httpGet: { port: 80 } })),
  });
}

const TOLERATIONS: readonly Json[] = [
  { key: 'a', operator: 'Exists' },
  { operator: 'Exists' },
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists' },
  {
    key: 'node.kubernetes.io/unreachable',
    effect: 'NoExecute',
    tolerationSeconds: 5,
    operator: 'Exists',
  },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', operator: 'Exists' },
  { key: 'runtime', operator: 'Exists', effect: 'NoSchedule' },
];

const VOLUMES: readonly JsonObject[] = [
  { emptyDir: {} },
  { secret: { secretName: 's1' } },
  { secret: { secretName: 's2' } },
  { configMap: { name: 'a' } },
  { hostPath: { path: '/a' } },
  { downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
];

const ACCOUNTS = ['default', 'pulls', 'pulls', 'no-token', 'strict', 'strict', 'lost', ''];
const PRIORITIES = [
  'high',
  'polite',
  'usual',
  'lost',
  'system-node-critical',
  'system-cluster-critical',
  '',
];

/** The spec of a pod; `volumes` hold what containers mount. */
export function podSpec(dice: Dice): JsonObject {
  const containers = Array.from({ length: 1 + dice.below(2) }, (_, i) => container(dice, `c${i}`));
  const initContainers = maybe(dice, 20, () => [
    { ...container(dice, 'i'), ...(dice.chance(0.4) ? { restartPolicy: 'Always' } : {}) },
  ]);
  const mounts = JSON.stringify([containers, initContainers]).includes('"mine"');
  const volumes = [
    ...(mounts ? [{ name: 'mine', emptyDir: {} }] : []),
    ...(dice.chance(0.2) ? [{ name: 'v', ...dice.pick(VOLUMES) }] : []),
  ];
  return said({
    containers,
    initContainers,
    volumes: volumes.length === 0 ? undefined : volumes,
    serviceAccountName: maybe(dice, 35, () => dice.pick(ACCOUNTS)),
    automountServiceAccountToken: maybe(dice, 20, () => dice.chance(0.5)),
    imagePullSecrets: maybe(dice, 10, () => [{ name: dice.pick(['p1', 'p9']) }]),
    tolerations: maybe(dice, 30, () => [dice.pick(TOLERATIONS), dice.pick(TOLERATIONS)]),
    priorityClassName: maybe(dice, 35, () => dice.pick(PRIORITIES)),
    priority: maybe(dice, 6, () => dice.pick([100, 5, 100_000])),
    preemptionPolicy: maybe(dice, 6, () => dice.pick(['Never', 'PreemptLowerPriority'])),
    runtimeClassName: maybe(dice, 20, () =>
      dice.pick(['plain', 'heavy', 'heavy', 'placed', 'lost']),
    ),
    overhead: maybe(dice, 6, () => dice.pick([{ cpu: '250m', memory: '64Mi' }, { cpu: '1' }])),
    nodeSelector: maybe(dice, 10, () => ({ runtime: dice.pick(['placed', 'other']) })),
    activeDeadlineSeconds: maybe(dice, 10, () => 60),
    restartPolicy: maybe(dice, 15, () => dice.pick(['Never', 'OnFailure'])),
    hostNetwork: maybe(dice, 6, () => true),
    nodeName: maybe(dice, 5, () => 'n1'),
    resources: maybe(dice, 8, () => ({
      requests: { cpu: dice.pick(CPU) },
      limits: { cpu: '3', memory: dice.pick(MEMORY) },
    })),
    schedulingGates: maybe(dice, 4, () => [{ name: 'example.com/gate' }]),
    securityContext: maybe(dice, 8, () => ({ runAsUser: 1 })),
  });
}

/** A pod; some are mirrors, as kubelets make them. */
export function pod(dice: Dice): JsonObject {
  const isMirror = dice.chance(0.03);
  return {
    metadata: said({
      name: dice.chance(0.9) ? 'made' : undefined,
      generateName: 'made-',
      annotations: isMirror ? { [MIRROR]: 'x' } : undefined,
      labels: maybe(dice, 30, () => ({ app: 'web', 'topology.kubernetes.io/zone': 'z' })),
    }),
    spec: { ...podSpec(dice), ...(isMirror ? { nodeName: 'n1' } : {}) },
  };
}
