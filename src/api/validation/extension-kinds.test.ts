/**
 * Kinds that extend the API: definitions, services, webhooks.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import type { ValidatingWebhookConfiguration } from '#api/gen/admissionregistration-v1.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '../admissionregistration/validating-webhook-configuration.ts';
import { CUSTOM_RESOURCE_DEFINITION } from '../apiextensions/custom-resource-definition.ts';
import { API_SERVICE } from '../apiregistration/api-service.ts';
import { type Row, testCreates } from './test-kit.ts';

const CUSTOM_RESOURCE_DEFINITION_OBJECT: CustomResourceDefinition = {
  metadata: { name: 'cats.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'cats', kind: 'Cat' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
      },
    ],
  },
};

const CUSTOM_RESOURCE_DEFINITION_OBJECT_ROWS: readonly Row[] = [
  [
    'metadata.name',
    'cats',
    ['metadata.name: Invalid value: "cats": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'spec.group',
    'example',
    [
      'metadata.name: Invalid value: "cats.example.com": must be spec.names.plural+"."+spec.group',
      'spec.group: Invalid value: "example": should be a domain with at least one dot',
    ],
  ],
  [
    'spec.group',
    '',
    [
      'metadata.name: Invalid value: "cats.example.com": must be spec.names.plural+"."+spec.group',
      'spec.group: Required value',
    ],
  ],
  [
    'spec.group',
    'x.k8s.io',
    [
      'metadata.name: Invalid value: "cats.example.com": must be spec.names.plural+"."+spec.group',
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
  ],
  [
    'spec.scope',
    'Odd',
    ['spec.scope: Unsupported value: "Odd": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'spec.names.plural',
    '',
    [
      'metadata.name: Invalid value: "cats.example.com": must be spec.names.plural+"."+spec.group',
      'spec.names.plural: Required value',
    ],
  ],
  [
    'spec.names.kind',
    '1',
    [
      'spec.names.singular: Invalid value: "1": a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
      'spec.names.kind: Invalid value: "1": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
      'spec.names.listKind: Invalid value: "1List": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
    ],
  ],
  [
    'spec.names.listKind',
    'Cat',
    ['spec.names.listKind: Invalid value: "Cat": kind and listKind may not be the same'],
  ],
  [
    'spec.names.shortNames',
    ['C'],
    [
      'spec.names.shortNames[0]: Invalid value: "C": a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
    ],
  ],
  [
    'spec.versions[0].name',
    'V1',
    [
      'spec.versions[0].name: Invalid value: "V1": a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
      'spec.version: Invalid value: "V1": a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
    ],
  ],
  [
    'spec.versions[0].storage',
    false,
    [
      'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
  ],
  [
    'spec.versions[0].schema',
    undefined,
    ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema',
    {},
    ['spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root'],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    {},
    [
      'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'array' },
    ['spec.validation.openAPIV3Schema.properties[spec].items: Required value: must be specified'],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.type',
    'string',
    ['spec.validation.openAPIV3Schema.type: Invalid value: "string": must be object at the root'],
  ],
  [
    'spec.versions[0].additionalPrinterColumns',
    [{ name: 'a', type: 'odd', jsonPath: 'x' }],
    [
      'spec.additionalPrinterColumns[0].type: Invalid value: "odd": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "x": must be a simple json path starting with .',
    ],
  ],
  [
    'spec.versions[0].subresources',
    { scale: { specReplicasPath: '.x', statusReplicasPath: '.status.n' } },
    [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec',
    ],
  ],
  [
    'spec.conversion',
    { strategy: 'Webhook' },
    [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'spec.conversion',
    {
      strategy: 'Webhook',
      webhook: {
        clientConfig: { url: 'https://a/b' },
        conversionReviewVersions: ['v1', 'v1', 'v9'],
      },
    },
    ['spec.conversion.conversionReviewVersions[1]: Invalid value: "v1": duplicate version'],
  ],
  [
    'spec.conversion',
    {
      strategy: 'None',
      webhook: { clientConfig: { url: 'https://a/b' }, conversionReviewVersions: ['v1'] },
    },
    [
      'spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook',
      'spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook',
    ],
  ],
  [
    'spec.versions',
    [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      { name: 'v1', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object' } } },
    ],
    [
      'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must contain unique version names',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'odd' },
    [
      'spec.validation.openAPIV3Schema.properties[spec].type: Unsupported value: "odd": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'array', uniqueItems: true, items: { type: 'string' } },
    [
      'spec.validation.openAPIV3Schema.properties[spec].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'array', items: {} },
    [
      'spec.validation.openAPIV3Schema.properties[spec].items.type: Required value: must not be empty for specified array items',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'object', 'x-kubernetes-map-type': 'odd' },
    [
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-map-type: Unsupported value: "odd": supported values: "atomic", "granular"',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'string', 'x-kubernetes-list-type': 'atomic' },
    [
      'spec.validation.openAPIV3Schema.properties[spec].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { 'x-kubernetes-map-type': 'atomic' },
    [
      'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
      'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must be object if x-kubernetes-map-type is specified',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' },
    [
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    {
      type: 'array',
      items: { type: 'object', properties: { k: { type: 'string' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k', 'x', 'x'],
    },
    [
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-list-map-keys: Invalid value: ["k","x","x"]: entries must all be names of item properties',
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-list-map-keys: Invalid value: ["k","x","x"]: entries must all be names of item properties',
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-list-map-keys: Invalid value: ["k","x","x"]: must not contain duplicate entries',
      'spec.validation.openAPIV3Schema.properties[spec].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-map-keys': ['k'] },
    [
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      additionalProperties: { type: 'string' },
    },
    [
      'spec.validation.openAPIV3Schema.properties[spec].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { type: 'object', additionalProperties: {} },
    [
      'spec.validation.openAPIV3Schema.properties[spec].additionalProperties.type: Required value: must not be empty for specified object fields',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.properties.spec',
    { 'x-kubernetes-preserve-unknown-fields': false },
    [
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.additionalProperties',
    true,
    [
      'spec.validation.openAPIV3Schema.additionalProperties: Forbidden: must not be used at the root',
    ],
  ],
  [
    'spec.versions[0].schema.openAPIV3Schema.nullable',
    true,
    ['spec.validation.openAPIV3Schema.nullable: Forbidden: nullable cannot be true at the root'],
  ],
  [
    'spec.versions[0].subresources',
    {
      scale: {
        specReplicasPath: '.spec.n',
        statusReplicasPath: 'status.n',
        labelSelectorPath: '.x',
      },
    },
    [
      'spec.subresources.scale.statusReplicasPath: Invalid value: "status.n": must be a simple json path starting with .',
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
    ],
  ],
  [
    'spec.preserveUnknownFields',
    true,
    [
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
  [
    'spec.versions[0].deprecationWarning',
    'old',
    [
      'spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions',
    ],
  ],
];

const APISERVICE_OBJECT: APIService = {
  metadata: { name: 'v1.example.com' },
  spec: {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 100,
    versionPriority: 10,
    service: { namespace: 'd', name: 'api' },
  },
};

const APISERVICE_OBJECT_ROWS: readonly Row[] = [
  [
    'metadata.name',
    'v2.example.com',
    [
      'metadata.name: Invalid value: "v2.example.com": must be `spec.version+"."+spec.group`: "v1.example.com"',
    ],
  ],
  [
    'spec.version',
    'V',
    [
      'metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "V.example.com"',
      'spec.version: Invalid value: "V": a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character',
    ],
  ],
  [
    'spec.groupPriorityMinimum',
    0,
    ['spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000'],
  ],
  [
    'spec.versionPriority',
    2000,
    ['spec.versionPriority: Invalid value: 2000: must be positive and less than 1000'],
  ],
  ['spec.service.name', '', ['spec.service.name: Required value']],
  [
    'spec.service.port',
    70000,
    [
      'spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
    ],
  ],
];

const VALIDATING_WEBHOOK_CONFIGURATION_OBJECT: ValidatingWebhookConfiguration = {
  metadata: { name: 'w' },
  webhooks: [
    {
      name: 'a.example.com',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://hook.example/x' },
      rules: [
        { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
      ],
    },
  ],
};

const VALIDATING_WEBHOOK_CONFIGURATION_OBJECT_ROWS: readonly Row[] = [
  [
    'webhooks[0].name',
    'a',
    [
      'webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots',
    ],
  ],
  [
    'webhooks[0].sideEffects',
    undefined,
    ['webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
  ],
  [
    'webhooks[0].sideEffects',
    'Some',
    [
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    ],
  ],
  [
    'webhooks[0].admissionReviewVersions',
    [],
    ['webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1'],
  ],
  [
    'webhooks[0].admissionReviewVersions',
    ['v9'],
    [
      'webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1',
    ],
  ],
  [
    'webhooks[0].clientConfig',
    {},
    ['webhooks[0].clientConfig: Required value: exactly one of url or service is required'],
  ],
  [
    'webhooks[0].clientConfig.url',
    'http://u@x/?a#b',
    [
      'webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "b": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "a": query parameters are not permitted in the URL',
    ],
  ],
  ...[
    [':::', 'missing protocol scheme'],
    ['1a:b', 'first path segment in URL cannot contain colon'],
    ['https://a:b/', 'invalid port ":b" after host'],
    ['https://a:80:90/', 'invalid port ":80:90" after host'],
    ['https://a b/', 'invalid character " " in host name'],
    ['https://a/%zz', 'invalid URL escape "%zz"'],
    ['https://a#%zz', 'invalid URL escape "%zz"'],
    ['https://a/\u0001', 'net/url: invalid control character in URL'],
  ].map(([url = '', fault = '']): [string, string, string[]] => [
    'webhooks[0].clientConfig.url',
    url,
    [
      `webhooks[0].clientConfig.url: Required value: url must be a valid URL: parse ${JSON.stringify(url).replace('u00', 'x')}: ${fault}; desired format: https://host[/path]`,
    ],
  ]),
  ...['https:///x', 'https:h'].map((url): [string, string, string[]] => [
    'webhooks[0].clientConfig.url',
    url,
    [
      'webhooks[0].clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]',
    ],
  ]),
  [
    'webhooks[0].clientConfig',
    { service: { namespace: 'd', name: 'h', path: '/a//b' } },
    ['webhooks[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty'],
  ],
  [
    'webhooks[0].rules[0].operations',
    ['*', 'CREATE'],
    [
      'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations',
    ],
  ],
  [
    'webhooks[0].rules[0].resources',
    ['*/*', 'pods'],
    [
      'webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if \'*/*\' is present, must not specify other resources',
    ],
  ],
  [
    'webhooks[0].rules[0].resources',
    ['pods/*', 'pods/status'],
    [
      'webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if \'pods/*\' is present, must not specify pods/status',
    ],
  ],
  [
    'webhooks[0].timeoutSeconds',
    31,
    [
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
  ],
  [
    'webhooks[0].failurePolicy',
    'Odd',
    ['webhooks[0].failurePolicy: Unsupported value: "Odd": supported values: "Fail", "Ignore"'],
  ],
  [
    'webhooks[0].matchConditions',
    [{ name: 'a', expression: '' }],
    ['webhooks[0].matchConditions[0].expression: Required value'],
  ],
];

testCreates({
  kind: CUSTOM_RESOURCE_DEFINITION,
  object: CUSTOM_RESOURCE_DEFINITION_OBJECT,
  rows: CUSTOM_RESOURCE_DEFINITION_OBJECT_ROWS,
});

testCreates({ kind: API_SERVICE, object: APISERVICE_OBJECT, rows: APISERVICE_OBJECT_ROWS });

testCreates({
  kind: VALIDATING_WEBHOOK_CONFIGURATION,
  object: VALIDATING_WEBHOOK_CONFIGURATION_OBJECT,
  rows: VALIDATING_WEBHOOK_CONFIGURATION_OBJECT_ROWS,
});
