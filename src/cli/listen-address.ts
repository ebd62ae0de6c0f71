/** Where the API server listens: as asked, or the default, or a free port where that is taken. */
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { codeOf, UserError } from './user-error.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Where the API server listens, and how the machine is known otherwise. */
export interface Listening {
  readonly listenHost: string;
  readonly nodeAddress: string;
  /** 0: real nodes, whose pods reach the API server at the address of the machine. */
  readonly simulatedNodes: number;
}

/** Whether `host` stands for all addresses of the machine. */
export function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Stands for all addresses of the machine: those of IPv6 too where one of `addresses` is. */
export function everywhere(addresses: readonly string[]): '0.0.0.0' | '::' {
  return addresses.some((address) => address.includes(':')) ? '::' : '0.0.0.0';
}

/** Whether who listens at `host` is reached at `address`, which is one of the machine's. */
export function listensAt(host: string, address: string): boolean {
  return host === '::' || host === address || (host === '0.0.0.0' && !address.includes(':'));
}

/** Where programs of this machine reach the API server. */
export function localHost(host: string): string {
  if (!isEverywhere(host)) return host;
  return host === '::' ? '::1' : '127.0.0.1';
}

/** Where other machines reach the API server, if they can reach this one. */
export function reachableHost({ listenHost, nodeAddress, simulatedNodes }: Listening): string {
  const isHere = listenHost.startsWith('127.') || listenHost === 'localhost';
  return isEverywhere(listenHost) || (isHere && simulatedNodes === 0) ? nodeAddress : listenHost;
}

/**
 * All addresses that the API server listens at: pods of a real node reach it at the node's address,
 * which may not be the one that was asked for, nor, of IPv6, among all those of IPv4.
 */
export function listenHosts({ listenHost, nodeAddress, simulatedNodes }: Listening): string[] {
  const isEnough = simulatedNodes > 0 || listensAt(listenHost, nodeAddress);
  return isEnough ? [listenHost] : [listenHost, nodeAddress];
}

/** A host as it stands in a URL: IPv6 addresses in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export const LISTEN_DEFAULT: ListenAddress = { host: '127.0.0.1', port: 6443 };

/** Parses `ADDR:PORT`, `:PORT` or `PORT`. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:(.*):)?(\d+)$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new UserError(
      `Cannot listen on ${JSON.stringify(text)}: give ADDRESS:PORT, for example ${LISTEN_DEFAULT.host}:${LISTEN_DEFAULT.port}.`,
    );
  }
  const host = (match[1] ?? '').replace(/^\[(.*)\]$/, '$1');
  return { host: host === '' ? LISTEN_DEFAULT.host : host, port };
}

/** How often a free port is looked for that is free on several addresses. */
const TRIES_MAX = 20;

/**
 * The address to use, with a port that is free on the addresses `others` too. A taken default gives
 * way to a free port; a taken port that was asked for is an error, because somebody counts on it.
 */
export async function chooseListen(
  asked: ListenAddress | undefined,
  others: readonly string[] = [],
): Promise<ListenAddress & { moved: boolean }> {
  const wanted = asked ?? LISTEN_DEFAULT;
  const port = await commonPort(wanted, others);
  if (port !== undefined) return { host: wanted.host, port, moved: false };
  if (asked !== undefined && asked.port !== 0) {
    throw new UserError(
      `Cannot listen on ${wanted.host}:${wanted.port}: another program does. Stop it, or choose another port with --listen.`,
    );
  }
  const other = await commonPort({ host: wanted.host, port: 0 }, others);
  if (other === undefined) throw new UserError(`Cannot listen on ${wanted.host}: no port is free.`);
  return { host: wanted.host, port: other, moved: true };
}

/** A port that is free everywhere: `port`, or any when that is 0. */
async function commonPort(
  { host, port }: ListenAddress,
  others: readonly string[],
): Promise<number | undefined> {
  for (let tries = port === 0 ? TRIES_MAX : 1; tries > 0; tries--) {
    const found = await freePort(host, port);
    if (found === undefined) return undefined;
    const free = await Promise.all(others.map((other) => isPortFree(other, found)));
    if (free.every(Boolean)) return found;
  }
  return undefined;
}

/** An address that this machine does not have (yet) has all its ports free. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  const isOurs =
    isEverywhere(host) ||
    Object.values(networkInterfaces()).some((addresses) =>
      addresses?.some(({ address }) => address === host),
    );
  return !isOurs || (await freePort(host, port)) !== undefined;
}

function freePort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'EADDRINUSE') resolve(undefined);
      else if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
        reject(
          new UserError(
            `Cannot listen on ${host}: that is no address, and no name that can be resolved. Choose another with --listen.`,
          ),
        );
      else if (code === 'EADDRNOTAVAIL')
        reject(
          new UserError(
            `Cannot listen on ${host}: no interface of this machine has that address. Choose another with --listen.`,
          ),
        );
      else if (code === 'EACCES')
        reject(
          new UserError(
            `Cannot listen on ${host}:${port}: ports below 1024 need root. Choose another with --listen.`,
          ),
        );
      else reject(error);
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : undefined),
      );
    });
  });
}
