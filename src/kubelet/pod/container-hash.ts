/**
 * A short fingerprint of what may change in a container's spec while the pod lives (its image):
 * a running container with another fingerprint is restarted.
 *
 * Upstream: pkg/kubelet/container/helpers.go (HashContainer), v1.36: name and image, FNV-1a over
 * a dump of them, in hexadecimal. Ours has the same form (FNV-1a, 32 bits) over their JSON.
 */
import type { Container, EphemeralContainer } from '#api/gen/core-v1.ts';
import { fnv1a } from '../fnv.ts';

export function containerHash(container: Container | EphemeralContainer): string {
  return fnv1a(JSON.stringify([container.name, container.image ?? ''])).toString(16);
}
