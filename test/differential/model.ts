/** What the differential test works on: requests, cases made of them, and answers. */
import type { Json } from '#api/meta/object.ts';

export interface CaseRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. `$resourceVersion` and `$uid` in it stand for those of the stored object that the URL names. */
  readonly body?: Json;
}

/** One question, or several that follow each other; all answers count. */
export interface Case {
  /** `apps/v1 deployments: create full: spec.replicas = -1`: unique, and says what is asked. */
  readonly id: string;
  /** `apps/Deployment`, or the name of an area for what no kind owns. */
  readonly kind: string;
  readonly requests: readonly CaseRequest[];
}

export interface Cause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** An answer after all that is random or of the moment has been replaced. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or text. */
  readonly body: Json;
}

/** An API server under test. Never rejects: a server that does not answer has status 0. */
export interface Subject {
  readonly name: string;
  ask(request: CaseRequest): Promise<Answer>;
  close(): Promise<void>;
}
