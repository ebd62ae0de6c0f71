import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, EnvVar, Pod, Service } from '#api/gen/core-v1.ts';
import type { ObjectSource } from '../object-source.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { containerEnvironment } from './environment.ts';
import { expandVariables } from './expansion.ts';

describe('expandVariables', () => {
  const rows: [claim: string, text: string, expected: string][] = [
    ['puts in values', 'a $(X) b', 'a 1 b'],
    ['leaves what it does not know', '$(Y) $(X)', '$(Y) 1'],
    ['reads two dollars as one', '$$(X) $$', '$(X) $'],
    ['leaves a dollar alone', '$X $', '$X $'],
    ['leaves what does not close', '$(X', '$(X'],
    ['does not expand what it put in', '$(Z)', '$(X)'],
  ];
  for (const [claim, text, expected] of rows) {
    it(claim, () => {
      const values = new Map([
        ['X', '1'],
        ['Z', '$(X)'],
      ]);
      assert.equal(
        expandVariables(text, (name) => values.get(name)),
        expected,
      );
    });
  }
});

describe('containerEnvironment', () => {
  const objects: ObjectSource = {
    configMap: (_namespace, name, optional) => {
      if (name === 'c') return Promise.resolve({ data: { A: '1', B: '2' } });
      return optional
        ? Promise.resolve(undefined)
        : Promise.reject(new Error(`configmap "${name}" not found`));
    },
    secret: () => Promise.resolve({ data: { S: Buffer.from('hush').toString('base64') } }),
  };
  const fileSystem = new MemoryFileSystem();
  const redis: Service = {
    metadata: { name: 'redis-main', namespace: 'n' },
    spec: { clusterIP: '10.96.0.9', ports: [{ port: 6379, name: 'main' }] },
  };
  const api: Service = {
    metadata: { name: 'kubernetes', namespace: 'default' },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 443, name: 'https' }] },
  };
  const environment = (container: Partial<Container>, pod: Partial<Pod> = {}) =>
    containerEnvironment({
      pod: {
        metadata: { name: 'p', namespace: 'n', labels: { app: 'x' } },
        spec: { containers: [] },
        ...pod,
      },
      container: { name: 'main', ...container },
      services: [redis, api],
      objects,
      facts: {
        podIps: ['10.0.0.1', 'fd00::1'],
        hostIps: ['192.0.2.1'],
        nodeAllocatable: { cpu: '2', memory: '1Gi' },
      },
      files: { fileSystem, volumes: new Map([['v', { path: '/volumes/v', readOnly: false }]]) },
    });
  const one = async (variable: Omit<EnvVar, 'name'>, container: Partial<Container> = {}) =>
    (await environment({ ...container, env: [{ name: 'V', ...variable }] })).get('V');

  it('tells where Services are', async () => {
    const found = await environment({});
    assert.equal(found.get('REDIS_MAIN_SERVICE_HOST'), '10.96.0.9');
    assert.equal(found.get('REDIS_MAIN_SERVICE_PORT_MAIN'), '6379');
    assert.equal(found.get('REDIS_MAIN_PORT_6379_TCP'), 'tcp://10.96.0.9:6379');
    assert.equal(found.get('KUBERNETES_SERVICE_PORT_HTTPS'), '443');
  });

  it('lets the container name a variable as a Service does', async () => {
    const found = await environment({ env: [{ name: 'REDIS_MAIN_SERVICE_HOST', value: 'mine' }] });
    assert.equal(found.get('REDIS_MAIN_SERVICE_HOST'), 'mine');
  });

  it('tells of the API server alone without links', async () => {
    const found = await environment({}, { spec: { containers: [], enableServiceLinks: false } });
    assert.equal(found.has('REDIS_MAIN_SERVICE_HOST'), false);
    assert.equal(found.get('KUBERNETES_SERVICE_HOST'), '10.96.0.1');
  });

  it('takes whole objects, with a prefix, and lets single variables win', async () => {
    const found = await environment({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }],
      env: [{ name: 'P_A', value: 'mine $(P_B) $(S)' }],
    });
    assert.deepEqual(
      [found.get('P_A'), found.get('P_B'), found.get('S')],
      ['mine 2 hush', '2', 'hush'],
    );
  });

  it('reads what another container has written into a volume', async () => {
    await fileSystem.writeFile('/volumes/v/made/env', "A='1'\nEMPTY=''\n");
    await fileSystem.writeFile('/volumes/v/broken', 'A=1\n');
    const read = (key: string, over: { path?: string; volumeName?: string; optional?: boolean }) =>
      one({ valueFrom: { fileKeyRef: { volumeName: 'v', path: 'made/env', key, ...over } } });
    assert.equal(await read('A', {}), '1');
    assert.equal(await read('B', { optional: true }), undefined);
    assert.equal(await read('EMPTY', { optional: true }), undefined);
    await assert.rejects(read('B', {}), {
      message: 'environment variable key "B" not found in file "/volumes/v/made/env"',
    });
    await assert.rejects(read('A', { volumeName: 'w' }), {
      message: 'cannot find the volume "w" referenced by FileKeyRef',
    });
    for (const path of ['broken', 'absent'])
      await assert.rejects(read('A', { path, optional: true }), {
        message: "couldn't parse env file",
      });
  });

  it('reads fields of the pod', async () => {
    assert.equal(
      await one({ valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }),
      'x',
    );
    assert.equal(
      await one({ valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } }),
      '10.0.0.1,fd00::1',
    );
    assert.equal(
      await one({ valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }),
      '192.0.2.1',
    );
  });

  it('reads resources in units of the divisor, rounded up, the node standing for no limit', async () => {
    const container = { resources: { limits: { cpu: '1500m' }, requests: { memory: '100Ki' } } };
    const of = (resource: string, divisor?: string) =>
      one(
        {
          valueFrom: {
            resourceFieldRef: { resource, ...(divisor === undefined ? {} : { divisor }) },
          },
        },
        container,
      );
    assert.equal(await of('limits.cpu'), '2');
    assert.equal(await of('limits.cpu', '1m'), '1500');
    assert.equal(await of('requests.memory', '1Mi'), '1');
    assert.equal(await of('limits.memory', '1Mi'), '1024');
    assert.equal(await of('requests.cpu'), '0');
  });

  it('says what is missing, unless it is optional', async () => {
    const key = (name: string, optional: boolean) =>
      one({ valueFrom: { configMapKeyRef: { name, key: 'Q', optional } } });
    await assert.rejects(key('c', false), { message: "couldn't find key Q in ConfigMap n/c" });
    await assert.rejects(key('d', false), { message: 'configmap "d" not found' });
    assert.equal(await key('c', true), undefined);
    assert.equal(await key('d', true), undefined);
  });
});
