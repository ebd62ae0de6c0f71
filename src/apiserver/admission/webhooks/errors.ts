/**
 * How the call of a webhook can end but well.
 *
 * Upstream: apiserver/pkg/util/webhook/error.go, admission/plugin/webhook/errors/statuserror.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { badRequest, StatusError } from '#api/meta/status.ts';

const BAD_REQUEST = 400;

/** The webhook could not be asked, or its answer cannot be used: failurePolicy decides. */
export class CallingWebhookError extends Error {
  /** For metrics: of the answer, or what the server would answer itself. */
  readonly code: number;
  /** The client has gone away meanwhile. */
  readonly isCanceled: boolean;

  constructor(
    webhook: string,
    reason: string,
    options: { readonly code: number; readonly isCanceled?: boolean },
  ) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`);
    this.name = 'CallingWebhookError';
    this.code = options.code;
    this.isCanceled = options.isCanceled === true;
  }
}

/** The webhook has said no. */
export class WebhookRejection extends Error {
  readonly status: StatusError;

  constructor(status: StatusError) {
    super(status.message);
    this.name = 'WebhookRejection';
    this.status = status;
  }
}

/** The refusal of a webhook, with the Status that it has answered. */
export function rejection(webhook: string, result: JsonObject | undefined): WebhookRejection {
  const { code = 0, reason = '', message = '', details, metadata } = result ?? {};
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const said = textOf(message) || textOf(reason);
  const named = textOf(reason);
  return new WebhookRejection(
    new StatusError({
      code: typeof code === 'number' && code >= BAD_REQUEST ? code : BAD_REQUEST,
      message: said === '' ? `${denied} without explanation` : `${denied}: ${said}`,
      ...(named === '' ? {} : { reason: named }),
      ...(isJsonObject(details) ? { details } : {}),
      ...(isJsonObject(metadata) ? { metadata } : {}),
    }),
  );
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}

export function dryRunUnsupported(webhook: string): StatusError {
  return badRequest(`admission webhook ${JSON.stringify(webhook)} does not support dry run`);
}
