/** Answers of the kubelet's server. */
import type { HttpResponse } from '#base/http/message.ts';

export function textResponse(status: number, text: string): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: { kind: 'bytes', bytes: Buffer.from(text) },
  };
}

export function jsonResponse(value: unknown): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(value)) },
  };
}
