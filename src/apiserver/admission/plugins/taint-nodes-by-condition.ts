/**
 * TaintNodesByCondition: a node is born not ready, so that nothing is scheduled on it before its
 * kubelet and the node controller say that it can run pods.
 *
 * Source: upstream plugin/pkg/admission/nodetaint.
 */
import type { Node, Taint } from '#api/gen/core-v1.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { isFor, NODES } from '../targets.ts';

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit(attributes) {
    if (
      !isFor(attributes, NODES) ||
      attributes.operation !== 'CREATE' ||
      attributes.subresource !== ''
    )
      return;
    const node = attributes.object as Node | undefined;
    if (node === undefined) return;
    node.spec ??= {};
    const taints = node.spec.taints ?? [];
    const present = taints.some(
      ({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect,
    );
    if (!present) node.spec.taints = [...taints, { ...NOT_READY }];
  },
};
