/**
 * Named formats: `format.dns1123Label().validate(self.name)`.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/format.go, apimachinery
 * pkg/util/validation (rules and sentences) and kube-openapi pkg/validation/strfmt.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { listType, optionalType, STRING, structType, type Type } from '../check/type.ts';
import { parseDate, parseTimestamp } from '../value/time.ts';
import { ArrayList, OpaqueValue, Optional, textOf, type Value } from '../value/value.ts';
import { parseRequestUrl } from './go-url.ts';
import { methodsOf } from './opaque.ts';

const FORMAT_TYPE = structType('kubernetes.NamedFormat');

type Validate = (text: string) => readonly string[];

class FormatValue extends OpaqueValue {
  override readonly type: Type = FORMAT_TYPE;
  readonly name: string;
  readonly validate: Validate;
  /** How long the pattern is that a check may cost. */
  readonly maxRegexSize: number;

  constructor(name: string, maxRegexSize: number, validate: Validate) {
    super();
    this.name = name;
    this.maxRegexSize = maxRegexSize;
    this.validate = validate;
  }

  override isEqual(other: OpaqueValue): boolean {
    return other instanceof FormatValue && this.name === other.name;
  }
}

interface NameRule {
  readonly pattern: string;
  readonly bytesMax: number;
  readonly sentence: string;
  readonly examples: readonly string[];
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const LABEL_RULE: NameRule = {
  pattern: LABEL,
  bytesMax: 63,
  sentence:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ['my-name', '123-abc'],
};
const SUBDOMAIN_RULE: NameRule = {
  pattern: `${LABEL}(\\.${LABEL})*`,
  bytesMax: 253,
  sentence:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
};
const LABEL_1035_RULE: NameRule = {
  pattern: '[a-z]([-a-z0-9]*[a-z0-9])?',
  bytesMax: 63,
  sentence:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ['my-name', 'abc-123'],
};
const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const NAME_RULE: NameRule = {
  pattern: NAME,
  bytesMax: 63,
  sentence:
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyName', 'my.name', '123-abc'],
};
const LABEL_VALUE_RULE: NameRule = {
  pattern: `(${NAME})?`,
  bytesMax: 63,
  sentence:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyValue', 'my_value', '12345'],
};

const matches = (text: string, { pattern }: NameRule): boolean =>
  new RegExp(`^(?:${pattern})$`).test(text);

function regexError({ pattern, sentence, examples }: NameRule): string {
  const shown = examples.map((each) => `'${each}', `).join(' or ');
  return `${sentence} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

const tooLong = (text: string, { bytesMax }: NameRule, unit = 'characters'): readonly string[] =>
  Buffer.byteLength(text) > bytesMax ? [`must be no more than ${bytesMax} ${unit}`] : [];

function nameErrors(text: string, rule: NameRule, unit?: string): readonly string[] {
  const errors = tooLong(text, rule, unit);
  if (matches(text, rule)) return errors;
  if (rule === LABEL_RULE && matches(text, SUBDOMAIN_RULE))
    return [...errors, 'must not contain dots'];
  return [...errors, regexError(rule)];
}

/** A prefix may end in a dash: another name follows. */
const withoutTrailingDash = (text: string): string =>
  text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text;

const QUALIFIED = `a valid label key ${regexError(NAME_RULE)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;

function qualifiedNameErrors(text: string): readonly string[] {
  const parts = text.split('/');
  if (parts.length > 2) return [QUALIFIED];
  const errors: string[] = [];
  if (parts.length === 2) {
    const [prefix = ''] = parts;
    if (prefix === '') errors.push('prefix part must be non-empty');
    else
      errors.push(
        ...nameErrors(prefix, SUBDOMAIN_RULE, 'bytes').map((each) => `prefix part ${each}`),
      );
  }
  const name = parts.at(-1) ?? '';
  if (name === '') errors.push('name part must be non-empty');
  else errors.push(...tooLong(name, NAME_RULE, 'bytes').map((each) => `name part ${each}`));
  if (!matches(name, NAME_RULE)) errors.push(`name part ${regexError(NAME_RULE)}`);
  return errors;
}

const told =
  (message: string, isRight: (text: string) => boolean): Validate =>
  (text) =>
    isRight(text) ? [] : [message];

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const BASE_64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function isDateTime(text: string): boolean {
  return parseTimestamp(text.toUpperCase()) !== undefined;
}

function uriErrors(text: string): readonly string[] {
  const url = parseRequestUrl(text);
  return 'problem' in url ? [url.problem] : [];
}

const ofName =
  (rule: NameRule): Validate =>
  (text) =>
    nameErrors(text, rule);
const labelValueErrors: Validate = (text) => nameErrors(text, LABEL_VALUE_RULE, 'bytes');
const ofPrefix =
  (rule: NameRule): Validate =>
  (text) =>
    nameErrors(withoutTrailingDash(text), rule);

const UUID_PATTERN_SIZE = 70;
const DATE_TIME_PATTERN_SIZE = 71;
const BASE_64_SIZE = 84;
const URL_SIZE = 1103;

const FORMATS: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue('DNS1123Label', 30, ofName(LABEL_RULE)),
  dns1123Subdomain: new FormatValue('DNS1123Subdomain', 60, ofName(SUBDOMAIN_RULE)),
  dns1035Label: new FormatValue('DNS1035Label', 30, ofName(LABEL_1035_RULE)),
  qualifiedName: new FormatValue('QualifiedName', 60, qualifiedNameErrors),
  dns1123LabelPrefix: new FormatValue('DNS1123LabelPrefix', 30, ofPrefix(LABEL_RULE)),
  dns1123SubdomainPrefix: new FormatValue('DNS1123SubdomainPrefix', 60, ofPrefix(SUBDOMAIN_RULE)),
  dns1035LabelPrefix: new FormatValue('DNS1035LabelPrefix', 30, ofPrefix(LABEL_1035_RULE)),
  labelValue: new FormatValue('LabelValue', 40, labelValueErrors),
  uri: new FormatValue('URI', URL_SIZE, uriErrors),
  uuid: new FormatValue(
    'uuid',
    UUID_PATTERN_SIZE,
    told('does not match the UUID format', (text) => UUID.test(text)),
  ),
  byte: new FormatValue(
    'byte',
    BASE_64_SIZE,
    told('invalid base64', (text) => text !== '' && BASE_64.test(text)),
  ),
  date: new FormatValue(
    'date',
    DATE_TIME_PATTERN_SIZE,
    told('invalid date', (text) => parseDate(text) !== undefined),
  ),
  datetime: new FormatValue(
    'datetime',
    DATE_TIME_PATTERN_SIZE,
    told('invalid datetime', isDateTime),
  ),
};

const constants: FunctionTable = Object.fromEntries(
  Object.entries(FORMATS).map(([name, format]) => [
    `format.${name}`,
    [overload(`format.${name}`, [], FORMAT_TYPE, () => format)],
  ]),
);

function named(name: Value): Value {
  const text = textOf(name);
  return Object.hasOwn(FORMATS, text) ? new Optional(FORMATS[text]) : Optional.NONE;
}

const method = methodsOf(FormatValue, FORMAT_TYPE);

export const FORMAT_LIBRARY: FunctionTable = {
  ...constants,
  'format.named': [overload('format-named', [STRING], optionalType(FORMAT_TYPE), named)],
  validate: [
    method('format-validate', [STRING], optionalType(listType(STRING)), (format, text) => {
      const errors = format.validate(textOf(text ?? ''));
      return errors.length === 0 ? Optional.NONE : new Optional(new ArrayList(errors));
    }),
  ],
};

/** What is wrong with the name of a service account, and with that of a namespace. */
export const subdomainErrors: Validate = ofName(SUBDOMAIN_RULE);
export const labelErrors: Validate = ofName(LABEL_RULE);
