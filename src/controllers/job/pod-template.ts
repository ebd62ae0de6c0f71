/**
 * The Pod that a Job creates; of an indexed Job the Pod knows its index in four ways: annotation,
 * label, host name and environment variable.
 *
 * Upstream: pkg/controller/job/indexed_job_utils.go, v1.36.
 */
import { JOB } from '#api/batch/job.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { podFromTemplate } from '../shared/pods.ts';
import { judgeFailure } from './failure-policy.ts';
import {
  earlierFailures,
  INDEX,
  INDEX_FAILURES,
  INDEX_IGNORED_FAILURES,
  TRACKING_FINALIZER,
} from './pods.ts';
import { countsPerIndex } from './questions.ts';

const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';
/** The server appends five characters, and a label value has at most 63. */
const GENERATE_NAME_MAX = 58;

/** `replaced`: the failed Pod of this index whose failures the new one goes on counting. */
export function podOf(job: Job, index: number | undefined, replaced?: Pod): Pod {
  const { name = '', namespace = '' } = job.metadata ?? {};
  const draft = podFromTemplate(job.spec?.template ?? {}, { name, namespace });
  const { finalizers = [] } = draft.metadata ?? {};
  const metadata = {
    ...draft.metadata,
    finalizers: finalizers.includes(TRACKING_FINALIZER)
      ? finalizers
      : [...finalizers, TRACKING_FINALIZER],
    ownerReferences: [controllerReference(JOB, job)],
  };
  if (index === undefined) return { ...draft, metadata };
  const failures = countsPerIndex(job) ? failureCounts(job, replaced) : {};
  return {
    ...draft,
    metadata: {
      ...metadata,
      generateName: generateName(name, index),
      labels: { ...metadata.labels, [INDEX]: String(index) },
      annotations: { ...metadata.annotations, [INDEX]: String(index), ...failures },
    },
    spec: { ...withIndexVariable(draft.spec), hostname: `${name}-${index}` },
  };
}

function generateName(jobName: string, index: number): string {
  const end = `-${index}-`;
  return jobName.slice(0, GENERATE_NAME_MAX - end.length) + end;
}

function withIndexVariable(spec: PodSpec = { containers: [] }): PodSpec {
  const { containers, initContainers } = spec;
  return {
    ...spec,
    containers: containers.map(withVariable),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withVariable) }),
  };
}

/** A variable of this name that the user set stays. */
function withVariable(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === INDEX_VARIABLE)) return container;
  const fieldRef = { fieldPath: `metadata.labels['${INDEX}']` };
  return { ...container, env: [...env, { name: INDEX_VARIABLE, valueFrom: { fieldRef } }] };
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (replaced === undefined) return { [INDEX_FAILURES]: '0' };
  const { counted, ignored } = earlierFailures(replaced);
  const { counts } = judgeFailure(job.spec?.podFailurePolicy, replaced);
  const ignoredNow = ignored + (counts ? 0 : 1);
  return {
    [INDEX_FAILURES]: String(counted + (counts ? 1 : 0)),
    ...(ignoredNow > 0 ? { [INDEX_IGNORED_FAILURES]: String(ignoredNow) } : {}),
  };
}
