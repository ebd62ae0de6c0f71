/**
 * Binding: assigns a pod to a node. Create only, and nothing is stored: the API server writes the
 * node into the pod.
 */
import type { Binding } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';

export const BINDING = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  namespaced: true,
  verbs: ['create'],
  schema: 'io.k8s.api.core.v1.Binding',
  countsGeneration: false,
});
