/**
 * PodNodeSelector: pods get the node selector of their namespace, and none beyond what the namespace
 * may use.
 *
 * Source: upstream plugin/pkg/admission/podnodeselector.
 */
import { forbidden, internalError, isNotFound } from '#api/meta/status.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { labelMapOf, labelsConflict } from '../label-map.ts';
import { ownNamespace } from '../own-namespace.ts';
import type { AdmissionServices } from '../services.ts';
import { writtenPod } from '../written-pod.ts';

const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector';
/** In the configuration, beside the names of namespaces. */
const CLUSTER_DEFAULT = 'clusterDefaultNodeSelector';

type Labels = Readonly<Record<string, string>>;

export function podNodeSelector({ reader, configuration }: AdmissionServices): AdmissionPlugin {
  const configured = configuration?.nodeSelectors ?? {};

  const ofNamespace = async (attributes: Attributes): Promise<Labels> => {
    const { metadata } = await ownNamespace(reader, attributes).catch((error: unknown): never => {
      if (!isNotFound(error)) throw error;
      throw internalError(`namespace ${attributes.namespace} does not exist`);
    });
    return labelMapOf(metadata?.annotations?.[ANNOTATION] ?? configured[CLUSTER_DEFAULT] ?? '');
  };

  const check = (attributes: Attributes, selector: Labels, given: Labels): void => {
    if (labelsConflict(selector, given))
      throw refused(
        attributes,
        'pod node label selector conflicts with its namespace node label selector',
      );
  };

  const validate = async (attributes: Attributes): Promise<void> => {
    const pod = writtenPod(attributes, ['CREATE']);
    if (pod === undefined) return;
    const given = pod.spec.nodeSelector ?? {};
    check(attributes, await ofNamespace(attributes), given);
    const allowed = labelMapOf(configured[attributes.namespace] ?? '');
    const isBeyond = Object.entries(given).some(([key, value]) => allowed[key] !== value);
    if (Object.keys(allowed).length > 0 && isBeyond)
      throw refused(
        attributes,
        'pod node label selector labels conflict with its namespace whitelist',
      );
  };

  return {
    name: 'PodNodeSelector',
    async admit(attributes) {
      const pod = writtenPod(attributes, ['CREATE']);
      if (pod === undefined) return;
      const selector = await ofNamespace(attributes);
      check(attributes, selector, pod.spec.nodeSelector ?? {});
      const nodeSelector = { ...selector, ...pod.spec.nodeSelector };
      if (Object.keys(nodeSelector).length > 0) pod.spec.nodeSelector = nodeSelector;
      await validate(attributes);
    },
    validate,
  };
}

function refused({ object }: Attributes, message: string): Error {
  return forbidden({ group: '', resource: 'pods' }, object?.metadata?.name ?? '', message);
}
