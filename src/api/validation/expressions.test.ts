import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
} from '#api/gen/admissionregistration-v1.ts';
import type { DeviceClass, ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import { MUTATING_ADMISSION_POLICY } from '../admissionregistration/mutating-admission-policy.ts';
import { VALIDATING_ADMISSION_POLICY } from '../admissionregistration/validating-admission-policy.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '../admissionregistration/validating-webhook-configuration.ts';
import { changed, createErrors } from '../kind-test-kit.ts';
import { DEVICE_CLASS } from '../resource/device-class.ts';
import { RESOURCE_CLAIM } from '../resource/resource-claim.ts';
import { RESOURCE_SLICE } from '../resource/resource-slice.ts';
import { type Row, testCreates } from './test-kit.ts';

const undeclared = (name: string): string =>
  `compilation failed: ERROR: <input>:1:1: undeclared reference to '${name}' (in container '')\n | ${name}\n | ^`;

const RULES: MatchResources = {
  resourceRules: [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
  ],
};

const VALIDATING: ValidatingAdmissionPolicy = {
  metadata: { name: 'p' },
  spec: {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints: RULES,
    matchConditions: [
      {
        name: 'a',
        expression: 'params.a && authorizer.group("").resource("pods").check("get").allowed()',
      },
    ],
    variables: [{ name: 'size', expression: 'object.spec.replicas' }],
    validations: [
      {
        expression:
          'variables.size > 1 && request.userInfo.username != namespaceObject.metadata.name',
        messageExpression: '"no " + params.b',
      },
    ],
    auditAnnotations: [{ key: 'k', valueExpression: 'null' }],
  },
};
const VALIDATION = 'spec.validations[0]';
const VALIDATING_ROWS: readonly Row[] = [
  [
    'spec.matchConditions[0].expression',
    'variables.size > 1',
    [
      'spec.matchConditions[0].expression: Invalid value: "variables.size > 1": ' +
        "compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.size > 1\n | ^",
    ],
  ],
  [
    `${VALIDATION}.expression`,
    '1 + 1',
    [`${VALIDATION}.expression: Invalid value: "1 + 1": must evaluate to bool but got int`],
  ],
  [
    `${VALIDATION}.expression`,
    'request.odd == 1',
    [
      `${VALIDATION}.expression: Invalid value: "request.odd == 1": compilation failed: ERROR: <input>:1:8: undefined field 'odd'\n | request.odd == 1\n | .......^`,
    ],
  ],
  [
    `${VALIDATION}.messageExpression`,
    'authorizer',
    [`${VALIDATION}.messageExpression: Invalid value: "authorizer": ${undeclared('authorizer')}`],
  ],
  [
    'spec.auditAnnotations[0].valueExpression',
    ' true',
    [
      'spec.auditAnnotations[0].valueExpression: Invalid value: " true": must evaluate to one of [string null_type] but got bool',
    ],
  ],
  [
    'spec.paramKind',
    undefined,
    [
      `spec.matchConditions[0].expression: Invalid value: "params.a && authorizer.group(\\"\\").resource(\\"pods\\").check(\\"get\\").allowed()": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.a && authorizer.group("").resource("pods").check("get").allowed()\n | ^`,
      `${VALIDATION}.messageExpression: Invalid value: "\\"no \\" + params.b": compilation failed: ERROR: <input>:1:9: undeclared reference to 'params' (in container '')\n | "no " + params.b\n | ........^`,
    ],
  ],
];
testCreates({ kind: VALIDATING_ADMISSION_POLICY, object: VALIDATING, rows: VALIDATING_ROWS });

const MUTATING: MutatingAdmissionPolicy = {
  metadata: { name: 'p' },
  spec: {
    matchConstraints: RULES,
    reinvocationPolicy: 'Never',
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: { expression: 'Object{spec: Object.spec{replicas: 3}}' },
      },
      {
        patchType: 'JSONPatch',
        jsonPatch: {
          expression: '[JSONPatch{op: "remove", path: "/a/" + jsonpatch.escapeKey("b/c")}]',
        },
      },
    ],
  },
};
testCreates({
  kind: MUTATING_ADMISSION_POLICY,
  object: MUTATING,
  rows: [
    [
      'spec.mutations[0].applyConfiguration.expression',
      'Object.spec{}',
      [
        'spec.mutations[0].applyConfiguration.expression: Invalid value: "Object.spec{}": must evaluate to Object but got Object.spec',
      ],
    ],
    [
      'spec.mutations[1].jsonPatch.expression',
      '[]',
      [
        'spec.mutations[1].jsonPatch.expression: Invalid value: "[]": must evaluate to list(JSONPatch) but got list(dyn)',
      ],
    ],
  ],
});

const HOOKS: ValidatingWebhookConfiguration = {
  metadata: { name: 'w' },
  webhooks: [
    {
      name: 'a.example.com',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://hook.example/x' },
      matchConditions: [{ name: 'a', expression: 'object.a == 1' }],
    },
  ],
};
testCreates({
  kind: VALIDATING_WEBHOOK_CONFIGURATION,
  object: HOOKS,
  rows: [
    [
      'webhooks[0].matchConditions[0].expression',
      'params',
      [
        `webhooks[0].matchConditions[0].expression: Invalid value: "params": ${undeclared('params')}`,
      ],
    ],
  ],
});

const CLASS: DeviceClass = {
  metadata: { name: 'c' },
  spec: {
    selectors: [
      {
        cel: {
          expression:
            'cel.bind(a, device.attributes["example.com"], a.big && device.capacity["x"].y.isGreaterThan(quantity("1Gi"))) || device.attributes["x"].y',
        },
      },
    ],
  },
};
const SELECTOR = 'spec.selectors[0].cel.expression';
/** Each loop goes over as many attributes as there can be. */
const LOOPS = 'device.attributes.all(a, '.repeat(5);
testCreates({
  kind: DEVICE_CLASS,
  object: CLASS,
  rows: [
    [SELECTOR, 'x', [`${SELECTOR}: Invalid value: "x": ${undeclared('x')}`]],
    [
      SELECTOR,
      'device.driver',
      [
        `${SELECTOR}: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string`,
      ],
    ],
    [
      SELECTOR,
      `${LOOPS}true${')'.repeat(5)}`,
      [`${SELECTOR}: Forbidden: too complex, exceeds cost limit`],
    ],
  ],
});

describe('expressions of stored objects', () => {
  const bad = (object: ValidatingAdmissionPolicy): ValidatingAdmissionPolicy =>
    changed(object, 'spec.matchConditions[0].expression', 'nothing');
  const update = (next: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy): string[] =>
    (VALIDATING_ADMISSION_POLICY.validateUpdate?.(next, old) ?? []).map(
      (error) => error.text().split(':')[0] ?? '',
    );

  it('are not judged again as match conditions, when those stay as they are', () => {
    const old = bad(VALIDATING);
    VALIDATING_ADMISSION_POLICY.setDefaults?.(old);
    assert.deepEqual(update(old, old), []);
    const other = changed(old, 'spec.paramKind.kind', 'Secret');
    assert.deepEqual(update(other, old), ['spec.matchConditions[0].expression']);
  });
});

describe('dynamic resources', () => {
  it('may be selected by an attribute alone, whatever it is', () => {
    const own = changed(CLASS, SELECTOR, 'device.attributes["x"].y');
    assert.deepEqual(createErrors(DEVICE_CLASS, own), []);
  });

  it('take a toleration without an operator for one of equality, however many there are', () => {
    const tolerations = Array.from({ length: 20 }, () => ({ key: 'k', value: 'v' }));
    const claim: ResourceClaim = {
      metadata: { name: 'c', namespace: 'd' },
      spec: {
        devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'c', tolerations } }] },
      },
    };
    assert.deepEqual(createErrors(RESOURCE_CLAIM, claim), []);
  });

  it('say since when a taint is there', () => {
    const slice = {
      metadata: { name: 's' },
      spec: { devices: [{ name: 'a', taints: [{ key: 'k', effect: 'NoSchedule' }] }] },
    } as unknown as ResourceSlice;
    const context = {
      nowMs: 0,
      uuid: () => 'u',
      warn: () => undefined,
      user: { name: 'u', groups: [] },
    };
    RESOURCE_SLICE.prepareForCreate?.(slice, context);
    assert.equal(slice.spec?.devices?.[0]?.taints?.[0]?.timeAdded, '1970-01-01T00:00:00Z');
  });
});
