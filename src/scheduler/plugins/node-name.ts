/** NodeName: a pod that names its node fits no other. */
import type { Plugin } from '../framework.ts';

export const nodeName: Plugin = {
  name: 'NodeName',
  filter({ pod }, node) {
    const asked = pod.spec?.nodeName ?? '';
    if (asked === '' || asked === node.name) return undefined;
    return {
      plugin: 'NodeName',
      reasons: ["node(s) didn't match the requested node name"],
      unresolvable: true,
    };
  },
};
