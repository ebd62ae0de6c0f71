/**
 * How traffic of pods is told from that of everybody else: by its source address, or by the
 * interface that it came in by.
 *
 * Upstream: pkg/proxy/util/localdetector.go, v1.36.
 */
import type { IpFamily } from './ip-family.ts';

export type LocalTraffic =
  /** From this CIDR: of the cluster's pods, or of this node's. */
  | { readonly kind: 'range'; readonly cidr: string }
  /** By this interface. */
  | { readonly kind: 'interface'; readonly name: string }
  /** By an interface whose name begins so. */
  | { readonly kind: 'interfacePrefix'; readonly prefix: string };

/** The match of a rule; `!=`: of all other traffic, that of the node itself too. */
export function localMatch(local: LocalTraffic, family: IpFamily, not: '' | '!='): string {
  const operator = not === '' ? '' : `${not} `;
  switch (local.kind) {
    case 'range':
      return `${family} saddr ${operator}${local.cidr}`;
    case 'interface':
      return `iifname ${operator}${JSON.stringify(local.name)}`;
    case 'interfacePrefix':
      return `iifname ${operator}${JSON.stringify(`${local.prefix}*`)}`;
  }
}
