/** Namespaces that may not be read. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { missingNamespaces } from './namespaces.ts';

it('are made up where objects are in them, or are asked for', () => {
  const object = (kind: string, name: string, namespace?: string) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  });
  const objects = [
    object('Namespace', 'there'),
    object('Pod', 'a', 'there'),
    object('Pod', 'b', 'dark'),
    object('Node', 'n'),
  ];
  const made = missingNamespaces(objects, ['asked', 'there', 'dark'], new VirtualEnvironment());
  assert.deepEqual(
    made.map(({ metadata }) => metadata?.name),
    ['asked', 'dark'],
  );
  assert.deepEqual(made[0]?.metadata?.labels, { 'kubernetes.io/metadata.name': 'asked' });
  assert.notEqual(made[0]?.metadata?.uid, made[1]?.metadata?.uid);
});
