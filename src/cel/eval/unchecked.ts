/**
 * Resolves an expression without checking its types: names by the longest one that is declared,
 * calls by name alone. For callers that run what they cannot check.
 *
 * Upstream: cel-go interpreter/planner.go (resolveFunction) and attributes.go (maybeAttribute).
 */
import type { CallReference, CheckedTree, IdentReference } from '../check/checker.ts';
import { candidateNames, type Declarations } from '../check/declarations.ts';
import { type CallExpr, childrenOf, type Expr, qualifiedName } from '../syntax/ast.ts';
import type { ParsedTree } from '../syntax/parser.ts';
import { TypeValue } from '../value/value.ts';

/** The tree as if it were checked, with every type open. */
export function resolveUnchecked(
  tree: ParsedTree,
  expr: Expr,
  declarations: Declarations,
): CheckedTree {
  const idents = new Map<number, IdentReference>();
  const calls = new Map<number, CallReference>();
  const { container, functions, types, variables } = declarations;

  const nameOf = (name: string): IdentReference | undefined => {
    for (const candidate of candidateNames(container, name)) {
      if (variables.has(candidate)) return { name: candidate, value: undefined };
      const type = types.get(candidate);
      if (type !== undefined) return { name: candidate, value: new TypeValue(type.name) };
    }
    return undefined;
  };

  const functionOf = (name: string): string | undefined =>
    candidateNames(container, name).find((each) => functions.has(each));

  const resolveCall = (call: CallExpr, locals: ReadonlySet<string>): void => {
    const prefix = call.target === undefined ? undefined : qualifiedName(call.target);
    const namespaced = prefix === undefined ? undefined : functionOf(`${prefix}.${call.name}`);
    const name = namespaced ?? functionOf(call.name);
    for (const arg of call.args) visit(arg, locals);
    if (namespaced === undefined && call.target !== undefined) visit(call.target, locals);
    if (name === undefined) return;
    const isNamespaced = namespaced !== undefined;
    const isMember = call.target !== undefined && !isNamespaced;
    const overloads = (functions.get(name) ?? []).filter((each) => each.isMember === isMember);
    calls.set(call.id, { name, overloads, isNamespaced });
  };

  const visit = (each: Expr, locals: ReadonlySet<string>): void => {
    if (each.kind === 'ident' || each.kind === 'select') {
      const name = qualifiedName(each);
      const isLocal = each.kind === 'ident' && locals.has(each.name);
      const found = isLocal || name === undefined ? undefined : nameOf(name);
      const reference = isLocal ? { name: each.name, value: undefined } : found;
      if (reference !== undefined) {
        idents.set(each.id, reference);
        return;
      }
    }
    if (each.kind === 'call') {
      resolveCall(each, locals);
      return;
    }
    if (each.kind !== 'comprehension') {
      for (const child of childrenOf(each)) visit(child, locals);
      return;
    }
    visit(each.range, locals);
    visit(each.init, locals);
    const withAccumulator = new Set([...locals, each.accumulator]);
    const inLoop = new Set([...withAccumulator, each.variable, each.variable2 ?? each.variable]);
    visit(each.condition, inLoop);
    visit(each.step, inLoop);
    visit(each.result, withAccumulator);
  };

  visit(expr, new Set());
  return { tree, expr, types: new Map(), idents, calls };
}
