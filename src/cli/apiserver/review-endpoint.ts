/** The server of reviews that a kubeconfig names: its cluster is the server, its user is us. */
import { statSync } from 'node:fs';
import type { ReviewEndpoint } from '#apiserver/webhooks/review-endpoint.ts';
import { readAccess } from '../kube-client.ts';
import { messageOf } from '../user-error.ts';

/** Throws UserError. */
export function reviewEndpoint(path: string): ReviewEndpoint {
  const { connection, tls, token } = readAccess(path);
  const { host, port, basePath } = connection;
  return {
    backend: { host, port, ...(connection.tls ? { tls } : {}) },
    path: basePath,
    ...(token === undefined ? {} : { token }),
  };
}

/** Why a file cannot be one, as upstream says it. */
export function fileFault(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? undefined : 'must be a regular file';
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return `error loading file: ${isMissing ? `stat ${path}: no such file or directory` : messageOf(error)}`;
  }
}
