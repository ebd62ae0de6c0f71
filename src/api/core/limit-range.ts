/** LimitRange. Upstream: pkg/registry/core/limitrange, pkg/apis/core/v1/defaults.go. */
import type { LimitRange, LimitRangeItem } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import { validateLimitRange } from '../validation/limit-range.ts';

/** A container's default limit is its maximum; its default request is its limit, or its minimum. */
function defaultItem(item: LimitRangeItem): void {
  if (item.type !== 'Container') return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

export const LIMIT_RANGE = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.LimitRange',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: DEFAULT_COLUMNS,
  setDefaults: (range) => (range.spec?.limits ?? []).forEach(defaultItem),
  validate: validateLimitRange,
});
