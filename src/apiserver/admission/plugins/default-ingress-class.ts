/**
 * DefaultIngressClass: an Ingress that names no class gets the default one.
 *
 * Source: upstream plugin/pkg/admission/network/defaultingressclass.
 */
import type { Ingress, IngressClass } from '#api/gen/networking-v1.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { newestDefault } from '../default-class.ts';
import type { AdmissionServices } from '../services.ts';
import { INGRESS_CLASSES, INGRESSES, isFor } from '../targets.ts';

const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

export function defaultIngressClass({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    admit(attributes) {
      const { operation, subresource } = attributes;
      if (!isFor(attributes, INGRESSES) || operation !== 'CREATE' || subresource !== '') return;
      const ingress = attributes.object as Ingress | undefined;
      if (ingress === undefined || ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata?.annotations?.[CLASS_ANNOTATION] !== undefined) return;
      const classes = reader.list(INGRESS_CLASSES) as Iterable<IngressClass>;
      const name = newestDefault(classes, [IS_DEFAULT]);
      if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
    },
  };
}
