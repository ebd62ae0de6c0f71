/**
 * Unmodified kubectl against the product on simulated nodes: every command of the list that
 * needs no container.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessKubectl } from './needs.ts';
import {
  eventually,
  type Product,
  removeDirectory,
  startProduct,
  temporaryDirectory,
} from './product.ts';

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: example/web:1, ports: [{ containerPort: 80 }] }] }
`;

const SETS = ['StatefulSet', 'DaemonSet'].map(
  (kind) => `
apiVersion: apps/v1
kind: ${kind}
metadata: { name: numbered }
spec:
  selector: { matchLabels: { is: ${kind} } }
  ${kind === 'StatefulSet' ? 'serviceName: numbered\n  replicas: 2' : 'minReadySeconds: 0'}
  template:
    metadata: { labels: { is: ${kind} } }
    spec: { containers: [{ name: web, image: example/web:1, args: ['a && b'] }] }
`,
);

describe('kubectl', { skip: unlessKubectl('kubectl') }, () => {
  let product: Product;
  let directory: string;
  before(async () => {
    directory = temporaryDirectory();
    product = await startProduct(['--simulated-nodes', '2', '--example', 'none'], {
      dataDirectory: join(directory, 'data'),
    });
  });
  after(async () => {
    await product?.stop();
    removeDirectory(directory);
  });
  const ok = (command: string | readonly string[], input?: string): Promise<string> =>
    product.ok(command, input);

  it('apply: creates, and does nothing the second time', async () => {
    assert.match(await ok('apply -f -', WEB), /deployment\.apps\/web created/);
    assert.match(await ok('apply -f -', WEB), /deployment\.apps\/web unchanged/);
    await ok('rollout status deployment/web --timeout=60s');
  });

  it('get: every output form', async () => {
    assert.match(
      await ok('get deployment web'),
      /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2\s+2\s+2/,
    );
    assert.match(await ok('get deployment web -o wide'), /CONTAINERS\s+IMAGES\s+SELECTOR/);
    assert.equal(await ok(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}']), '2');
    assert.equal(
      (JSON.parse(await ok('get deployment web -o json')) as { kind: string }).kind,
      'Deployment',
    );
    assert.match(await ok('get deployment web -o yaml'), /^apiVersion: apps\/v1\nkind: Deployment/);
    assert.equal(await ok('get deployment web -o name'), 'deployment.apps/web\n');
    assert.match(
      await ok('get pods -A -o wide -l app=web'),
      /NAMESPACE\s+NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/,
    );
    assert.match(await ok('get pods --show-labels'), /app=web/);
    assert.match(
      await ok('get nodes -o wide'),
      /NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP/,
    );
    assert.match(await ok('get all'), /service\/kubernetes/);
    assert.match(await ok(['get', 'pods', '-o', 'custom-columns=N:.metadata.name']), /^N\nweb-/);
  });

  it('get: errors are upstream’s', async () => {
    const none = await product.kubectl(['get', 'pod', 'absent']);
    assert.equal(none.stderr, 'Error from server (NotFound): pods "absent" not found\n');
    const kind = await product.kubectl(['get', 'nonsense']);
    assert.match(kind.stderr, /the server doesn't have a resource type "nonsense"/);
  });

  it('an invalid manifest is refused with the field path', async () => {
    const bad = await product.kubectl(['create', '-f', '-'], {
      input: WEB.replace('replicas: 2', 'replicas: -1').replace(
        'name: web, labels',
        'name: bad, labels',
      ),
    });
    assert.match(
      bad.stderr,
      /The Deployment "bad" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    );
    const traced = await product.kubectl(['create', '-v=6', '-f', '-'], {
      input: WEB.replace('replicas: 2', 'replicas: -1').replace(
        'name: web, labels',
        'name: bad, labels',
      ),
    });
    assert.match(traced.stderr, /POST .* 422 Unprocessable Entity/);
    const unknown = await product.kubectl(['create', '-f', '-'], {
      input: WEB.replace('replicas: 2', 'replicaz: 2').replace(
        'name: web, labels',
        'name: bad, labels',
      ),
    });
    assert.match(unknown.stderr, /strict decoding error: unknown field "spec\.replicaz"/);
  });

  it('describe shows the object and its events', async () => {
    const text = await ok('describe deployment web');
    assert.match(
      text,
      /Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/,
    );
    assert.match(text, /ScalingReplicaSet\s+.*Scaled up replica set web-\S+ from 0 to 2/);
    assert.match(await ok('describe pods -l app=web'), /Successfully assigned default\/web-/);
    assert.match(await ok('describe node'), /Allocatable:/);
  });

  it('apply --server-side: takes fields, conflicts name the manager', async () => {
    const config = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: cm }\ndata: { key: ${value} }\n`;
    assert.match(
      await ok('apply --server-side --field-manager=a -f -', config('one')),
      /configmap\/cm serverside-applied/,
    );
    await ok('apply --server-side --field-manager=a -f -', config('one'));
    const conflict = await product.kubectl(
      ['apply', '--server-side', '--field-manager=b', '-f', '-'],
      { input: config('two') },
    );
    assert.match(conflict.stderr, /conflict with "a": \.data\.key/);
    await ok('apply --server-side --field-manager=b --force-conflicts -f -', config('two'));
    assert.equal(await ok(['get', 'cm', 'cm', '-o', 'jsonpath={.data.key}']), 'two');
  });

  it('apply -R, -k and --prune: each a no-op the second time', async () => {
    const folder = join(directory, 'manifests');
    mkdirSync(join(folder, 'deep'), { recursive: true });
    const config = (name: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, labels: { set: r } }\n`;
    writeFileSync(join(folder, 'a.yaml'), config('ra'));
    writeFileSync(join(folder, 'deep', 'b.yaml'), config('rb'));
    assert.match(await ok(['apply', '-R', '-f', folder]), /ra created\nconfigmap\/rb created/);
    assert.match(await ok(['apply', '-R', '-f', folder]), /ra unchanged\nconfigmap\/rb unchanged/);
    writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [a.yaml]\nnamePrefix: k-\n');
    assert.match(await ok(['apply', '-k', folder]), /k-ra created/);
    assert.match(await ok(['apply', '-k', folder]), /k-ra unchanged/);
    const prune = [
      'apply',
      '--prune',
      '-l',
      'set=r',
      '--prune-allowlist=core/v1/ConfigMap',
      '-f',
      join(folder, 'a.yaml'),
    ];
    assert.match(await ok(prune), /configmap\/rb pruned/);
    assert.doesNotMatch(await ok(prune), /pruned/);
  });

  it('diff says what would change, by its exit code too', async () => {
    assert.equal((await product.kubectl(['diff', '-f', '-'], { input: WEB })).code, 0);
    const changed = await product.kubectl(['diff', '-f', '-'], {
      input: WEB.replace('replicas: 2', 'replicas: 3'),
    });
    assert.equal(changed.code, 1);
    assert.match(changed.stdout, /-\s+replicas: 2\n\+\s+replicas: 3/);
  });

  it('edit, patch, label, annotate, scale', async () => {
    process.env['KUBE_EDITOR'] = 'sed -i s/two/edited/';
    assert.match(await ok('edit cm cm'), /configmap\/cm edited/);
    assert.equal(await ok(['get', 'cm', 'cm', '-o', 'jsonpath={.data.key}']), 'edited');
    await ok(['patch', 'deployment', 'web', '-p', '{"spec":{"minReadySeconds":1}}']);
    await ok([
      'patch',
      'deployment',
      'web',
      '--type=merge',
      '-p',
      '{"spec":{"minReadySeconds":0}}',
    ]);
    await ok([
      'patch',
      'deployment',
      'web',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/labels/x","value":"y"}]',
    ]);
    assert.match(await ok('label deployment web tier=front'), /labeled/);
    assert.match(await ok('annotate deployment web note=hello'), /annotated/);
    assert.match(await ok('scale deployment web --replicas=3'), /scaled/);
    await ok('rollout status deployment/web --timeout=60s');
    assert.equal(
      await ok(['get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}']),
      '3',
    );
  });

  it('rollout: history, restart, undo', async () => {
    await ok('set image deployment/web web=example/web:2');
    await ok('rollout status deployment/web --timeout=60s');
    assert.match(
      await ok('rollout history deployment/web'),
      /REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+<none>/,
    );
    await ok('rollout undo deployment/web');
    await ok('rollout status deployment/web --timeout=60s');
    assert.equal(
      await ok([
        'get',
        'deployment',
        'web',
        '-o',
        'jsonpath={.spec.template.spec.containers[0].image}',
      ]),
      'example/web:1',
    );
    await ok('rollout restart deployment/web');
    await ok('rollout status deployment/web --timeout=60s');
  });

  it('rollout of what has revisions: status, history, undo, restart', async () => {
    await ok('apply -f -', SETS.join('---'));
    for (const kind of ['statefulset', 'daemonset']) {
      const name = `${kind}/numbered`;
      const settled = `rollout status ${name} --timeout=60s`;
      const image = ['get', name, '-o', 'jsonpath={.spec.template.spec.containers[0].image}'];
      await ok(settled);
      await ok(`set image ${name} web=example/web:2`);
      await ok(settled);
      assert.match(
        await ok(`rollout history ${name}`),
        /REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+<none>/,
      );
      assert.match(await ok(`rollout history ${name} --revision=1`), /example\/web:1/);
      await ok(`rollout undo ${name}`);
      await ok(settled);
      assert.equal(await ok(image), 'example/web:1');
      assert.match(
        await ok(`rollout history ${name}`),
        /REVISION\s+CHANGE-CAUSE\n2\s+<none>\n3\s+<none>/,
      );
      await ok(`rollout restart ${name}`);
      await ok(settled);
      await ok(`delete ${name}`);
    }
  });

  it('expose, create of the common kinds, run', async () => {
    assert.match(await ok('expose deployment web --port=80'), /service\/web exposed/);
    await eventually(async () =>
      (
        await ok([
          'get',
          'endpointslices',
          '-l',
          'kubernetes.io/service-name=web',
          '-o',
          'jsonpath={.items[*].endpoints[*].addresses[0]}',
        ])
      ).split(' ').length === 3
        ? true
        : undefined,
    );
    for (const command of [
      'create namespace made',
      'create configmap c1 --from-literal=a=b -n made',
      'create secret generic s1 --from-literal=a=b -n made',
      'create serviceaccount sa1 -n made',
      'create role r1 --verb=get --resource=pods -n made',
      'create rolebinding rb1 --role=r1 --serviceaccount=made:sa1 -n made',
      'create clusterrole cr1 --verb=get --resource=nodes',
      'create clusterrolebinding crb1 --clusterrole=cr1 --user=u',
      'create deployment d1 --image=example/x -n made',
      'create service clusterip svc1 --tcp=80:80 -n made',
      'create job j1 --image=example/x -n made',
      'create cronjob cj1 --image=example/x --schedule=*/5_*_*_*_* -n made',
      'create ingress i1 --rule=example.test/*=svc1:80 -n made',
      'create quota q1 --hard=pods=5 -n made',
      'create poddisruptionbudget p1 --selector=app=d1 --min-available=1 -n made',
      'create priorityclass pc1 --value=10',
      'run one --image=example/x -n made',
    ]) {
      assert.match(
        await ok(command.split(' ').map((word) => word.replaceAll('_', ' '))),
        /created/,
        command,
      );
    }
    assert.match(await ok('create token sa1 -n made'), /^ey/);
  });

  it('auth: can-i as another, whoami', async () => {
    const as = ['--as=system:serviceaccount:made:sa1', '-n', 'made'];
    assert.equal(await ok(['auth', 'can-i', 'get', 'pods', ...as]), 'yes\n');
    assert.equal(
      (await product.kubectl(['auth', 'can-i', 'delete', 'pods', ...as])).stdout,
      'no\n',
    );
    assert.match(await ok('auth whoami'), /system:masters/);
    const refused = await product.kubectl(['get', 'nodes', ...as]);
    assert.match(
      refused.stderr,
      /nodes is forbidden: User "system:serviceaccount:made:sa1" cannot list resource "nodes" in API group "" at the cluster scope/,
    );
  });

  it('wait, explain, api-resources, api-versions, config, cluster-info, componentstatuses, raw', async () => {
    await ok('wait --for=condition=Available deployment/web --timeout=30s');
    assert.match(await ok('explain pod.spec.containers'), /KIND:\s+Pod/);
    assert.match(await ok('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
    assert.match(await ok('api-versions'), /apps\/v1/);
    assert.match(await ok('config view'), /clusters:/);
    assert.match(await ok('cluster-info'), /is running at/);
    assert.match(await ok('cluster-info dump'), /"kind": "NodeList"/);
    assert.match(await ok('get componentstatuses'), /Healthy/);
    assert.match(await ok('get --raw /version'), /"minor": "36"/);
    assert.equal(await ok('get --raw /readyz'), 'ok');
  });

  it('get -w shows changes as they come', async () => {
    await ok('create configmap watched --from-literal=key=one');
    const columns = 'custom-columns=KEY:.data.key';
    const watch = product.stream(['get', 'configmap', 'watched', '-w', '-o', columns]);
    await watch.until(/^KEY\none\n/);
    await ok(['patch', 'configmap', 'watched', '-p', '{"data":{"key":"two"}}']);
    await watch.until(/^KEY\none\ntwo\n/);
    await ok('delete configmap watched');
    await watch.until(/^KEY\none\ntwo\ntwo\n$/);
    await watch.stop();
  });

  it('delete: grace period, and all three cascades', async () => {
    assert.match(await ok('delete pod one -n made --grace-period=0 --force'), /deleted/);
    const child = async (): Promise<string> => ok(['get', 'rs', '-n', 'made', '-o', 'name']);
    await eventually(async () => ((await child()) === '' ? undefined : true));
    await ok('delete deployment d1 -n made --cascade=orphan');
    assert.match(await child(), /replicaset\.apps\/d1-/);
    await ok(['delete', 'rs', '--all', '-n', 'made', '--cascade=foreground']);
    await eventually(async () =>
      (await ok('get pods -n made -l app=d1 -o name')) === '' ? true : undefined,
    );
    await ok('delete deployment web --cascade=background');
    await eventually(async () =>
      (await ok('get pods -l app=web -o name')) === '' ? true : undefined,
    );
    await ok('delete namespace made --timeout=60s');
  });
});
