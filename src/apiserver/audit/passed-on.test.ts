/** Events of requests that another API server answers. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BATCH, type Event, MemoryOutput } from '#kit/audit.ts';
import { AggregatedServers, GROUP, GROUP_PATH } from '#kit/extension-server.ts';

it('the event of a request that is passed on has no object, and the id that the other server is told', async () => {
  const output = new MemoryOutput();
  const servers = await AggregatedServers.start({
    audit: {
      policy: { rules: [{ level: 'Request', resources: [{ group: GROUP }] }] },
      log: { mode: 'blocking', batch: BATCH, format: 'json', output },
    },
  });
  await servers.serve();
  output.text = '';
  const path = `${GROUP_PATH}/namespaces/default/flunders`;
  await servers.api.must(`POST ${path}`, { metadata: { name: 'a' }, spec: 'word' });
  const { auditID, ...event } = JSON.parse(output.text.trim().split('\n').at(-1) ?? '') as Event;
  assert.equal(event['level'], 'Request');
  assert.equal(event['objectRef'].resource, 'flunders');
  assert.equal(event['requestObject'], undefined);
  assert.match(auditID, /^[0-9a-f-]{36}$/);
  assert.equal(servers.extension.auditIds.at(-1), auditID);
  // Who names their request is known by that.
  await servers.api.must(`GET ${path}`, undefined, { headers: { 'audit-id': 'mine' } });
  assert.equal(servers.extension.auditIds.at(-1), 'mine');
});
