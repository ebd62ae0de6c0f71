/**
 * The roads to HTTP extenders. Source: upstream v1.36 pkg/scheduler/extender.go (makeTransport) and
 * client-go/transport.
 */
import type { TlsClientOptions } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { httpClient } from '#edge/http-client.ts';
import type { ExtenderConfig } from '#scheduler/config/types.ts';
import { Extender } from '#scheduler/extender.ts';
import { readFile } from '../flags.ts';
import { UserError } from '../user-error.ts';

export interface OpenExtenders {
  readonly extenders: readonly Extender[];
  close(): void;
}

/** Throws UserError when a URL or a file cannot be used. */
export function openExtenders(
  configs: readonly ExtenderConfig[],
  environment: Environment,
): OpenExtenders {
  const opened = configs.map((config) => {
    const url = urlOf(config);
    const isTls = url.protocol === 'https:';
    const http = httpClient({
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port || (isTls ? '443' : '80')),
      ...(isTls ? { tls: tlsOf(config) } : {}),
    });
    return { extender: new Extender({ config, handler: http.handler, environment }), http };
  });
  return {
    extenders: opened.map(({ extender }) => extender),
    close: () => opened.forEach(({ http }) => http.close()),
  };
}

function urlOf({ urlPrefix }: ExtenderConfig): URL {
  const url = URL.canParse(urlPrefix) ? new URL(urlPrefix) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new UserError(
    `Cannot use the extender ${JSON.stringify(urlPrefix)}: its urlPrefix must be an http or https URL`,
  );
}

/** An extender that is to be asked by HTTPS and has no authority is believed as it is. */
export function tlsOf({
  tlsConfig = {},
  enableHTTPS,
  urlPrefix,
}: ExtenderConfig): TlsClientOptions {
  const pem = (data: string | undefined, file: string | undefined): string | undefined => {
    if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString();
    return file === undefined || file === '' ? undefined : readFile(file);
  };
  const ca = pem(tlsConfig.caData, tlsConfig.caFile);
  const cert = pem(tlsConfig.certData, tlsConfig.certFile);
  const key = pem(tlsConfig.keyData, tlsConfig.keyFile);
  const isInsecure = tlsConfig.insecure === true || (enableHTTPS === true && ca === undefined);
  if (isInsecure && ca !== undefined)
    throw new UserError(
      `couldn't build extenders: ${urlPrefix}: specifying a root certificates file with the insecure flag is not allowed`,
    );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...((tlsConfig.serverName ?? '') === '' ? {} : { serverName: tlsConfig.serverName ?? '' }),
    ...(isInsecure ? { insecureSkipVerify: true } : {}),
  };
}
