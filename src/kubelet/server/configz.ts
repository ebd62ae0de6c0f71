/**
 * `/configz`: with what the kubelet runs, in the words of its configuration file.
 *
 * Source: kubelet.config.k8s.io/v1beta1, KubeletConfiguration; upstream
 * staging/src/k8s.io/component-base/configz, v1.36.
 */
import { withDefaultEviction } from '../config/defaults.ts';
import type { KubeletConfiguration } from '../config/types.ts';

export function configz(configuration: KubeletConfiguration) {
  return { kubeletconfig: withDefaultEviction(configuration) };
}
