/**
 * ImageLocality: prefers nodes that have the pod's images, the larger and the more common the
 * image the more so.
 *
 * Upstream: pkg/scheduler/framework/plugins/imagelocality/image_locality.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { type Plugin, SCORE_MAX } from '../framework.ts';
import { normalizedImageName } from '../node-entry.ts';

const MIB = 1024 * 1024;
/** What is smaller than this in all counts as nothing. */
const SIZE_MIN = 23 * MIB;
const SIZE_PER_CONTAINER_MAX = 1000 * MIB;

function imagesOf({ spec }: Pod): string[] {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const volumes = (spec?.volumes ?? []).flatMap(({ image }) => image?.reference ?? []);
  return [...containers.map(({ image }) => image ?? ''), ...volumes].map(normalizedImageName);
}

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  preScore({ pod }, _nodes, { imageNodes, nodes }) {
    const images = imagesOf(pod).filter((image) => imageNodes.has(image));
    if (images.length === 0) return undefined;
    const containers =
      (pod.spec?.initContainers?.length ?? 0) + (pod.spec?.containers?.length ?? 0);
    const most = SIZE_PER_CONTAINER_MAX * containers;
    const shares = images.map((image) => (imageNodes.get(image) ?? 0) / nodes.length);
    return {
      score(node) {
        let sum = 0;
        for (let i = 0; i < images.length; i++)
          sum += Math.floor((node.images.get(images[i] ?? '') ?? 0) * (shares[i] ?? 0));
        const counted = Math.min(Math.max(sum, SIZE_MIN), most);
        return Math.floor((SCORE_MAX * (counted - SIZE_MIN)) / (most - SIZE_MIN));
      },
    };
  },
};
