/** The pages of a component. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readBody } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { PageAccess } from './access.ts';
import { componentPages } from './pages.ts';

async function ask(config?: object): Promise<string> {
  const environment = new VirtualEnvironment();
  const requestHeaders = {
    allowedNames: [],
    usernameHeaders: [],
    uidHeaders: [],
    groupHeaders: [],
    extraHeaderPrefixes: [],
  };
  const pages = componentPages({
    environment,
    access: new PageAccess({
      client: undefined,
      clock: environment.clock,
      always: ['/configz'],
      requestHeaders,
    }),
    metrics: new MetricRegistry(),
    checks: new Map(),
    readyChecks: new Map(),
    name: 'kube-scheduler',
    flags: new Map(),
    ...(config === undefined ? {} : { config }),
  });
  const { status, body } = await pages({ method: 'GET', url: '/configz', headers: {} });
  const text = Buffer.from(await readBody(body)).toString();
  return `${status} ${text.trim()}`;
}

it('/configz is the configuration of a component that has one', async () => {
  assert.equal(
    await ask({ kind: 'KubeSchedulerConfiguration' }),
    '200 {"componentconfig":{"kind":"KubeSchedulerConfiguration"}}',
  );
  assert.match(await ask(), /^404 /);
});
