/**
 * What the configuration asks of the kernel's connection tracking, as sysctls.
 *
 * Source: upstream v1.36 cmd/kube-proxy/app/server_linux.go (setupConntrack) and conntrack.go.
 */
import { parseDuration } from '#api/codec/duration.ts';
import type { ProxyConfig } from './config.ts';

const PREFIX = 'net.netfilter.nf_conntrack_';
const NANOS_PER_SECOND = 1e9;

/** A sysctl and its value; `atLeast`: a larger one stays. */
export interface Setting {
  readonly name: string;
  readonly value: number;
  readonly atLeast: boolean;
}

/** `cores`: of the machine. Zero leaves a setting as it is. */
export function conntrackSettings(
  { maxPerCore, min, ...config }: ProxyConfig['conntrack'],
  cores: number,
): Setting[] {
  const seconds = (text: string): number => Math.trunc(parseDuration(text) / NANOS_PER_SECOND);
  const most = maxPerCore === 0 ? 0 : Math.max(maxPerCore * cores, min);
  const settings: readonly (readonly [name: string, value: number])[] = [
    ['tcp_timeout_established', seconds(config.tcpEstablishedTimeout)],
    ['tcp_timeout_close_wait', seconds(config.tcpCloseWaitTimeout)],
    ['tcp_be_liberal', config.tcpBeLiberal ? 1 : 0],
    ['udp_timeout', seconds(config.udpTimeout)],
    ['udp_timeout_stream', seconds(config.udpStreamTimeout)],
  ];
  return [{ name: `${PREFIX}max`, value: most, atLeast: true }]
    .concat(settings.map(([name, value]) => ({ name: PREFIX + name, value, atLeast: false })))
    .filter(({ value }) => value > 0);
}
