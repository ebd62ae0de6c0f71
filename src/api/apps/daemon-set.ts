/** DaemonSet. Upstream: pkg/registry/apps/daemonset/strategy.go, pkg/apis/apps/v1/defaults.go. */
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  column,
  formatLabels,
  formatLabelSelector,
  integerColumn,
  NAME_COLUMN,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import { validateDaemonSet, validateDaemonSetStatus } from '../validation/daemon-set.ts';
import { warnAboutTemplate } from '../validation/warnings.ts';
import { validateSameSelector } from '../validation/workloads.ts';

const HISTORY_LIMIT = 10;
/** apps/v1 keeps the template's generation in an annotation; the field was extensions/v1beta1's. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

function setDefaults(set: DaemonSet): void {
  // The conversion to the internal type and back always writes it.
  if (set.metadata?.annotations?.[TEMPLATE_GENERATION] === undefined) setTemplateGeneration(set, 0);
  const { spec } = set;
  if (spec === undefined) return;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= HISTORY_LIMIT;
  defaultPodTemplate(spec.template);
}

function templateGeneration({ metadata }: DaemonSet): number {
  const value = Number(metadata?.annotations?.[TEMPLATE_GENERATION] ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata ??= {};
  set.metadata.annotations = {
    ...set.metadata.annotations,
    [TEMPLATE_GENERATION]: String(generation),
  };
}

const NO_PODS = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

export const DAEMON_SET = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  tellsChangesFirst: true,
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  gatedFields: podGatedFields('spec.template.spec'),
  fieldAnnotations: [TEMPLATE_GENERATION],
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    integerColumn('Desired', ({ status }) => status?.desiredNumberScheduled),
    integerColumn('Current', ({ status }) => status?.currentNumberScheduled),
    integerColumn('Ready', ({ status }) => status?.numberReady),
    integerColumn('Up-to-date', ({ status }) => status?.updatedNumberScheduled),
    integerColumn('Available', ({ status }) => status?.numberAvailable),
    column('Node Selector', ({ spec }) => formatLabels(spec?.template?.spec?.nodeSelector)),
    AGE_COLUMN,
    ...templateColumns<DaemonSet>(({ spec }) => spec?.template),
    wideColumn('Selector', ({ spec }) => formatLabelSelector(spec?.selector)),
  ],
  setDefaults,
  prepareForCreate: (set) => {
    set.status = { ...NO_PODS };
    setTemplateGeneration(set, Math.max(templateGeneration(set), 1));
  },
  prepareForUpdate: (next, old) => {
    const changed = !equalValues(next.spec?.template, old.spec?.template);
    setTemplateGeneration(next, templateGeneration(old) + (changed ? 1 : 0));
  },
  prepareForStatusUpdate: (next, old) => setTemplateGeneration(next, templateGeneration(old)),
  validate: validateDaemonSet,
  validateUpdate: validateSameSelector,
  validateStatus: validateDaemonSetStatus,
  warn: (next, old) =>
    old === undefined || templateGeneration(next) !== templateGeneration(old)
      ? warnAboutTemplate(next.spec?.template)
      : [],
});
