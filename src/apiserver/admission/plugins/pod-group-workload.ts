/**
 * PodGroupWorkloadExists: a PodGroup is made from a template that its Workload has.
 *
 * Source: KEP-4671; upstream plugin/pkg/admission/podgroup, v1.36 (gate GenericWorkload).
 */
import type { PodGroup, Workload } from '#api/gen/scheduling-v1alpha2.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, POD_GROUPS, WORKLOADS } from '../targets.ts';

export function podGroupWorkloadExists({ reader, gates }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'PodGroupWorkloadExists',
    async validate(attributes) {
      const { operation, subresource, namespace, object } = attributes;
      if (!isFor(attributes, POD_GROUPS) || operation !== 'CREATE' || subresource !== '') return;
      if (!gates.enabled('GenericWorkload')) return;
      const named = (object as PodGroup | undefined)?.spec?.podGroupTemplateRef?.workload;
      if (named === undefined) return;
      const { workloadName, podGroupTemplateName } = named;
      const read = (): Workload | undefined =>
        reader.get(WORKLOADS, namespace, workloadName) as Workload | undefined;
      let workload = read();
      if (workload === undefined) {
        await reader.catchUp();
        workload = read();
      }
      const shown = JSON.stringify(workloadName);
      if (workload === undefined)
        throw refusal(attributes, `PodGroup rejected: Workload ${shown} not found`);
      const templates = workload.spec?.podGroupTemplates ?? [];
      if (templates.some(({ name }) => name === podGroupTemplateName)) return;
      throw refusal(
        attributes,
        `PodGroup rejected: PodGroupTemplate ${JSON.stringify(podGroupTemplateName)} not found in Workload ${shown}`,
      );
    },
  };
}
