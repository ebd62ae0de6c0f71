import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { FakeReader } from '#kit/fake-reader.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { API_SERVICES } from '../admission/targets.ts';
import { LocalClient } from '../bootstrap/local-client.ts';
import { type GroupVersion, Registration } from './registration.ts';

const LABEL = 'kube-aggregator.kubernetes.io/automanaged';
let environment: VirtualEnvironment;
let reader: FakeReader;
let custom: GroupVersion[];
let registration: Registration;
let failures: number;

/** A server of APIServices whose cache is never behind. */
async function handler({ method, url, body }: HttpRequest) {
  if (failures > 0) {
    failures -= 1;
    return { status: 500, headers: {} };
  }
  if (method === 'DELETE') reader.remove(API_SERVICES, '', url.split('/').at(-1) ?? '');
  else reader.put(API_SERVICES, JSON.parse(Buffer.from(body ?? '').toString()));
  return { status: 200, headers: {} };
}

const services = (): APIService[] => [...(reader.list(API_SERVICES) as Iterable<APIService>)];
const names = (): (string | undefined)[] => services().map(({ metadata }) => metadata?.name);

beforeEach(async () => {
  environment = new VirtualEnvironment();
  reader = new FakeReader();
  custom = [];
  failures = 0;
  registration = new Registration({
    environment,
    reader,
    client: new LocalClient(handler),
    local: { builtIn: [], custom: () => custom },
  });
  await registration.start();
});

async function change(next: GroupVersion[]): Promise<void> {
  custom = next;
  registration.changed();
  await environment.runUntilIdle();
}

describe('APIServices of custom resources', () => {
  const cats = { group: 'example.com', version: 'v1' };
  const dogs = { group: 'example.com', version: 'v2' };

  it('come and go with them', async () => {
    await change([cats, dogs]);
    assert.deepEqual(names(), ['v1.example.com', 'v2.example.com']);
    assert.deepEqual(services()[0]?.spec, {
      group: 'example.com',
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 100,
    });
    assert.deepEqual(services()[0]?.metadata?.labels, { [LABEL]: 'true' });
    await change([dogs]);
    assert.deepEqual(names(), ['v2.example.com']);
  });

  it('are mended and made anew at once', async () => {
    await change([cats]);
    const [service] = services();
    reader.put(API_SERVICES, { ...service, spec: { ...service?.spec, versionPriority: 7 } });
    await environment.runUntilIdle();
    assert.equal(services()[0]?.spec?.versionPriority, 100);
    reader.remove(API_SERVICES, '', 'v1.example.com');
    await environment.runUntilIdle();
    assert.deepEqual(names(), ['v1.example.com']);
  });

  it('leave alone what is somebody else’s', async () => {
    const theirs = { metadata: { name: 'v1.example.com' }, spec: { versionPriority: 7 } };
    reader.put(API_SERVICES, theirs);
    await change([cats]);
    await change([]);
    assert.deepEqual(services(), [theirs]);
  });

  it('are tried again when they cannot be made', async () => {
    failures = 1;
    await change([cats]);
    assert.deepEqual(names(), []);
    await environment.advance(1_000);
    assert.deepEqual(names(), ['v1.example.com']);
  });
});
