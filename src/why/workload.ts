/**
 * Why a workload has fewer pods than it wants: what its controller was told when it made one. Whoever
 * refused the pod is named: a webhook, a policy, a quota, the Pod security level of the namespace.
 */
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { MUTATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/mutating-webhook-configuration.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/validating-webhook-configuration.ts';
import { JOB } from '#api/batch/job.ts';
import { EVENT } from '#api/core/event.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import type { Event } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isStatus } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { type Cause, type Explanation, newestEvent } from './explanation.ts';

/** How many pods it wants, and how many there are. */
interface Counts {
  readonly wanted: number;
  readonly made: number;
}

type Figures = Readonly<Record<string, number | undefined>>;
type Counting = (spec: Figures, status: Figures) => Counts;

const replicas: Counting = (spec, status) => ({
  wanted: spec['replicas'] ?? 1,
  made: status['replicas'] ?? 0,
});

const WORKLOADS: readonly (readonly [ResourceType<KubeObject>, Counting])[] = [
  [DEPLOYMENT, replicas],
  [REPLICA_SET, replicas],
  [STATEFUL_SET, replicas],
  [REPLICATION_CONTROLLER, replicas],
  [
    DAEMON_SET,
    (_, status) => ({
      wanted: status['desiredNumberScheduled'] ?? 0,
      made: status['currentNumberScheduled'] ?? 0,
    }),
  ],
  [
    JOB,
    (spec, status) => {
      const done = status['succeeded'] ?? 0;
      const left = Math.max(0, (spec['completions'] ?? (done > 0 ? 0 : 1)) - done);
      return {
        wanted: Math.min(spec['parallelism'] ?? 1, left),
        made: status['active'] ?? 0,
      };
    },
  ],
];

/** Undefined for what is no workload. */
export async function explainWorkload(
  client: Client,
  type: ResourceType<KubeObject>,
  object: KubeObject,
): Promise<Explanation | undefined> {
  const [, count] =
    WORKLOADS.find(([{ group, plural }]) => group === type.group && plural === type.plural) ?? [];
  if (count === undefined) return undefined;
  const { spec = {}, status = {} } = object as unknown as { spec?: Figures; status?: Figures };
  const { name = '' } = object.metadata ?? {};
  const over = endOf(object);
  if (over !== undefined) return plain(`${type.kind} ${name} is ${over}, and makes no pods.`);
  const { wanted, made } = count(spec, status);
  const has = `${type.kind} ${name} has ${made} of ${wanted} pods`;
  if (made >= wanted) return plain(`${has}: cox why pod NAME says more of one.`);
  const event = newestEvent(await eventsOf(client, type, object), ['FailedCreate']);
  if (event === undefined) return plain(`${has}, and no event says why.`);
  const refusal = refusalIn(event.message ?? '');
  return {
    sentence: `${has}: ${refusal.said}.`,
    causes: [{ what: refusal.what, detail: event.message ?? '' }],
    remedies: await remediesFor(client, refusal),
  };
}

interface WithConditions {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const ENDS: Readonly<Record<string, string>> = {
  Complete: 'complete',
  Failed: 'failed',
  Suspended: 'suspended',
};

/** Of a Job that is over, or at rest. */
function endOf({ status }: KubeObject & WithConditions): string | undefined {
  const ended = status?.conditions?.find(
    (condition) => condition.status === 'True' && condition.type in ENDS,
  );
  return ended === undefined ? undefined : ENDS[ended.type];
}

function plain(sentence: string): Explanation {
  return { sentence, causes: [], remedies: [] };
}

/** Its own, and of a Deployment those of its ReplicaSets. */
async function eventsOf(
  client: Client,
  type: ResourceType<KubeObject>,
  { metadata }: KubeObject,
): Promise<readonly Event[]> {
  const { namespace = '', uid = '' } = metadata ?? {};
  const owners =
    type.plural === DEPLOYMENT.plural
      ? (await listed(client, REPLICA_SET, { namespace }))
          .filter((set) => set.metadata?.ownerReferences?.some((owner) => owner.uid === uid))
          .map((set) => set.metadata?.uid ?? '')
      : [uid];
  const events = await Promise.all(
    owners.map((owner) =>
      listed(client, EVENT, { namespace, fieldSelector: `involvedObject.uid=${owner}` }),
    ),
  );
  return events.flat();
}

/** What may not be read is left out. */
async function listed<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  options: { readonly namespace?: string; readonly fieldSelector?: string } = {},
): Promise<readonly T[]> {
  try {
    return (await client.list(type, options)).items;
  } catch (error) {
    if (isStatus(error, 'Forbidden')) return [];
    throw error;
  }
}

interface Refusal {
  readonly by: 'denying webhook' | 'failing webhook' | 'policy' | 'quota' | 'level' | 'other';
  readonly name: string;
  readonly what: string;
  /** Behind the number of pods, in the sentence. */
  readonly said: string;
}

/** Who refused a pod, by the words in which the API server says so. */
const REFUSALS: readonly (readonly [RegExp, Refusal['by'], (name: string) => string, string])[] = [
  [
    /admission webhook "([^"]+)" denied the request/,
    'denying webhook',
    (name) => `webhook ${name}`,
    'refuses them',
  ],
  [
    /failed calling webhook "([^"]+)"/,
    'failing webhook',
    (name) => `webhook ${name}`,
    'cannot be asked about them',
  ],
  [
    /ValidatingAdmissionPolicy '([^']+)'/,
    'policy',
    (name) => `ValidatingAdmissionPolicy ${name}`,
    'refuses them',
  ],
  [/exceeded quota: ([^,\s]+)/, 'quota', (name) => `ResourceQuota ${name}`, 'has no room for them'],
  [
    /violates PodSecurity "([^"]+)"/,
    'level',
    (name) => `Pod security level ${name}`,
    'forbids them',
  ],
];

function refusalIn(message: string): Refusal {
  for (const [words, by, shown, verb] of REFUSALS) {
    const name = words.exec(message)?.[1];
    if (name !== undefined) return { by, name, what: shown(name), said: `${shown(name)} ${verb}` };
  }
  return { by: 'other', name: '', what: 'FailedCreate', said: 'the next one cannot be made' };
}

async function remediesFor(client: Client, { by, name }: Refusal): Promise<string[]> {
  switch (by) {
    case 'denying webhook':
      return [
        'change the pod template as the webhook asks',
        ...(await places(client, name, false)),
      ];
    case 'failing webhook':
      return places(client, name, true);
    case 'policy':
      return ['change the pod template as the policy asks'];
    case 'quota':
      return [`raise ResourceQuota ${name}, or delete what uses it up`];
    case 'level':
      return [
        'change the pod template',
        'or the label pod-security.kubernetes.io/enforce of the namespace',
      ];
    default:
      return [];
  }
}

const WEBHOOKS = [VALIDATING_WEBHOOK_CONFIGURATION, MUTATING_WEBHOOK_CONFIGURATION] as const;

/** Where the webhook is configured, and what may be done there. */
async function places(client: Client, name: string, fails: boolean): Promise<string[]> {
  const found = await Promise.all(
    WEBHOOKS.map(async (type) =>
      (await listed<KubeObject & { webhooks?: readonly Configured[] }>(client, type)).flatMap(
        ({ metadata, webhooks = [] }) =>
          webhooks
            .filter((webhook) => webhook.name === name)
            .map((webhook) => ({ place: `${type.kind} ${metadata?.name ?? ''}`, webhook })),
      ),
    ),
  );
  const own: Cause[] = found.flat().map(({ place, webhook: { clientConfig } }) => ({
    what: place,
    detail: serverOf(clientConfig),
  }));
  const see = own.map(({ what, detail }) => `see to ${detail}, which ${what} names`);
  const rest = own.map(({ what }) =>
    fails
      ? `or let writes pass meanwhile: failurePolicy Ignore in ${what}`
      : `or leave the namespace out: namespaceSelector in ${what}`,
  );
  return fails ? [...see, ...rest, 'cox why webhooks says how often it fails'] : rest;
}

interface Configured {
  readonly name: string;
  readonly clientConfig: {
    readonly url?: string;
    readonly service?: { readonly namespace: string; readonly name: string };
  };
}

function serverOf({ url, service }: Configured['clientConfig']): string {
  return service === undefined
    ? `the server at ${url ?? ''}`
    : `Service ${service.namespace}/${service.name}`;
}
