/** What `history.coxswain.dev` answers, as the commands read it. */
import type { Json } from '#api/meta/object.ts';

export interface FieldChange {
  readonly path: string;
  readonly old?: Json;
  readonly new?: Json;
}

export interface Revision {
  readonly revision: string;
  readonly time: string;
  readonly event: string;
  readonly user?: string;
  readonly userAgent?: string;
  readonly verb?: string;
  readonly subresource?: string;
  readonly changes?: readonly FieldChange[];
}

interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface ObjectHistory {
  readonly metadata: { readonly continue?: string };
  readonly object: ObjectReference;
  readonly oldestRevision: string;
  readonly revisions: readonly Revision[];
}

interface DiffSide {
  readonly revision: string;
  readonly resourceVersion?: string;
}

export interface ObjectDiff {
  readonly object: ObjectReference;
  readonly from: DiffSide;
  readonly to: DiffSide;
  readonly changes: readonly FieldChange[];
}
