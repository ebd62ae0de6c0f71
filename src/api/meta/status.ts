/**
 * Errors of the API: `Status` objects with upstream's reasons, codes, causes and messages.
 *
 * Source: API reference v1.36, meta/v1 Status; upstream
 * staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go for the wording.
 */
import {
  apiVersionOf,
  type GroupResource,
  groupResourceName,
  type GroupVersionKind,
} from './object.ts';
import type { FieldError } from './field.ts';
import { internalType, versionedType } from './go-types.ts';

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, unknown>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code?: number;
}

/** An error that is sent to the client as it is. */
export class StatusError extends Error {
  readonly status: Status;
  constructor(
    status: Omit<Status, 'kind' | 'apiVersion' | 'metadata' | 'status'> & {
      code: number;
      metadata?: Status['metadata'];
    },
  ) {
    super(status.message ?? status.reason ?? 'unknown');
    this.name = 'StatusError';
    const { code, reason, message, details, metadata = {} } = status;
    // In the order in which upstream writes them.
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      ...(message === undefined ? {} : { message }),
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
  get code(): number {
    return this.status.code ?? 500;
  }
  get reason(): string {
    return this.status.reason ?? '';
  }
}

export function isStatus(error: unknown, reason: string): error is StatusError {
  return error instanceof StatusError && error.reason === reason;
}

export const isNotFound = (error: unknown): boolean => isStatus(error, 'NotFound');
export const isConflict = (error: unknown): boolean => isStatus(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => isStatus(error, 'AlreadyExists');

function detailsOf(resource: GroupResource, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.resource,
  };
}

export function notFound(resource: GroupResource, name: string): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: `${groupResourceName(resource)} ${JSON.stringify(name)} not found`,
    details: detailsOf(resource, name),
  });
}

/** No such path, group, version or resource. */
export function pathNotFound(): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

export function alreadyExists(resource: GroupResource, name: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${groupResourceName(resource)} ${JSON.stringify(name)} already exists`,
    details: detailsOf(resource, name),
  });
}

/** `generateName` gave a name that exists, each time that it was tried. */
export function generateNameConflict(resource: GroupResource, name: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${groupResourceName(resource)} ${JSON.stringify(name)} already exists, the server was not able to generate a unique name for the object`,
    details: { ...detailsOf(resource, name), retryAfterSeconds: 1 },
  });
}

export function conflict(resource: GroupResource, name: string, cause: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${groupResourceName(resource)} ${JSON.stringify(name)}: ${cause}`,
    details: detailsOf(resource, name),
  });
}

export const OBJECT_MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

/** A server-side apply that would take fields from their managers. */
export function applyConflict(causes: StatusCause[], message: string): StatusError {
  return new StatusError({ code: 409, reason: 'Conflict', message, details: { causes } });
}

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: 'BadRequest', message });
}

export function unauthorized(message = 'Unauthorized'): StatusError {
  return new StatusError({ code: 401, reason: 'Unauthorized', message });
}

export function forbidden(resource: GroupResource, name: string, cause: string): StatusError {
  const subject = name === '' ? '' : ` ${JSON.stringify(name)}`;
  const what =
    resource.resource === ''
      ? 'forbidden'
      : `${groupResourceName(resource)}${subject} is forbidden`;
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: `${what}: ${cause}`,
    details: detailsOf(resource, name),
  });
}

/** 422 with every violation. */
export function invalid(
  kind: Pick<GroupVersionKind, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const messages = errors.map((error) => error.text());
  const unique = [...new Set(messages)];
  const text = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `${qualified} ${JSON.stringify(name)} is invalid${text === '' ? '' : `: ${text}`}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(kind.group === '' ? {} : { group: kind.group }),
      ...(kind.kind === '' ? {} : { kind: kind.kind }),
      causes: errors.map((error) => ({
        reason: error.type,
        message: error.body(),
        field: error.field,
      })),
    },
  });
}

/** The path is there, but not for this method. */
export function methodNotAllowed(): StatusError {
  return new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });
}

export function methodNotSupported(resource: GroupResource, action: string): StatusError {
  return new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: `${action} is not supported on resources of kind ${JSON.stringify(groupResourceName(resource))}`,
    details: detailsOf(resource, ''),
  });
}

/** `metadata`: a list may be continued with the token in it. */
export function gone(message: string, metadata: { continue?: string } = {}): StatusError {
  return new StatusError({ code: 410, reason: 'Expired', message, metadata });
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message,
    details: { retryAfterSeconds },
  });
}

export function internalError(message: string): StatusError {
  return new StatusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  });
}

/** What upstream answers for an error that it has no Status for: 500 and no reason. */
export function plainError(message: string): StatusError {
  return new StatusError({ code: 500, message });
}

export function serviceUnavailable(message: string): StatusError {
  return new StatusError({ code: 503, reason: 'ServiceUnavailable', message });
}

/** The resource version asked for has not been reached in time. */
export function timeout(
  message: string,
  retryAfterSeconds: number,
  cause?: StatusCause,
): StatusError {
  return new StatusError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: ${message}`,
    details: {
      ...(cause ? { causes: [cause] } : {}),
      ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    },
  });
}

export function tooLargeEntity(message: string): StatusError {
  return new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message });
}

export function unsupportedMediaType(_got: string, accepted: readonly string[]): StatusError {
  return new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  });
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  return new StatusError({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${accepted.join(', ')}`,
  });
}

const SCHEME = 'pkg/api/legacyscheme/scheme.go:30';

/** The body names a kind that there is not. */
export function kindUnknown(got: GroupVersionKind, wanted: GroupVersionKind): StatusError {
  return badRequest(
    `${got.kind} in version ${JSON.stringify(got.version)} cannot be handled as a ${wanted.kind}: no kind ${JSON.stringify(got.kind)} is registered for version ${JSON.stringify(apiVersionOf(got))} in scheme ${JSON.stringify(SCHEME)}`,
  );
}

/** The body names another kind than the path. */
export function kindMismatch(got: GroupVersionKind, wanted: GroupVersionKind): StatusError {
  return badRequest(
    `${got.kind} in version ${JSON.stringify(got.version)} cannot be handled as a ${wanted.kind}: converting (${versionedType(got)}) to (${internalType(wanted)}): unknown conversion`,
  );
}
