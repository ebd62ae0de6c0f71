/** For tests of validation: tables of what is refused of an object. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changed, createErrors } from '../kind-test-kit.ts';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';

/** What stands at `path` (undefined: nothing) instead, and the errors in `short` form. */
export type Row = readonly [path: string, value: unknown, errors: readonly string[]];

/** A message without the examples and the pattern that upstream gives with names. */
export function short(message: string): string {
  return message.replace(/ \(e\.g\..*/s, '');
}

/** Tests that `object` may be created as it is, and what each row's change is refused for. */
export function testCreates<T extends KubeObject>({
  name,
  kind,
  object,
  rows,
}: {
  /** Of what is looked at, when it is not the whole kind. */
  readonly name?: string;
  readonly kind: Kind<T>;
  readonly object: T;
  readonly rows: readonly Row[];
}): void {
  void describe(`the validation of ${name ?? kind.kind}`, () => {
    void it('takes one that is right', () => assert.deepEqual(createErrors(kind, object), []));
    for (const [path, value, errors] of rows) {
      void it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
        assert.deepEqual(createErrors(kind, changed(object, path, value)).map(short), errors);
      });
    }
  });
}
