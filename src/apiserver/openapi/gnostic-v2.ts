/**
 * The messages of an OpenAPI v2 document.
 *
 * What this server's documents never hold (OAuth, headers of answers, examples) is left out.
 * Source: gnostic-models, openapiv2/OpenAPIv2.proto and OpenAPIv2.go for which of two is meant.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import {
  any,
  bool,
  content,
  double,
  either,
  int64,
  type Member,
  message,
  messageBytes,
  type MessageShape,
  named,
  nested,
  objectOf,
  pairs,
  presentBool,
  repeated,
  string,
  strings,
  type Write,
  wrapped,
} from './gnostic.ts';
import type { Pieces } from './pieces.ts';

const isReference = (value: Json): boolean => '$ref' in objectOf(value);

/** Bounds on a value, as schemas and parameters have them; `from`: the field of the first. */
const bounds = (from: number): Member[] => [
  ['maximum', from, double],
  ['exclusiveMaximum', from + 1, bool],
  ['minimum', from + 2, double],
  ['exclusiveMinimum', from + 3, bool],
  ['maxLength', from + 4, int64],
  ['minLength', from + 5, int64],
  ['pattern', from + 6, string],
  ['maxItems', from + 7, int64],
  ['minItems', from + 8, int64],
  ['uniqueItems', from + 9, bool],
];

const SCHEMA: MessageShape = {
  members: [
    ['$ref', 1, string],
    ['format', 2, string],
    ['title', 3, string],
    ['description', 4, string],
    ['default', 5, any],
    ['multipleOf', 6, double],
    ...bounds(7),
    ['maxProperties', 17, int64],
    ['minProperties', 18, int64],
    ['required', 19, strings],
    ['enum', 20, repeated(any)],
    ['additionalProperties', 21, (field, value) => schemaOrBool(field, value)],
    ['type', 22, wrapped(1, strings)],
    ['items', 23, (field, value) => items(field, value)],
    ['allOf', 24, (field, value) => repeated(schema)(field, value)],
    ['properties', 25, (field, value) => named(schema)(field, value)],
    ['discriminator', 26, string],
    ['readOnly', 27, bool],
    ['externalDocs', 29, message(() => EXTERNAL_DOCS)],
    ['example', 30, any],
  ],
  extensions: 31,
};
const schema: Write = message(() => SCHEMA);
const items: Write = wrapped(1, repeated(schema));
const schemaOrBool: Write = either((value) => typeof value === 'boolean', schema, presentBool);

const EXTERNAL_DOCS: MessageShape = {
  members: [
    ['description', 1, string],
    ['url', 2, string],
  ],
  extensions: 3,
};

const BODY_PARAMETER: MessageShape = {
  members: [
    ['description', 1, string],
    ['name', 2, string],
    ['in', 3, string],
    ['required', 4, bool],
    ['schema', 5, schema],
  ],
  extensions: 6,
};

/** `emptyAt`: parameters of a query or form may be empty, and their fields come one later. */
function parameterShape(mayBeEmpty: boolean): MessageShape {
  const shift = mayBeEmpty ? 1 : 0;
  return {
    members: [
      ['required', 1, bool],
      ['in', 2, string],
      ['description', 3, string],
      ['name', 4, string],
      ...(mayBeEmpty ? ([['allowEmptyValue', 5, bool]] as const) : []),
      ['type', 5 + shift, string],
      ['format', 6 + shift, string],
      ['collectionFormat', 8 + shift, string],
      ['default', 9 + shift, any],
      ...bounds(10 + shift),
      ['enum', 20 + shift, repeated(any)],
      ['multipleOf', 21 + shift, double],
    ],
    extensions: 22 + shift,
  };
}

const PLAIN = parameterShape(false);
const MAY_BE_EMPTY = parameterShape(true);
/** Which parameter lies where, by `in`. */
const PLACES: Readonly<Record<string, readonly [field: number, shape: MessageShape]>> = {
  header: [1, PLAIN],
  formData: [2, MAY_BE_EMPTY],
  query: [3, MAY_BE_EMPTY],
  path: [4, PLAIN],
};

const otherParameter: Write = (field, value) => {
  const { in: place } = objectOf(value);
  const [inner, shape] = PLACES[typeof place === 'string' ? place : ''] ?? [3, MAY_BE_EMPTY];
  nested(field, () => message(() => shape)(inner, value));
};
const parameter: Write = either(
  (value) => objectOf(value)['in'] !== 'body',
  message(() => BODY_PARAMETER),
  otherParameter,
);
const REFERENCE: MessageShape = {
  members: [
    ['$ref', 1, string],
    ['description', 2, string],
  ],
};
const reference: Write = message(() => REFERENCE);
const parameters: Write = repeated(either(isReference, parameter, reference));

const RESPONSE: MessageShape = {
  members: [
    ['description', 1, string],
    ['schema', 2, wrapped(1, schema)],
  ],
  extensions: 5,
};
const RESPONSES: MessageShape = {
  members: [],
  others: [
    1,
    either(
      isReference,
      message(() => RESPONSE),
      reference,
    ),
  ],
  extensions: 2,
};

const requirements: Write = repeated(named(wrapped(1, strings)));

const OPERATION: MessageShape = {
  members: [
    ['tags', 1, strings],
    ['summary', 2, string],
    ['description', 3, string],
    ['externalDocs', 4, message(() => EXTERNAL_DOCS)],
    ['operationId', 5, string],
    ['produces', 6, strings],
    ['consumes', 7, strings],
    ['parameters', 8, parameters],
    ['responses', 9, message(() => RESPONSES)],
    ['schemes', 10, strings],
    ['deprecated', 11, bool],
    ['security', 12, requirements],
  ],
  extensions: 13,
};
const operation: Write = message(() => OPERATION);

const PATH_ITEM: MessageShape = {
  members: [
    ['$ref', 1, string],
    ['get', 2, operation],
    ['put', 3, operation],
    ['post', 4, operation],
    ['delete', 5, operation],
    ['options', 6, operation],
    ['head', 7, operation],
    ['patch', 8, operation],
    ['parameters', 9, parameters],
  ],
  extensions: 10,
};

const INFO: MessageShape = {
  members: [
    ['title', 1, string],
    ['version', 2, string],
    ['description', 3, string],
  ],
  extensions: 7,
};

const API_KEY: MessageShape = {
  members: [
    ['type', 1, string],
    ['name', 2, string],
    ['in', 3, string],
    ['description', 4, string],
  ],
  extensions: 5,
};
/** Kubernetes has API keys alone. */
const securityDefinition: Write = wrapped(
  2,
  message(() => API_KEY),
);

const HEAD: MessageShape = {
  members: [
    ['swagger', 1, string],
    ['info', 2, message(() => INFO)],
  ],
};
const TAIL: MessageShape = {
  members: [
    ['parameters', 10, named(parameter)],
    ['security', 12, requirements],
    ['securityDefinitions', 13, named(securityDefinition)],
  ],
};

/** One path as a `NamedPathItem` of Paths. */
export function pathItemBytes(path: string, item: Json): Uint8Array {
  return messageBytes(() =>
    pairs(
      2,
      message(() => PATH_ITEM),
      [[path, item]],
    ),
  );
}

/** One model as a `NamedSchema` of Definitions. */
export function definitionBytes(name: string, value: Json): Uint8Array {
  return messageBytes(() => pairs(1, schema, [[name, value]]));
}

/**
 * A whole Document. `head`: what stands before the paths and after the definitions; `paths` and
 * `definitions`: their messages.
 */
export function documentBytes(head: JsonObject, paths: Pieces, definitions: Pieces): Pieces {
  const pieces = [
    messageBytes(() => content(HEAD, head)),
    lengthPrefix(8, paths.length),
    ...paths.pieces,
    lengthPrefix(9, definitions.length),
    ...definitions.pieces,
    messageBytes(() => content(TAIL, head)),
  ];
  return { pieces, length: pieces.reduce((sum, { length }) => sum + length, 0) };
}

function lengthPrefix(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}
