/** Continue tokens, in upstream's format (apiserver/pkg/storage/continue.go). */
import { base64Problem } from '#api/codec/base64.ts';
import { badRequest } from '#api/meta/status.ts';

interface Token {
  readonly v: string;
  readonly rv: number;
  readonly start: string;
}

/** In place of a revision: go on with the newest state. */
export const NEWEST = -1;

/** The token for what comes behind `lastKey`. */
export function encodeContinue(lastKey: string, prefix: string, revision: number): string {
  const token: Token = {
    v: 'meta.k8s.io/v1',
    rv: revision,
    start: `${lastKey.slice(prefix.length)}\u0000`,
  };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** `after`: the key to continue behind. Revision -1: go on with the newest state. */
export function decodeContinue(text: string, prefix: string): { after: string; revision: number } {
  const token = parse(text);
  if (token.v !== 'meta.k8s.io/v1') {
    throw badRequest(
      'invalid continue token: continue key is not valid: server does not recognize this encoded version',
    );
  }
  if (token.start === '')
    throw badRequest(
      'invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)',
    );
  if (!Number.isSafeInteger(token.rv) || token.rv === 0) {
    throw badRequest(
      'invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    );
  }
  const start = token.start.replace(/\u0000$/, '');
  // A token must not lead out of what the request may list.
  if (start.startsWith('/') || start.split('/').includes('..')) {
    throw badRequest(`invalid continue token: continue key is not valid: ${start}`);
  }
  return { after: prefix + start, revision: token.rv };
}

function parse(text: string): Token {
  const problem = base64Problem(text, { url: true });
  if (problem !== undefined)
    throw badRequest(`invalid continue token: continue key is not valid: ${problem}`);
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (
      typeof token === 'object' &&
      token !== null &&
      'v' in token &&
      'rv' in token &&
      'start' in token
    ) {
      return { v: String(token.v), rv: Number(token.rv), start: String(token.start) };
    }
  } catch {
    // Falls through to the one error for everything that is no token.
  }
  throw badRequest('invalid continue token: continue key is not valid');
}
