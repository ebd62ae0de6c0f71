/** PodTemplate. Upstream: pkg/registry/core/podtemplate/strategy.go. */
import type { PodTemplate } from '#api/gen/core-v1.ts';
import { podGatedFields } from './pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  column,
  containerImages,
  containerNames,
  formatLabels,
  NAME_COLUMN,
} from '../meta/columns.ts';
import { fieldPath } from '../meta/field.ts';
import { validatePodTemplate } from '../validation/pod-template.ts';
import { isNewSpec, warnAboutTemplate } from '../validation/warnings.ts';
import { defaultPodTemplate } from './pod-defaults.ts';

export const POD_TEMPLATE = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  gatedFields: podGatedFields('template.spec'),
  countsGeneration: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Containers', (object) => containerNames(object.template)),
    column('Images', (object) => containerImages(object.template)),
    column('Pod Labels', (object) => formatLabels(object.template?.metadata?.labels)),
  ],
  setDefaults: (object) => defaultPodTemplate(object.template),
  validate: (object) => validatePodTemplate(object.template, fieldPath('template')),
  warn: (next, old) => (isNewSpec(next, old) ? warnAboutTemplate(next.template, 'template') : []),
});
