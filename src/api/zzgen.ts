import { readFileSync, writeFileSync } from 'node:fs';
import { changed, createErrors } from './kind-test-kit.ts';
import { KINDS } from './kinds.ts';
// @ts-ignore
import { table, js } from '/tmp/gen.mjs';
const [,, spec] = process.argv;
const { default: files } = await import(spec!);
for (const f of files as any[]) {
  const groups = f.groups.map((g: any) => {
    const kind = KINDS.find((k) => k.group === g.group && k.kind === g.kind && k.version === (g.version ?? 'v1'))!;
    const base = createErrors(kind, g.object);
    if (base.length) throw new Error(`${g.kind} base: ${base.join('\n')}`);
    const rows = g.rows.map(([p, v]: any) => [p, v, createErrors(kind, changed(g.object, p, v))]);
    for (const [p,v,e] of rows) console.log(e.length===0?'!!':'  ', g.kind, p, JSON.stringify(v), '\n        ', e.join('\n         '));
    return { ...g, rows };
  });
  if (!f.out) continue;
  const imports = [...new Map(groups.map((g: any) => [g.name, `import { ${g.name} } from '${g.from}';`])).values()].toSorted((a:any,b:any)=>a.split(' from ')[1]<b.split(' from ')[1]?-1:1);
  const types = [...new Map(groups.map((g: any) => [g.type, g.typeFrom])).entries()];
  const byFrom = Map.groupBy(types, ([, from]: any) => from);
  const body = groups.map((g: any, i: number) => `const ${g.constant}: ${g.type} = ${js(g.object)};\n\nconst ${g.constant}_ROWS: readonly Row[] = [\n${table(g.rows)}\n];\n`).join('\n');
  writeFileSync(f.out, `/**
 * ${f.title}
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
${[...byFrom].map(([from, list]: any) => `import type { ${list.map(([t]: any) => t).toSorted().join(', ')} } from '${from}';`).join('\n')}
${[...imports, "import { changed, createErrors } from '../kind-test-kit.ts';"].toSorted((a:any,b:any)=>a.split(' from ')[1]<b.split(' from ')[1]?-1:1).join('\n')}

type Row = readonly [path: string, value: unknown, errors: readonly string[]];

/** Messages without the examples and patterns that names get. */
const short = (errors: readonly string[]): string[] =>
  errors.map((error) => error.replace(/ \\(e\\.g\\..*/s, ''));

${body}
${groups.map((g: any) => `describe(${js(g.describe)}, () => {
  it('takes one that is right', () => assert.deepEqual(createErrors(${g.name}, ${g.constant}), []));
  for (const [path, value, errors] of ${g.constant}_ROWS) {
    it(\`looks at \${path} = \${JSON.stringify(value)}\`, () => {
      assert.deepEqual(short(createErrors(${g.name}, changed(${g.constant}, path, value))), errors);
    });
  }
});
`).join('\n')}`);
}
