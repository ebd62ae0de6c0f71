/** What the workload kinds share: selectors, the scale subresource, warnings. */
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import type { ScalePaths } from '../kind.ts';
import { selectorText } from '../meta/columns.ts';
import type { KubeObject, LabelSelector } from '../meta/object.ts';
import { isNewSpec, warnAboutName, warnAboutTemplate } from '../validation/warnings.ts';

interface Workload extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector; template?: PodTemplateSpec };
  status?: { replicas?: number };
}

const REPLICAS_PATHS = new Map(
  ['apps/v1beta1', 'apps/v1beta2', 'apps/v1'].map((version) => [version, ['spec', 'replicas']]),
);

/** Replicas of anything with `spec.replicas` and `status.replicas`. */
export function scaleOf<T extends Workload>(): ScalePaths<T> {
  return {
    replicasPaths: REPLICAS_PATHS,
    get: ({ spec, status }) => ({
      replicas: spec?.replicas ?? 0,
      statusReplicas: status?.replicas ?? 0,
      selector: selectorText(spec?.selector),
    }),
    set: (object, replicas) => {
      if (object.spec !== undefined) object.spec.replicas = replicas;
    },
  };
}

/** The name becomes part of hostnames; the template is looked at when the spec is new. */
export function warnAboutWorkload(next: Workload, old?: Workload): string[] {
  return [
    ...(old === undefined ? warnAboutName(next) : []),
    ...(isNewSpec(next, old) ? warnAboutTemplate(next.spec?.template) : []),
  ];
}
