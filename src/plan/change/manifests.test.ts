/** Objects out of texts: YAML, JSON, lists. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifests } from './manifests.ts';

const TABLE: readonly [claim: string, text: string, objects: string[]][] = [
  ['one object', 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}', ['v1 Pod a, x']],
  [
    'several documents, empty ones apart',
    '---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n',
    ['v1 Pod a, x, document 1', 'v1 Pod b, x, document 2'],
  ],
  ['JSON', '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}', ['v1 Pod a, x']],
  [
    'a List',
    'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}',
    ['apps/v1 Deployment a, x', 'v1 Pod b, x'],
  ],
  [
    'a list of one kind, whose items do not name it',
    '{"apiVersion":"apps/v1","kind":"DeploymentList","items":[{"metadata":{"name":"a"}}]}',
    ['apps/v1 Deployment a, x'],
  ],
  ['no object', '# nothing\n', []],
];

describe('manifests', () => {
  for (const [claim, text, objects] of TABLE)
    it(`are read from ${claim}`, () => {
      const found = parseManifests(text, 'x').map(
        ({ object: { apiVersion, kind, metadata }, source }) =>
          `${apiVersion} ${kind} ${metadata?.name}, ${source}`,
      );
      assert.deepEqual(found, objects);
    });

  const broken: readonly [text: string, message: RegExp][] = [
    ['a: [', /^ManifestError: error parsing x: /],
    ['just words', /^ManifestError: x holds no object/],
    ['apiVersion: v1', /^ManifestError: x: Object 'Kind' is missing/],
    ['kind: Pod', /^ManifestError: x: Object 'apiVersion' is missing/],
    ['{"kind":', /^ManifestError: error parsing x: /],
  ];
  for (const [text, message] of broken)
    it(`are not read from ${text}`, () => {
      assert.throws(() => parseManifests(text, 'x'), message);
    });
});
