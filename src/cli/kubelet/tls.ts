/**
 * Which versions and ciphers of TLS the kubelet's server takes (`tlsMinVersion`, `tlsCipherSuites`).
 *
 * Source: Go's crypto/tls, whose names the configuration has; OpenSSL's ciphers(1), whose names Node
 * has. Upstream: staging/src/k8s.io/component-base/cli/flag/ciphersuites_flag.go, v1.36.
 */
import type { ServerTls } from '#edge/http-server.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { UserError } from '../user-error.ts';

/** Node serves nothing older than 1.2: it stands for what is below. */
const VERSIONS: Readonly<Record<string, ServerTls['minVersion']>> = {
  VersionTLS10: 'TLSv1.2',
  VersionTLS11: 'TLSv1.2',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
};

/** Go's names by OpenSSL's: those that are not of TLS 1.3, which cannot be chosen. */
const CIPHERS: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ECDHE-ECDSA-AES128-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ECDHE-ECDSA-AES256-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA'],
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256'],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', 'AES256-SHA'],
]);
/** Of TLS 1.3: they may be named, and are always there. */
const ALWAYS: ReadonlySet<string> = new Set([
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]);

/** Throws UserError for what is unknown. */
export function tlsLimits({
  tlsMinVersion = '',
  tlsCipherSuites = [],
}: Pick<KubeletConfiguration, 'tlsMinVersion' | 'tlsCipherSuites'>): Pick<
  ServerTls,
  'minVersion' | 'ciphers'
> {
  const minVersion = VERSIONS[tlsMinVersion];
  if (tlsMinVersion !== '' && minVersion === undefined)
    throw new UserError(`unknown tls version "${tlsMinVersion}"`);
  const chosen = tlsCipherSuites.filter((name) => !ALWAYS.has(name)).map(cipherOf);
  return {
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(tlsCipherSuites.length === 0 ? {} : { ciphers: [...ALWAYS, ...chosen].join(':') }),
  };
}

function cipherOf(name: string): string {
  const cipher = CIPHERS.get(name);
  if (cipher === undefined)
    throw new UserError(`Cipher suite ${name} not supported or doesn't exist`);
  return cipher;
}
