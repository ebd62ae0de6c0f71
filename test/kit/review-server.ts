/** A webhook that answers reviews (of access, of tokens), behind the API server's road to it. */
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { Backend, BackendConnector } from '#apiserver/proxy/transport.ts';
import type { ReviewEndpoint } from '#apiserver/webhooks/review-endpoint.ts';

export interface SentReview {
  readonly apiVersion: string;
  readonly kind: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly spec: any;
}

type Answer = object | number | Error | 'never';

export class ReviewServer {
  readonly asked: SentReview[] = [];
  readonly backends: Backend[] = [];
  readonly requests: HttpRequest[] = [];
  /** The status of each answer, an HTTP status, an error of the road, or no answer at all. */
  answer: Answer | ((review: SentReview) => Answer) = {};

  /** Answers as if they were something else. */
  disguise: object = {};

  readonly endpoint: ReviewEndpoint = {
    backend: { host: 'authz.example.com', port: 443, tls: { ca: 'CA' } },
    path: '/decide',
    token: () => 'secret',
  };

  readonly connector: BackendConnector = {
    to: (backend) => {
      this.backends.push(backend);
      return (request) => this.#handle(request);
    },
  };

  async #handle(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const review = JSON.parse(Buffer.from(request.body ?? '').toString()) as SentReview;
    this.asked.push(review);
    const answer = typeof this.answer === 'function' ? this.answer(review) : this.answer;
    if (answer instanceof Error) throw answer;
    if (answer === 'never')
      return new Promise((_resolve, reject) => {
        const { signal } = request;
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      });
    if (typeof answer === 'number') return json(answer, { message: 'no' });
    return json(200, { ...review, status: answer, ...this.disguise });
  }
}

function json(status: number, value: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(value)) },
  };
}
