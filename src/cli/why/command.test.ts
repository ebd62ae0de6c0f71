/** `cox why` against an API server: what is asked, and what is printed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { POD } from '#api/core/pod.ts';
import type { Handler } from '#base/http/message.ts';
import { jsonResponse } from '#apiserver/respond.ts';
import { RestClient } from '#client/rest.ts';
import type { Explanation } from '#why/explanation.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { UserError } from '../user-error.ts';
import { why } from './command.ts';

const PODS = '/api/v1/namespaces/default/pods';

describe('cox why', () => {
  let api: TestApiServer;
  before(async () => {
    api = await TestApiServer.start();
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
  });
  after(() => api.server.stop());

  const ask = (words: string[], flags = {}, explanation?: Explanation): Promise<string> => {
    const { environment, server } = api;
    const component = { name: 'kubernetes-admin', groups: ['system:masters'] };
    const handler: Handler = async (request) =>
      explanation !== undefined && request.url.includes('/explanations/')
        ? jsonResponse(200, explanation)
        : server.handler({ ...request, peer: { component } });
    const client = new RestClient({ handler, environment, userAgent: 'cox' });
    return why(words, flags, { client, namespace: 'default' });
  };

  it('shows a sentence, the causes, and what would help', async () => {
    await api.must(`POST ${PODS}`, {
      metadata: { name: 'bad' },
      spec: { nodeName: 'n1', containers: [{ name: 'web', image: 'web:1' }] },
    });
    const pod = await api.must(`GET ${PODS}/bad`);
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off' };
    await api.must(`PUT ${PODS}/bad/status`, {
      ...pod,
      status: {
        phase: 'Pending',
        containerStatuses: [
          {
            name: 'web',
            image: 'web:1',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { waiting },
          },
        ],
      },
    });
    await api.must('POST /api/v1/namespaces/default/events', {
      metadata: { name: 'e' },
      involvedObject: {
        kind: POD.kind,
        namespace: 'default',
        name: 'bad',
        uid: pod.metadata.uid,
        fieldPath: 'spec.containers{web}',
      },
      reason: 'Failed',
      message: 'no such\nimage \u001b[31m',
      type: 'Warning',
    });
    assert.equal(
      await ask(['pod', 'bad']),
      [
        'Pod bad is not ready because of container web.',
        '',
        'CAUSE           DETAIL',
        'container web   ImagePullBackOff: no such image \ufffd[31m',
        '',
        'What would help:',
        '  - make the image web:1 available, or name another',
        '',
      ].join('\n'),
    );
    assert.match(await ask(['po/bad'], { output: 'yaml' }), /\nsentence: Pod bad is not ready/);
    assert.equal(
      JSON.parse(await ask(['pods', 'bad'], { output: 'json' })).causes[0].what,
      'container web',
    );
  });

  it('explains whatever is being deleted', async () => {
    const maps = '/api/v1/namespaces/default/configmaps';
    await api.must(`POST ${maps}`, { metadata: { name: 'held', finalizers: ['example.com/x'] } });
    await assert.rejects(ask(['cm', 'held']), /^UserError: Cannot explain configmaps that are not/);
    await api.must(`DELETE ${maps}/held`);
    assert.match(
      await ask(['configmap/held']),
      /^ConfigMap held is deleted, and kept by a finalizer: example\.com\/x\.\n/,
    );
  });

  it('says what the scheduler found last, where the server knows it', async () => {
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    const lastAttempt = { time: '2026-03-01T12:00:00Z', message, verdicts: [] };
    const sentence = 'Pod big fits none of 1 node: Insufficient cpu.';
    const known = { sentence, causes: [], remedies: [], lastAttempt };
    assert.equal(
      await ask(['pod', 'big'], {}, known),
      `${sentence}\n\nThe scheduler last tried at 2026-03-01T12:00:00Z: ${message}\n`,
    );
    const json = await ask(['pod', 'big'], { output: 'json' }, known);
    assert.deepEqual(JSON.parse(json), known);
  });

  it('says what it rests on that may not be so', async () => {
    const sentence = 'Pod big fits none of 1 node: Insufficient cpu.';
    const note = 'How the scheduler other is configured is not known here.';
    const known = { sentence, causes: [], remedies: [], note };
    assert.equal(await ask(['pod', 'big'], {}, known), `${sentence}\n\n${note}\n`);
    const json = await ask(['pod', 'big'], { output: 'json' }, known);
    assert.deepEqual(JSON.parse(json), known);
  });

  it('says what is not there', async () => {
    await assert.rejects(ask(['pod', 'none']), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.message, 'pods "none" not found');
      return true;
    });
  });
});
