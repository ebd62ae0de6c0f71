/**
 * What a client throws for an answer that is not 2xx: the Status that the server sent, or one made
 * from the HTTP status when the body is something else (a proxy's page, a plain text).
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go, NewGenericServerResponse.
 */
import { type Status, StatusError } from '#api/meta/status.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';

/** Error bodies are small; more of it than this is not read. */
const ERROR_BODY_BYTES_MAX = 4 * 1024 * 1024;
/** How much of a foreign body goes into the message. */
const EXCERPT_MAX = 2048;

const REASONS: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', ''],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  406: ['NotAcceptable', ''],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Gone', ''],
  413: ['RequestEntityTooLarge', ''],
  415: ['UnsupportedMediaType', ''],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: [
    'TooManyRequests',
    'the server has received too many requests and has asked us to try again later',
  ],
  500: ['InternalError', 'an error on the server has prevented the request from succeeding'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
};

/** Reads the body of a failed answer and makes the error of it. Never rejects. */
export async function statusErrorOf(response: HttpResponse, method: string): Promise<StatusError> {
  const text = await readBody(response.body, ERROR_BODY_BYTES_MAX).then(
    (bytes) => Buffer.from(bytes).toString('utf8'),
    (error: unknown) => String(error),
  );
  const status = parseStatus(text);
  if (status !== undefined)
    return new StatusError({ ...status, code: status.code ?? response.status });
  const [reason, known] = REASONS[response.status] ?? ['Unknown', ''];
  const message = known === '' ? text.slice(0, EXCERPT_MAX).trim() : known;
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return new StatusError({
    code: response.status,
    reason,
    message:
      message === '' ? `the server responded to ${method} with status ${response.status}` : message,
    details: {
      causes: [{ reason: 'UnexpectedServerResponse', message: text.slice(0, EXCERPT_MAX) }],
      ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}),
    },
  });
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isStatus =
      typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
    return isStatus ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}
