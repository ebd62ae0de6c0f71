/** What the registry must know of a write beside the object. */
import type { ApiObject } from '../api-object.ts';
import type { StoreListener } from '../audit/latency.ts';
import type { User } from '../context.ts';
import type { Permits } from './permissions.ts';

export interface WriteOptions {
  readonly user: User;
  readonly dryRun: boolean;
  /** Who writes, for the history. */
  readonly note: string;
  /** Without it nothing is measured. */
  readonly storeTook?: StoreListener | undefined;
  warn(text: string): void;
}

export interface CreateOptions extends WriteOptions {
  readonly namespace: string;
  /** Validating admission, on the object as it will be stored. */
  validate?(object: ApiObject): Promise<void>;
}

export interface UpdateOptions extends WriteOptions {
  readonly namespace: string;
  readonly name: string;
  /** Empty, `status`, or the name of a view. */
  readonly subresource: string;
  /**
   * Makes the next object, without changing the current one. Called again after a conflict.
   * Undefined current: there is none, and the kind allows creation by update.
   */
  transform(current: ApiObject | undefined): Promise<ApiObject>;
  validate?(next: ApiObject, old: ApiObject | undefined): Promise<void>;
  /** Of the request: `update` unless given. */
  readonly verb?: string;
  /** Asks for rights that the write takes beyond that to the request; without it all are given. */
  readonly permits?: Permits;
  /** The uid that the object says must be that of the stored one (a PUT; patches say it otherwise). */
  readonly namesUid?: boolean;
  /** Create when it is not there (server-side apply does, for every kind). */
  readonly createIfMissing?: boolean;
  /** The server's own change (a binding): written as `transform` made it, without the strategy. */
  readonly direct?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly namespace: string;
  readonly name: string;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  validate?(object: ApiObject): Promise<void>;
}
