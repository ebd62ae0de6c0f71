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

/** Of a page of metrics: Prometheus text format 0.0.4. */
export function metricsResponse(text: string): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: { kind: 'bytes', bytes: Buffer.from(text) },
  };
}

export function notFound(): HttpResponse {
  return textResponse(404, '404 page not found');
}
