/**
 * The documented fields of the workload kinds, from the table of types, and the stories that must
 * not hold without them.
 */
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import type { AnyKind } from '#api/kind.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { FieldType, TypeSchema } from '#api/schema/types.ts';

interface Subject {
  readonly kind: AnyKind;
  /** Names of files in `test/stories`. */
  readonly stories: readonly string[];
  /** Fields that are not a controller's to read or to write, and where each is tested. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

export interface Field {
  /** `deployments.apps` */
  readonly resource: string;
  /** `spec.strategy.rollingUpdate.maxSurge` */
  readonly path: string;
  readonly stories: readonly string[];
  /** Where it is tested when no controller has to do with it. */
  readonly elsewhere: string | undefined;
}

const SUBJECTS: readonly Subject[] = [
  { kind: DEPLOYMENT, stories: ['deployment', 'deployment-limits'], elsewhere: {} },
  { kind: REPLICA_SET, stories: ['replicas', 'controllers', 'deployment'], elsewhere: {} },
  { kind: REPLICATION_CONTROLLER, stories: ['replicas'], elsewhere: {} },
  { kind: STATEFUL_SET, stories: ['statefulset'], elsewhere: {} },
  { kind: DAEMON_SET, stories: ['daemonset'], elsewhere: {} },
  {
    kind: JOB,
    stories: ['job', 'job-indexed', 'job-failures', 'job-time-to-live', 'job-faults'],
    elsewhere: {
      'spec.manualSelector':
        'src/api/apps/defaults.test.ts: the API server makes a selector, or leaves it',
    },
  },
  { kind: CRON_JOB, stories: ['cron-job'], elsewhere: {} },
  {
    kind: POD_DISRUPTION_BUDGET,
    stories: ['disruption'],
    elsewhere: {
      'spec.unhealthyPodEvictionPolicy':
        'src/apiserver/subresources/subresources.test.ts: only the eviction API reads it',
    },
  },
];

/** Types that are looked at as a whole: they belong to Pods, or to all kinds. */
const WHOLE =
  /\.(PodTemplateSpec|JobTemplateSpec|LabelSelector|PersistentVolumeClaim|ObjectReference|[A-Za-z]*Condition)$/;

/** All of them, those of one kind together. */
export function workloadFields(): Field[] {
  return SUBJECTS.flatMap(({ kind, stories, elsewhere }) => {
    const resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
    const paths = pathsBelow(typeByName(kind.schema), '').filter((path) =>
      /^(spec|status)\./.test(path),
    );
    return paths.map((path) => ({ resource, path, stories, elsewhere: elsewhere[path] }));
  });
}

function pathsBelow(type: TypeSchema, prefix: string): string[] {
  return type.fields.flatMap(({ json, type: of }) => {
    const path = `${prefix}${json}`;
    if (prefix === '' && json !== 'spec' && json !== 'status') return [];
    const inner = objectIn(of);
    if (inner === undefined || WHOLE.test(inner.name)) return [path];
    // A member that only groups others is there when they are.
    return pathsBelow(inner, `${path}.`);
  });
}

/** The type of the object, or of the objects in the list. */
function objectIn(type: FieldType): TypeSchema | undefined {
  if (type.kind === 'object') return type.type;
  return type.kind === 'list' && type.of.kind === 'object' ? type.of.type : undefined;
}
