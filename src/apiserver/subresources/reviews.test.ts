/** Reviews that ask nothing, or too much: what is said of them, and that nothing is decided. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const Z = 'authorization.k8s.io/v1';
const AUTHN = 'authentication.k8s.io/v1';
const LOCAL = `/apis/${Z}/namespaces/default/localsubjectaccessreviews`;

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
});

const EMPTY = `422 .authorization.k8s.io "" is invalid: `;
const NOTHING = `spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`;
const NOBODY = `spec.user: Invalid value: "": at least one of user or group must be specified`;
const GET = { resourceAttributes: { verb: 'get' } };
const PATH = { nonResourceAttributes: { path: '/' } };
const HANDLED = `400 SubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview: `;

type Row = readonly [claim: string, url: string, body: object, message: string];

const subject: readonly (readonly [claim: string, body: object, message: string])[] = [
  ['without a specification', {}, `${EMPTY}[${NOTHING}, ${NOBODY}]`],
  ['without a question', { spec: { user: 'u' } }, EMPTY + NOTHING],
  ['about nobody', { spec: GET }, EMPTY + NOBODY],
  [
    'with two questions',
    { spec: { user: 'u', ...GET, ...PATH } },
    `${EMPTY}spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: cannot be specified in combination with resourceAttributes`,
  ],
  [
    'with a number for a word',
    { spec: { user: 'u', resourceAttributes: { verb: 7 } } },
    `${HANDLED}json: cannot unmarshal number into Go struct field ResourceAttributes.spec.resourceAttributes.verb of type string`,
  ],
  [
    'of another kind',
    { kind: 'Other' },
    `400 Other in version "v1" cannot be handled as a SubjectAccessReview: no kind "Other" is registered for version "${Z}" in scheme "pkg/api/legacyscheme/scheme.go:30"`,
  ],
];

const rows: readonly Row[] = [
  ...subject.map(
    ([claim, body, message]): Row => [
      `a subject's access ${claim}`,
      `/apis/${Z}/subjectaccessreviews`,
      { apiVersion: Z, kind: 'SubjectAccessReview', ...body },
      message,
    ],
  ),
  [
    "a subject's access with a field that nobody knows, strictly",
    `/apis/${Z}/subjectaccessreviews?fieldValidation=Strict`,
    { apiVersion: Z, kind: 'SubjectAccessReview', spec: { user: 'u', bad: 1, ...GET } },
    `${HANDLED}strict decoding error: unknown field "spec.bad"`,
  ],
  [
    "a subject's access as a dry run that is none",
    `/apis/${Z}/subjectaccessreviews?dryRun=Some`,
    { apiVersion: Z, kind: 'SubjectAccessReview', spec: { user: 'u', ...GET } },
    '422 CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
  ],
  [
    'own access without a question',
    `/apis/${Z}/selfsubjectaccessreviews`,
    { apiVersion: Z, kind: 'SelfSubjectAccessReview', spec: {} },
    EMPTY + NOTHING,
  ],
  [
    'own rules nowhere',
    `/apis/${Z}/selfsubjectrulesreviews`,
    { apiVersion: Z, kind: 'SelfSubjectRulesReview', spec: {} },
    '400 no namespace on request',
  ],
  [
    'local access elsewhere',
    LOCAL,
    {
      apiVersion: Z,
      kind: 'LocalSubjectAccessReview',
      spec: { user: 'u', resourceAttributes: { verb: 'get', namespace: 'other' } },
    },
    `${EMPTY}spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace`,
  ],
  [
    'local access, the object being elsewhere',
    LOCAL,
    {
      apiVersion: Z,
      kind: 'LocalSubjectAccessReview',
      metadata: { namespace: 'other' },
      spec: { user: 'u', resourceAttributes: { verb: 'get', namespace: 'default' } },
    },
    '400 the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'local access to a path',
    LOCAL,
    { apiVersion: Z, kind: 'LocalSubjectAccessReview', spec: { user: 'u', ...PATH } },
    `${EMPTY}spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: disallowed on this kind of request`,
  ],
  [
    'a token that is not there',
    `/apis/${AUTHN}/tokenreviews`,
    { apiVersion: AUTHN, kind: 'TokenReview', spec: {} },
    '400 token is required for TokenReview in authentication',
  ],
];

describe('a review is refused that asks for', () => {
  for (const [claim, url, body, message] of rows)
    it(claim, async () => assert.equal(await api.refusal(`POST ${url}`, body), message));

  it("a subject's access, with metadata, and shows who has sent it", async () => {
    const metadata = { name: 'n', labels: { a: 'b' } };
    const spec = { user: 'u', ...GET };
    const body = { apiVersion: Z, kind: 'SubjectAccessReview', metadata, spec };
    const said = await api.refusal(`POST /apis/${Z}/subjectaccessreviews`, body);
    assert.match(
      said,
      /^422 .authorization.k8s.io "" is invalid: metadata: Invalid value: \{"name":"n","labels":\{"a":"b"\},"managedFields":\[\{"manager":"test","operation":"Update","apiVersion":"authorization.k8s.io\/v1",.*\}: must be empty$/,
    );
  });
});

describe('a review is answered', () => {
  it('that asks what it may, with a warning of what is unknown', async () => {
    const spec = { user: 'u', bad: 1, ...GET };
    const body = { apiVersion: Z, kind: 'SubjectAccessReview', spec };
    const reply = await api.call(`POST /apis/${Z}/subjectaccessreviews`, body);
    assert.equal(reply.status, 201);
    assert.deepEqual(reply.body.status, { allowed: false });
    assert.match(reply.headers['warning'] ?? '', /unknown field/);
  });

  it('of a token that is none', async () => {
    const body = { apiVersion: AUTHN, kind: 'TokenReview', spec: { token: 'x' } };
    const { status } = await api.must(`POST /apis/${AUTHN}/tokenreviews`, body);
    assert.deepEqual(status, { user: {}, error: 'invalid bearer token' });
  });
});
