/**
 * What differs between two values, as messages of upstream's validation end: a unified diff of the
 * indented JSON of Go's values.
 *
 * Source: upstream apimachinery/pkg/util/diff over go-difflib, which is Python's difflib.
 */
import { matchingBlocks } from './matching-blocks.ts';
import { escapeAsGo } from '../meta/field.ts';
import type { Json } from '../meta/object.ts';

/** Lines around a change. */
const CONTEXT = 3;

/** The diff of two values that `schema/go-form.ts` has made; empty when they are equal. */
export function diffOf(old: Json, next: Json): string {
  return unifiedDiff(linesOf(old), linesOf(next));
}

function linesOf(value: Json): string[] {
  return escapeAsGo(JSON.stringify(value, null, 1)).split('\n');
}

type Operation = readonly [isEqual: boolean, from: number, to: number, start: number, end: number];

function operations(left: readonly string[], right: readonly string[]): Operation[] {
  const found: Operation[] = [];
  let i = 0;
  let j = 0;
  for (const [a, b, size] of matchingBlocks(left, right)) {
    if (i < a || j < b) found.push([false, i, a, j, b]);
    if (size > 0) found.push([true, a, a + size, b, b + size]);
    [i, j] = [a + size, b + size];
  }
  return found;
}

/** Changes with the lines around them; those that are near stand together. */
function grouped(all: readonly Operation[]): Operation[][] {
  const groups: Operation[][] = [];
  let group: Operation[] = [];
  for (const [place, [isEqual, from, to, start, end]] of all.entries()) {
    let [i, j] = [from, start];
    let [last, lastRight] = [to, end];
    if (isEqual && place === 0)
      [i, j] = [Math.max(from, to - CONTEXT), Math.max(start, end - CONTEXT)];
    if (isEqual && place === all.length - 1)
      [last, lastRight] = [Math.min(to, i + CONTEXT), Math.min(end, j + CONTEXT)];
    if (isEqual && last - i > 2 * CONTEXT) {
      group.push([true, i, Math.min(last, i + CONTEXT), j, Math.min(lastRight, j + CONTEXT)]);
      groups.push(group);
      group = [];
      [i, j] = [Math.max(i, last - CONTEXT), Math.max(j, lastRight - CONTEXT)];
    }
    group.push([isEqual, i, last, j, lastRight]);
  }
  if (group.some(([isEqual]) => !isEqual)) groups.push(group);
  return groups;
}

function unifiedDiff(left: readonly string[], right: readonly string[]): string {
  let text = '';
  for (const group of grouped(operations(left, right))) {
    const [first, last] = [group[0], group.at(-1)];
    if (first === undefined || last === undefined) continue;
    text += `@@ -${rangeText(first[1], last[2])} +${rangeText(first[3], last[4])} @@\n`;
    for (const [isEqual, from, to, start, end] of group) {
      if (isEqual) text += marked(' ', left.slice(from, to));
      else text += marked('-', left.slice(from, to)) + marked('+', right.slice(start, end));
    }
  }
  return text;
}

function marked(mark: string, lines: readonly string[]): string {
  return lines.map((line) => `${mark}${line}\n`).join('');
}

function rangeText(start: number, end: number): string {
  const length = end - start;
  if (length === 1) return String(start + 1);
  return `${length === 0 ? start : start + 1},${length}`;
}
