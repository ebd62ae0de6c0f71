import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const FLOW = '/apis/flowcontrol.apiserver.k8s.io/v1';

test('a flow schema says whether its priority level is there', async () => {
  const server = await TestApiServer.start();
  const dangling = async (): Promise<unknown> => {
    await server.environment.advance(10);
    const { status } = await server.must(`GET ${FLOW}/flowschemas/mine`);
    return [status.conditions[0].type, status.conditions[0].status, status.conditions[0].message];
  };
  const { metadata } = await server.must(`POST ${FLOW}/flowschemas`, {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name: 'mine' },
    spec: { priorityLevelConfiguration: { name: 'own' }, matchingPrecedence: 5000 },
  });
  const level = 'This FlowSchema references the PriorityLevelConfiguration object named "own"';
  assert.deepEqual(await dangling(), ['Dangling', 'True', `${level} but there is no such object`]);
  await server.must(`POST ${FLOW}/prioritylevelconfigurations`, {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: { name: 'own' },
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  });
  assert.deepEqual(await dangling(), ['Dangling', 'False', `${level} and it exists`]);
  const { metadata: now } = await server.must(`GET ${FLOW}/flowschemas/mine`);
  assert.equal(now.generation, metadata.generation);
  assert.deepEqual(
    now.managedFields.map((entry: { manager: string; subresource?: string }) => [
      entry.manager,
      entry.subresource,
    ])[0],
    ['api-priority-and-fairness-config-consumer-v1', 'status'],
  );
  await server.server.stop();
});
