/** Where the API server listens: as asked, or the default, or a free port where that is taken. */
import { createServer } from 'node:net';
import { codeOf, UserError } from './user-error.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
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

/**
 * The address to use. A taken default gives way to a free port; a taken port that was asked for is
 * an error, because somebody counts on it.
 */
export async function chooseListen(
  asked: ListenAddress | undefined,
): Promise<ListenAddress & { moved: boolean }> {
  const wanted = asked ?? LISTEN_DEFAULT;
  const port = await freePort(wanted.host, wanted.port);
  if (port !== undefined) return { host: wanted.host, port, moved: false };
  if (asked !== undefined) {
    throw new UserError(
      `Cannot listen on ${wanted.host}:${wanted.port}: another program does. Stop it, or choose another port with --listen.`,
    );
  }
  const other = await freePort(wanted.host, 0);
  if (other === undefined) throw new UserError(`Cannot listen on ${wanted.host}: no port is free.`);
  return { host: wanted.host, port: other, moved: true };
}

function freePort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'EADDRINUSE') resolve(undefined);
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
