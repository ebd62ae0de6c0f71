/**
 * PrioritySort: the pod of higher priority first, then the one that waits for longer.
 *
 * Upstream: pkg/scheduler/framework/plugins/queuesort/priority_sort.go, v1.36.
 */
import type { Plugin } from '../framework.ts';

export const prioritySort: Plugin = {
  name: 'PrioritySort',
  less(left, right) {
    if (left.info.priority !== right.info.priority) return left.info.priority > right.info.priority;
    if (left.sinceMs !== right.sinceMs) return left.sinceMs < right.sinceMs;
    return left.order < right.order;
  },
};
