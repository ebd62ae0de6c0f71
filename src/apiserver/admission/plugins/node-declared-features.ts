/**
 * NodeDeclaredFeatureValidator: a pod on a node is changed only as that node declares that it can.
 *
 * Source: KEP-5328; upstream plugin/pkg/admission/nodedeclaredfeatures.
 */
import { featuresToChange } from '#api/core/node-features.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NODES, PODS } from '../targets.ts';

export function nodeDeclaredFeatures({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    async validate(attributes) {
      const { nodeName, needed } = changeOf(attributes);
      if (needed.length === 0) return;
      let node = reader.get(NODES, '', nodeName) as Node | undefined;
      if (node === undefined) {
        await reader.catchUp();
        node = reader.get(NODES, '', nodeName) as Node | undefined;
      }
      const shown = JSON.stringify(nodeName);
      if (node === undefined) throw refusal(attributes, `node ${shown} not found`);
      const declared = node.status?.declaredFeatures ?? [];
      const missing = needed.filter((feature) => !declared.includes(feature));
      if (missing.length === 0) return;
      const message = `pod update requires features ${missing.join(', ')} which are not available on node ${shown}`;
      throw refusal(attributes, message);
    },
  };
}

/** What this request changes of a pod on a node takes. */
function changeOf(attributes: Attributes): { nodeName: string; needed: readonly string[] } {
  const { operation, subresource, object, old } = attributes;
  const [before, after] = [old as Pod | undefined, object as Pod | undefined];
  const nodeName = after?.spec?.nodeName ?? '';
  const nothing = { nodeName, needed: [] };
  if (!isFor(attributes, PODS) || operation !== 'UPDATE' || nodeName === '') return nothing;
  if (subresource !== '' && subresource !== 'resize') return nothing;
  if (before?.metadata?.generation === after?.metadata?.generation) return nothing;
  if (before?.spec === undefined || after?.spec === undefined) return nothing;
  return { nodeName, needed: featuresToChange(before.spec, after.spec) };
}
