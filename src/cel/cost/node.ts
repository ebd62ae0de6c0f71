/**
 * A part of an expression as cost estimates see it.
 *
 * Upstream: cel-go checker/cost.go (AstNode, CostEstimator, CallEstimate), v0.26.
 */
import type { Type } from '../check/type.ts';
import type { Expr } from '../syntax/ast.ts';
import type { Bounds } from './bounds.ts';

export interface CostNode {
  /**
   * How a variable's schema leads here: its name, then fields, `@items`, `@keys` or `@values`;
   * undefined when no schema leads here.
   */
  readonly path: readonly string[] | undefined;
  readonly type: Type;
  readonly expr: Expr | undefined;
  /** What the expression itself tells of the size. */
  readonly computedSize: Bounds | undefined;
}

export interface CallEstimate {
  readonly cost: Bounds;
  /** Of results that have a size. */
  readonly resultSize?: Bounds;
}

/** What a schema tells of sizes; undefined for what it does not know. */
export type SizeEstimator = (node: CostNode) => Bounds | undefined;

export interface EstimatedCall {
  readonly name: string;
  readonly overloadId: string;
  readonly target: CostNode | undefined;
  readonly args: readonly CostNode[];
}

/** What a call costs beside its arguments; undefined where the library does not say. */
export type CallEstimator = (
  call: EstimatedCall,
  sizeOf: SizeEstimator,
) => CallEstimate | undefined;

/** The size of a node as far as anything tells. */
export function sizeOrUnknown(node: CostNode, sizeOf: SizeEstimator, unknown: Bounds): Bounds {
  return node.computedSize ?? sizeOf(node) ?? unknown;
}
