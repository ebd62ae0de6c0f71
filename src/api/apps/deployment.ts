/** Deployment. Upstream: pkg/registry/apps/deployment/strategy.go, pkg/apis/apps/v1/defaults.go. */
import type { Deployment } from '#api/gen/apps-v1.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  column,
  NAME_COLUMN,
  selectorText,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import { validateDeployment, validateDeploymentStatus } from '../validation/deployment.ts';
import { validateSameSelector } from '../validation/workloads.ts';
import { scaleOf, warnAboutWorkload } from './workloads.ts';

const HISTORY_LIMIT = 10;
const PROGRESS_DEADLINE_SECONDS = 600;

function setDefaults({ spec }: Deployment): void {
  if (spec === undefined) return;
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= HISTORY_LIMIT;
  spec.progressDeadlineSeconds ??= PROGRESS_DEADLINE_SECONDS;
  defaultPodTemplate(spec.template);
}

export const DEPLOYMENT = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.Deployment',
  gatedFields: podGatedFields('spec.template.spec'),
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  scale: scaleOf<Deployment>(),
  columns: [
    NAME_COLUMN,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', ({ status }) => status?.availableReplicas ?? 0),
    AGE_COLUMN,
    ...templateColumns<Deployment>(({ spec }) => spec?.template),
    wideColumn('Selector', ({ spec }) => selectorText(spec?.selector)),
  ],
  setDefaults,
  prepareForCreate: (deployment) => {
    deployment.status = {};
  },
  // The generation of a deployment counts changes of its annotations too.
  prepareForUpdate: (next, old) => {
    if (equalValues(next.metadata?.annotations, old.metadata?.annotations)) return;
    next.metadata = { ...next.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  },
  prepareForStatusUpdate: (next, old) => {
    next.metadata ??= {};
    if (old.metadata?.labels === undefined) delete next.metadata.labels;
    else next.metadata.labels = old.metadata.labels;
  },
  validate: validateDeployment,
  validateUpdate: validateSameSelector,
  validateStatus: validateDeploymentStatus,
  warn: warnAboutWorkload,
});
