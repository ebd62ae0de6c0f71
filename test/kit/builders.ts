/** Objects for tests, in few words: `pod('a ready node=n1')` reads better than twenty lines. */
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Node, Pod, PodPhase, PodSpec, Service, Taint } from '#api/gen/core-v1.ts';
import { VIRTUAL_START_MS } from './virtual-environment.ts';

/** RFC 3339, so many seconds after the start of virtual time. */
export function at(seconds: number): string {
  return `${new Date(VIRTUAL_START_MS + seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** Words: flags (`ready`) and settings (`node=n1`). */
class Words {
  readonly name: string;
  readonly #flags: Set<string>;
  readonly #settings: Map<string, string>;
  constructor(text: string) {
    const [name = '', ...rest] = text.split(' ').filter((word) => word !== '');
    this.name = name;
    this.#flags = new Set(rest.filter((word) => !word.includes('=')));
    this.#settings = new Map(
      rest
        .filter((word) => word.includes('='))
        .map((word) => {
          const equals = word.indexOf('=');
          return [word.slice(0, equals), word.slice(equals + 1)];
        }),
    );
  }
  has(flag: string): boolean {
    return this.#flags.has(flag);
  }
  get(name: string): string | undefined {
    return this.#settings.get(name);
  }
  number(name: string, otherwise: number): number {
    return Number(this.#settings.get(name) ?? otherwise);
  }
}

/**
 * A Pod labelled `app=web` in `default`. Words: `ready`, `phase=Failed`, `node=n1` (n1 unless
 * `unscheduled`), `owner=rs`, `created=10` and `since=20` (seconds), `deleted`, `ip=10.0.0.1`,
 * `restarts=2`, `cost=-5`, `app=db`.
 */
export function pod(text: string): Pod {
  const words = new Words(text);
  const owner = words.get('owner');
  const cost = words.get('cost');
  const ip = words.get('ip');
  const ready = words.has('ready');
  const phase = (words.get('phase') ??
    (words.has('unscheduled') ? 'Pending' : 'Running')) as PodPhase;
  const spec: PodSpec = {
    containers: [
      {
        name: 'main',
        image: 'web',
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      },
    ],
    ...(words.has('unscheduled') ? {} : { nodeName: words.get('node') ?? 'n1' }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: words.name,
      namespace: 'default',
      uid: words.name,
      resourceVersion: '1',
      creationTimestamp: at(words.number('created', 0)),
      labels: { app: words.get('app') ?? 'web' },
      ...(cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(words.has('deleted') ? { deletionTimestamp: at(0) } : {}),
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: 'apps/v1',
                kind: 'ReplicaSet',
                name: owner,
                uid: owner,
                controller: true,
              },
            ],
          }),
    },
    spec,
    status: {
      phase,
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          lastTransitionTime: at(words.number('since', words.number('created', 0))),
        },
      ],
      ...(ip === undefined
        ? {}
        : { podIP: ip, podIPs: ip.split(',').map((each) => ({ ip: each })) }),
      containerStatuses: [
        {
          name: 'main',
          image: 'web',
          imageID: '',
          ready,
          restartCount: words.number('restarts', 0),
        },
      ],
    },
  };
}

/**
 * A ReplicaSet of `default` whose template runs `image` (the name unless given). Words:
 * `replicas=3`, `actual=3` (status.replicas; as spec unless given), `available=3` (as actual unless
 * given), `terminating=2`, `revision=1`, `desired=10` and `max=13` (annotations), `created=0`,
 * `unseen` (the status is of an older generation), `image=v1`, `failed` (ReplicaFailure).
 */
export function replicaSet(text: string): ReplicaSet {
  const words = new Words(text);
  const replicas = words.number('replicas', 0);
  const actual = words.number('actual', replicas);
  const available = words.number('available', actual);
  const annotations: Record<string, string> = {};
  for (const [word, name] of [
    ['revision', 'revision'],
    ['desired', 'desired-replicas'],
    ['max', 'max-replicas'],
  ] as const) {
    const value = words.get(word);
    if (value !== undefined) annotations[`deployment.kubernetes.io/${name}`] = value;
  }
  const image = words.get('image') ?? words.name;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: words.name,
      namespace: 'default',
      uid: words.name,
      generation: 2,
      creationTimestamp: at(words.number('created', 0)),
      annotations,
      labels: { app: 'web', 'pod-template-hash': words.name },
    },
    spec: {
      replicas,
      minReadySeconds: 0,
      selector: { matchLabels: { app: 'web', 'pod-template-hash': words.name } },
      template: template(image, { 'pod-template-hash': words.name }),
    },
    status: {
      replicas: actual,
      readyReplicas: available,
      availableReplicas: available,
      ...(words.get('terminating') !== undefined
        ? { terminatingReplicas: words.number('terminating', 0) }
        : {}),
      observedGeneration: words.has('unseen') ? 1 : 2,
      ...(words.has('failed')
        ? {
            conditions: [
              { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
            ],
          }
        : {}),
    },
  };
}

function template(
  image: string,
  labels: Record<string, string> = {},
): NonNullable<NonNullable<ReplicaSet['spec']>['template']> {
  return {
    metadata: { labels: { app: 'web', ...labels } },
    spec: { containers: [{ name: 'main', image }] },
  };
}

/** A Deployment `web` of `default`. Words: `replicas=3`, `image=v1`, `surge=25%`, `unavailable=1`, `recreate`, `paused`, `history=10`, `deadline=600`, `deleted`. */
export function deployment(text: string): Deployment {
  const words = new Words(`web ${text}`);
  const limit = (name: string): number | string => {
    const value = words.get(name) ?? '25%';
    return value.endsWith('%') ? value : Number(value);
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'web',
      generation: 1,
      ...(words.has('deleted') ? { deletionTimestamp: at(0) } : {}),
    },
    spec: {
      replicas: words.number('replicas', 3),
      minReadySeconds: 0,
      selector: { matchLabels: { app: 'web' } },
      template: template(words.get('image') ?? 'v1'),
      strategy: words.has('recreate')
        ? { type: 'Recreate' }
        : {
            type: 'RollingUpdate',
            rollingUpdate: { maxSurge: limit('surge'), maxUnavailable: limit('unavailable') },
          },
      revisionHistoryLimit: words.number('history', 10),
      progressDeadlineSeconds: words.number('deadline', 600),
      ...(words.has('paused') ? { paused: true } : {}),
    },
  };
}

/** A Service `web` of `default` that selects `app=web`, port 80 to the named port `http`. */
export function service(spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 'svc', labels: { team: 'shop' } },
    spec: {
      selector: { app: 'web' },
      clusterIP: '10.96.0.10',
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }],
      ...spec,
    },
  };
}

/** A Node. Words: `ready=False` (status of Ready; True unless given, `none` for no condition), `zone=a`, `created=0`, `heartbeat=0`, `taint=key:NoExecute`. */
export function node(text: string): Node {
  const words = new Words(text);
  const ready = words.get('ready') ?? 'True';
  const zone = words.get('zone');
  const [key = '', effect = ''] = (words.get('taint') ?? '').split(':');
  const taints: Taint[] = key === '' ? [] : [{ key, effect: effect as Taint['effect'] }];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: words.name,
      uid: words.name,
      resourceVersion: '1',
      creationTimestamp: at(words.number('created', 0)),
      labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone },
    },
    spec: { taints },
    status: {
      conditions:
        ready === 'none'
          ? []
          : [
              {
                type: 'Ready',
                status: ready,
                lastHeartbeatTime: at(words.number('heartbeat', 0)),
                lastTransitionTime: at(0),
              },
            ],
    },
  };
}
