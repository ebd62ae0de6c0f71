/** What is counted of authentication and authorization, request by request. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

type Call = Parameters<TestApiServer['call']>;

const PODS = '/api/v1/namespaces/default/pods';

/** Counts of these metrics, without what the server itself asks at its start. */
async function counted(
  calls: readonly Call[],
  options: Parameters<typeof TestApiServer.start>[0] = {},
): Promise<Record<string, number>> {
  const api = await TestApiServer.start(options);
  const before = await countsIn(api);
  for (const call of calls) await api.call(...call);
  const after = await countsIn(api);
  // Of both looks, one is counted.
  const own = ['authentication_attempts{success}', 'authenticated_user_requests{admin}'];
  for (const name of [...own, 'authorization_attempts_total{allowed}'])
    after[name] = (after[name] ?? 0) - 1;
  for (const [name, count] of Object.entries(after)) {
    after[name] = count - (before[name] ?? 0);
    if (after[name] === 0) delete after[name];
  }
  await api.environment.resolve(api.server.stop());
  return after;
}

async function countsIn(api: TestApiServer): Promise<Record<string, number>> {
  const { body } = await api.call('GET /metrics');
  const lines = String(body).matchAll(
    /^(authenticat\w+|authorization_attempts_total)\{(?:username|result)="([^"]*)"\} (\d+)$/gm,
  );
  const own = [...lines].filter(([, name = '']) => !/_(sum|count)$/.test(name));
  return Object.fromEntries(
    own.map(([, name, label, value]) => [`${name}{${label}}`, Number(value)]),
  );
}

const as = (name: string, ...groups: string[]): Call[2] => ({ as: { name, groups } });

describe('requests are counted', () => {
  it('by who is known, in few names, and by what authorizers say', async () => {
    const counts = await counted([
      [`GET ${PODS}`],
      [`GET ${PODS}`, undefined, as('jane@example.com')],
      [`GET ${PODS}`, undefined, as('system:kube-scheduler')],
      [`GET ${PODS}`, undefined, as('secret-name')],
    ]);
    assert.deepEqual(counts, {
      'authenticated_user_requests{admin}': 1,
      'authenticated_user_requests{email_id}': 1,
      'authenticated_user_requests{other}': 2,
      'authentication_attempts{success}': 4,
      'authorization_attempts_total{allowed}': 2,
      'authorization_attempts_total{no-opinion}': 2,
    });
  });

  it('by who is not known: nobody, and those who show what is not good', async () => {
    const anonymous = { enabled: false, conditions: [] };
    const counts = await counted(
      [
        [`GET ${PODS}`, undefined, { token: 'wrong' }],
        [`GET ${PODS}`, undefined, { token: '' }],
      ],
      { authentication: { anonymous } },
    );
    assert.deepEqual(counts, {
      'authentication_attempts{error}': 1,
      'authentication_attempts{failure}': 1,
    });
  });

  it('with how long it took', async () => {
    const api = await TestApiServer.start();
    await api.call(`GET ${PODS}`, undefined, { token: 'wrong' });
    const text = String((await api.call('GET /metrics')).body);
    for (const line of [
      /^# TYPE authentication_duration_seconds histogram$/m,
      /^authentication_duration_seconds_count\{result="error"\} 1$/m,
      /^authentication_duration_seconds_bucket\{result="success",le="16.384"\} [1-9]\d*$/m,
      /^authorization_duration_seconds_bucket\{result="allowed",le="0.001"\} [1-9]\d*$/m,
      /^# TYPE authorization_attempts_total counter$/m,
    ])
      assert.match(text, line);
  });
});
