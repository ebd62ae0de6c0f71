/**
 * The messages of an OpenAPI v3 document.
 *
 * What this server's documents never hold (servers, links, callbacks, examples) is left out.
 * Source: gnostic-models, openapiv3/OpenAPIv3.proto and OpenAPIv3.go for which of two is meant.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import {
  any,
  bool,
  content,
  double,
  either,
  int64,
  message,
  messageBytes,
  type MessageShape,
  named,
  nested,
  objectOf,
  presentBool,
  presentDouble,
  presentString,
  repeated,
  string,
  strings,
  type Write,
  wrapped,
} from './gnostic.ts';

const isReference = (value: Json): boolean => '$ref' in objectOf(value);
const REFERENCE: MessageShape = { members: [['$ref', 1, string]] };
const orReference = (write: Write): Write =>
  either(
    isReference,
    write,
    message(() => REFERENCE),
  );

/** A default is a number, a boolean or a string; of anything else only that it is there. */
const defaultValue: Write = (field, value) =>
  nested(field, () => {
    if (typeof value === 'number') presentDouble(1, value);
    else if (typeof value === 'boolean') presentBool(2, value);
    else if (typeof value === 'string') presentString(3, value);
  });

const SCHEMA: MessageShape = {
  members: [
    ['nullable', 1, bool],
    ['readOnly', 3, bool],
    ['writeOnly', 4, bool],
    ['externalDocs', 6, message(() => EXTERNAL_DOCS)],
    ['example', 7, any],
    ['deprecated', 8, bool],
    ['title', 9, string],
    ['multipleOf', 10, double],
    ['maximum', 11, double],
    ['exclusiveMaximum', 12, bool],
    ['minimum', 13, double],
    ['exclusiveMinimum', 14, bool],
    ['maxLength', 15, int64],
    ['minLength', 16, int64],
    ['pattern', 17, string],
    ['maxItems', 18, int64],
    ['minItems', 19, int64],
    ['uniqueItems', 20, bool],
    ['maxProperties', 21, int64],
    ['minProperties', 22, int64],
    ['required', 23, strings],
    ['enum', 24, repeated(any)],
    ['type', 25, string],
    ['allOf', 26, (field, value) => repeated(schema)(field, value)],
    ['oneOf', 27, (field, value) => repeated(schema)(field, value)],
    ['anyOf', 28, (field, value) => repeated(schema)(field, value)],
    ['not', 29, (field, value) => message(() => SCHEMA)(field, value)],
    ['items', 30, (field, value) => wrapped(1, repeated(schema))(field, value)],
    ['properties', 31, (field, value) => named(schema)(field, value)],
    ['additionalProperties', 32, (field, value) => schemaOrBool(field, value)],
    ['default', 33, defaultValue],
    ['description', 34, string],
    ['format', 35, string],
  ],
  extensions: 36,
};
const schema: Write = orReference(message(() => SCHEMA));
const schemaOrBool: Write = either((value) => typeof value === 'boolean', schema, presentBool);

const EXTERNAL_DOCS: MessageShape = {
  members: [
    ['description', 1, string],
    ['url', 2, string],
  ],
  extensions: 3,
};

const MEDIA_TYPE: MessageShape = { members: [['schema', 1, schema]], extensions: 5 };
const mediaTypes: Write = named(message(() => MEDIA_TYPE));

const PARAMETER: MessageShape = {
  members: [
    ['name', 1, string],
    ['in', 2, string],
    ['description', 3, string],
    ['required', 4, bool],
    ['deprecated', 5, bool],
    ['allowEmptyValue', 6, bool],
    ['style', 7, string],
    ['explode', 8, bool],
    ['allowReserved', 9, bool],
    ['schema', 10, schema],
    ['content', 13, mediaTypes],
  ],
  extensions: 14,
};
const parameters: Write = repeated(orReference(message(() => PARAMETER)));

const REQUEST_BODY: MessageShape = {
  members: [
    ['description', 1, string],
    ['content', 2, mediaTypes],
    ['required', 3, bool],
  ],
  extensions: 4,
};
const RESPONSE: MessageShape = {
  members: [
    ['description', 1, string],
    ['content', 3, mediaTypes],
  ],
  extensions: 5,
};
const response: Write = orReference(message(() => RESPONSE));
const RESPONSES: MessageShape = {
  members: [['default', 1, response]],
  others: [2, response],
  extensions: 3,
};
const requirements: Write = repeated(named(wrapped(1, strings)));

const OPERATION: MessageShape = {
  members: [
    ['tags', 1, strings],
    ['summary', 2, string],
    ['description', 3, string],
    ['externalDocs', 4, message(() => EXTERNAL_DOCS)],
    ['operationId', 5, string],
    ['parameters', 6, parameters],
    ['requestBody', 7, orReference(message(() => REQUEST_BODY))],
    ['responses', 8, message(() => RESPONSES)],
    ['deprecated', 10, bool],
    ['security', 11, requirements],
  ],
  extensions: 13,
};
const operation: Write = message(() => OPERATION);

const PATH_ITEM: MessageShape = {
  members: [
    ['$ref', 1, string],
    ['summary', 2, string],
    ['description', 3, string],
    ['get', 4, operation],
    ['put', 5, operation],
    ['post', 6, operation],
    ['delete', 7, operation],
    ['options', 8, operation],
    ['head', 9, operation],
    ['patch', 10, operation],
    ['trace', 11, operation],
    ['parameters', 13, parameters],
  ],
  extensions: 14,
};
const PATHS: MessageShape = {
  members: [],
  others: [1, message(() => PATH_ITEM)],
  extensions: 2,
};

const SECURITY_SCHEME: MessageShape = {
  members: [
    ['type', 1, string],
    ['description', 2, string],
    ['name', 3, string],
    ['in', 4, string],
    ['scheme', 5, string],
    ['bearerFormat', 6, string],
  ],
  extensions: 9,
};
const COMPONENTS: MessageShape = {
  members: [
    ['schemas', 1, named(schema)],
    ['securitySchemes', 7, named(orReference(message(() => SECURITY_SCHEME)))],
  ],
  extensions: 10,
};
const INFO: MessageShape = {
  members: [
    ['title', 1, string],
    ['description', 2, string],
    ['version', 6, string],
  ],
  extensions: 7,
};
const DOCUMENT: MessageShape = {
  members: [
    ['openapi', 1, string],
    ['info', 2, message(() => INFO)],
    ['paths', 4, message(() => PATHS)],
    ['components', 5, message(() => COMPONENTS)],
    ['security', 6, requirements],
  ],
  extensions: 9,
};

/** A whole document as a gnostic `Document`. */
export function documentV3Bytes(document: JsonObject): Uint8Array {
  return messageBytes(() => content(DOCUMENT, document));
}
