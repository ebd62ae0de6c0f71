import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { anyKind } from '#api/kind.ts';
import { tableHead } from './table.ts';

it('a table that says its columns no more has null for them', () => {
  const kind = anyKind(CONFIG_MAP);
  const options = { metadata: {}, apiVersion: 'meta.k8s.io/v1' };
  const { columnDefinitions } = tableHead(kind, { ...options, columns: true });
  assert.deepEqual(
    columnDefinitions?.map((column) => (column as { name: string }).name),
    ['Name', 'Data', 'Age'],
  );
  assert.equal(tableHead(kind, { ...options, columns: false }).columnDefinitions, null);
});
