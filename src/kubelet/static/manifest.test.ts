/** Which texts are static pods, and what becomes of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fnv1a128 } from '../fnv.ts';
import { ManifestError, readManifest } from './manifest.ts';

const PLACE = { path: '/m/web.yaml', nodeName: 'n1' };
const WEB = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers: [{name: main, image: nginx}]
`;
const JSON_WEB =
  '{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"image":"nginx","name":"main"}]},"metadata":{"labels":{"app":"web"},"name":"web"}}';

const read = (text: string | Uint8Array, place = PLACE) =>
  readManifest(typeof text === 'string' ? Buffer.from(text) : text, place);

const podWith = (spec: string, metadata = 'name: web'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {${metadata}}\nspec: {${spec}}`;
const MAIN = 'containers: [{name: main, image: i}]';

describe('fnv1a128', () => {
  // Vectors of draft-eastlake-fnv.
  const vectors = [
    ['', '6c62272e07bb014262b821756295c58d'],
    ['a', 'd228cb696f1a8caf78912b704e4a8964'],
    ['foobar', '343e1662793c64bf6f0d3597ba446f18'],
  ] as const;
  for (const [text, hash] of vectors)
    it(`of ${JSON.stringify(text)}`, () => assert.equal(fnv1a128(text), hash));
});

describe('readManifest', () => {
  it('puts the pod on the node, and says where it comes from', () => {
    const { pod, problems } = read(WEB);
    const uid = pod.metadata?.uid ?? '';
    assert.match(uid, /^[0-9a-f]{32}$/);
    assert.deepEqual(pod.metadata, {
      name: 'web-n1',
      namespace: 'default',
      uid,
      labels: { app: 'web' },
      annotations: { 'kubernetes.io/config.hash': uid, 'kubernetes.io/config.source': 'file' },
    });
    assert.equal(pod.spec?.nodeName, 'n1');
    assert.deepEqual(pod.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
    assert.deepEqual([pod.status, problems], [{ phase: 'Pending' }, []]);
  });

  it('sets the defaults of the API', () => {
    const { spec } = read(WEB).pod;
    const [container] = spec?.containers ?? [];
    assert.equal(spec?.restartPolicy, 'Always');
    assert.equal(spec?.terminationGracePeriodSeconds, 30);
    assert.equal(container?.imagePullPolicy, 'Always');
  });

  it('makes the uid of what is said, not of how; of the path and the node too', () => {
    const uid = (text: string, place = PLACE) => read(text, place).pod.metadata?.uid;
    assert.equal(uid(WEB), uid(`# a comment\n${WEB}`));
    assert.equal(uid(WEB), uid(JSON_WEB));
    assert.notEqual(uid(WEB), uid(WEB.replace('nginx', 'nginx:2')));
    assert.notEqual(uid(WEB), uid(WEB, { ...PLACE, path: '/m/other.yaml' }));
    assert.notEqual(uid(WEB), uid(WEB, { ...PLACE, nodeName: 'n2' }));
  });

  it('keeps a uid and a namespace that the file gives', () => {
    const { metadata } = read(podWith(MAIN, 'name: web, uid: my-1, namespace: kube-system')).pod;
    assert.deepEqual([metadata?.uid, metadata?.namespace], ['my-1', 'kube-system']);
    assert.equal(metadata?.annotations?.['kubernetes.io/config.hash'], 'my-1');
  });

  it('adds its toleration once, beside others', () => {
    const own = 'tolerations: [{operator: Exists, effect: NoExecute}, {key: a, operator: Exists}]';
    assert.deepEqual(read(podWith(`${own}, ${MAIN}`)).pod.spec?.tolerations, [
      { key: 'a', operator: 'Exists' },
      { operator: 'Exists', effect: 'NoExecute' },
    ]);
  });

  it('takes nothing that only an API server says', () => {
    const metadata =
      'name: web, resourceVersion: "7", generation: 3, deletionTimestamp: "2026-01-01T00:00:00Z", ' +
      'ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: u1}]';
    const { pod } = read(`${podWith(MAIN, metadata)}\nstatus: {phase: Failed}`);
    assert.deepEqual(Object.keys(pod.metadata ?? {}), ['name', 'namespace', 'uid', 'annotations']);
    assert.deepEqual(pod.status, { phase: 'Pending' });
  });

  it('tells of what it does not understand', () => {
    const { problems } = read(podWith(`colour: red, ${MAIN}`));
    assert.deepEqual(problems, ['unknown field "spec.colour"']);
  });
});

const unparsable = (why: string): string =>
  `couldn't parse as pod(${why}), please check config file`;
const BAD: readonly (readonly [
  name: string,
  text: string | Uint8Array,
  message: string | RegExp,
])[] = [
  ['an empty file', '', unparsable("Object 'Kind' is missing in 'null'")],
  ['only a comment', '# nothing', unparsable("Object 'Kind' is missing in 'null'")],
  ['a list', '- a', unparsable('it holds no object')],
  ['a text', 'hello', unparsable('it holds no object')],
  ['broken YAML', 'a: [', /^couldn't parse as pod\(error converting YAML to JSON: yaml: line/],
  ['broken JSON', '{"kind": "Pod",', /^couldn't parse as pod\(error converting YAML to JSON/],
  ['what is no text', Buffer.from([0xff, 0xfe]), /invalid UTF-8/],
  ['no kind', 'apiVersion: v1', unparsable("Object 'Kind' is missing")],
  ['no version', 'kind: Pod', unparsable("Object 'apiVersion' is missing")],
  [
    'another kind',
    'apiVersion: apps/v1\nkind: Deployment',
    unparsable('invalid pod: it is a Deployment of apps/v1'),
  ],
  ['another version', 'apiVersion: v2\nkind: Pod', unparsable('invalid pod: it is a Pod of v2')],
  [
    'another core kind',
    'apiVersion: v1\nkind: Node',
    unparsable('invalid pod: it is a Node of v1'),
  ],
  [
    'a field of another type',
    podWith('containers: 5'),
    /^couldn't parse as pod\(json: cannot unmarshal/,
  ],
  ['no name', podWith(MAIN, 'namespace: a'), 'invalid pod: name is needed for the pod'],
  ['no metadata', 'apiVersion: v1\nkind: Pod', 'invalid pod: name is needed for the pod'],
  [
    'a bad name',
    podWith(MAIN, 'name: Web_1'),
    /^invalid pod: metadata\.name: Invalid value: "Web_1-n1": /,
  ],
  [
    'a bad namespace',
    podWith(MAIN, 'name: a, namespace: A'),
    /^invalid pod: metadata\.namespace: /,
  ],
  ['no spec', 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}', /spec\.containers: Required value/],
  ['no containers', podWith('containers: []'), /^invalid pod: spec\.containers: Required value$/],
  [
    'two mistakes',
    podWith('containers: [{name: A, image: i}], restartPolicy: Never1'),
    /^invalid pod: \[spec\.containers\[0\]\.name: .*, spec\.restartPolicy: .*\]$/,
  ],
  [
    'a uid that is a path',
    podWith(MAIN, 'name: a, uid: ../../etc'),
    'invalid pod: metadata.uid: "../../etc" must be letters, digits and "-"',
  ],
  [
    'scheduling gates',
    podWith(`schedulingGates: [{name: a/b}], ${MAIN}`),
    /spec\.nodeName: Forbidden: cannot be set until all schedulingGates/,
  ],
  ['a service account', podWith(`serviceAccountName: a, ${MAIN}`), refers('serviceaccounts')],
  ['a pull secret', podWith(`imagePullSecrets: [{name: a}], ${MAIN}`), refers('secrets')],
  [
    'a variable of a ConfigMap',
    podWith('containers: [{name: a, image: i, envFrom: [{configMapRef: {name: a}}]}]'),
    refers('configmaps'),
  ],
  [
    'a secret volume',
    podWith(`volumes: [{name: a, secret: {secretName: a}}], ${MAIN}`),
    refers('secrets'),
  ],
  [
    'a claim',
    podWith(`volumes: [{name: a, persistentVolumeClaim: {claimName: a}}], ${MAIN}`),
    refers('persistentvolumeclaims'),
  ],
  [
    'devices',
    podWith(`resourceClaims: [{name: a, resourceClaimName: b}], ${MAIN}`),
    refers('resourceclaims'),
  ],
  [
    'a trust bundle',
    podWith(
      `volumes: [{name: a, projected: {sources: [{clusterTrustBundle: {name: a, path: p}}]}}], ${MAIN}`,
    ),
    refers('clustertrustbundles'),
  ],
  [
    'a certificate of its own',
    podWith(
      `volumes: [{name: a, projected: {sources: [{podCertificate: {signerName: a.io/b, keyType: ED25519, keyPath: k}}]}}], ${MAIN}`,
    ),
    refers('podcertificates'),
  ],
];

function refers(what: string): string {
  return `static pods may not reference ${what}`;
}

describe('readManifest refuses', () => {
  for (const [name, text, message] of BAD) {
    it(name, () => {
      assert.throws(
        () => read(text),
        (error: unknown) => {
          assert.ok(error instanceof ManifestError, String(error));
          if (typeof message === 'string') assert.equal(error.message, message);
          else assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
