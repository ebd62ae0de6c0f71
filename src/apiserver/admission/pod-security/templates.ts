/**
 * The pods in objects that make pods, and what of a change of a pod matters.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/admission/admission.go, v1.36
 * (DefaultPodSpecExtractor, isSignificantPodUpdate).
 */
import type { CronJob, Job } from '#api/gen/batch-v1.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Container, PodSpec, PodTemplate } from '#api/gen/core-v1.ts';
import type { ApiObject } from '../../api-object.ts';
import type { Attributes } from '../admission.ts';
import type { CheckedPod } from './check.ts';

type Template = { readonly metadata?: object; readonly spec?: PodSpec } | undefined;

const ofSpec = (object: ApiObject): Template => (object as Deployment).spec?.template;

/** Kinds that make pods, and where their template is. */
const TEMPLATES: ReadonlyMap<string, (object: ApiObject) => Template> = new Map([
  ['replicationcontrollers.', ofSpec],
  ['podtemplates.', (object: ApiObject): Template => (object as PodTemplate).template],
  ['replicasets.apps', ofSpec],
  ['deployments.apps', ofSpec],
  ['statefulsets.apps', ofSpec],
  ['daemonsets.apps', ofSpec],
  ['jobs.batch', (object: ApiObject): Template => (object as Job).spec?.template],
  [
    'cronjobs.batch',
    (object: ApiObject): Template => (object as CronJob).spec?.jobTemplate.spec?.template,
  ],
]);

const keyOf = ({ kind }: Pick<Attributes, 'kind'>): string => `${kind.plural}.${kind.group}`;

export function makesPods(attributes: Pick<Attributes, 'kind'>): boolean {
  return TEMPLATES.has(keyOf(attributes));
}

/** The template of an object that makes pods; undefined where it has none. */
export function templateOf(
  attributes: Pick<Attributes, 'kind' | 'object'>,
): CheckedPod | undefined {
  const { object } = attributes;
  const template = object === undefined ? undefined : TEMPLATES.get(keyOf(attributes))?.(object);
  return template === undefined ? undefined : checkedPod(template);
}

/** Of an object that has the metadata and the spec of a pod. */
export function checkedPod({ metadata, spec }: NonNullable<Template>): CheckedPod {
  return { ...(metadata === undefined ? {} : { metadata }), spec: spec ?? { containers: [] } };
}

/** Whether the update runs other images: all else that the checks look at stays as it was made. */
export function isSignificant(next: PodSpec, old: PodSpec): boolean {
  return (
    hasNewImages(next.containers, old.containers) ||
    hasNewImages(next.initContainers ?? [], old.initContainers ?? []) ||
    (next.ephemeralContainers ?? []).some(
      ({ name, image }) =>
        old.ephemeralContainers?.find((before) => before.name === name)?.image !== image,
    )
  );
}

function hasNewImages(next: readonly Container[], old: readonly Container[]): boolean {
  return next.length !== old.length || next.some(({ image }, i) => image !== old[i]?.image);
}
