/**
 * Syntax of names: each function answers what is wrong with a text, as a list of sentences.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go and
 * pkg/api/validate/content for rules and wording; RFC 1035 and RFC 1123 for names.
 */

const DNS1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1123_SUBDOMAIN = `${DNS1123_LABEL}(\\.${DNS1123_LABEL})*`;
const DNS1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;
const CONFIG_MAP_KEY = '[-._a-zA-Z0-9]+';
const HTTP_HEADER = '[-A-Za-z0-9]+';
const PERCENT = '[0-9]+%';
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const PORT_NAME_MAX = 15;
const LABEL_MAX = 63;
const SUBDOMAIN_MAX = 253;

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const DNS1123_LABEL_RE = whole(DNS1123_LABEL);
const DNS1123_SUBDOMAIN_RE = whole(DNS1123_SUBDOMAIN);
const DNS1035_LABEL_RE = whole(DNS1035_LABEL);
const WILDCARD_RE = whole(`\\*\\.${DNS1123_SUBDOMAIN}`);
const QUALIFIED_NAME_RE = whole(QUALIFIED_NAME);
const LABEL_VALUE_RE = whole(LABEL_VALUE);
const CONFIG_MAP_KEY_RE = whole(CONFIG_MAP_KEY);
const HTTP_HEADER_RE = whole(HTTP_HEADER);
const PERCENT_RE = whole(PERCENT);
const HTTP_PATH_RE = whole(HTTP_PATH);

/** Names are told in characters, labels in bytes: upstream has two functions of this. */
const maxLengthError = (max: number): string => `must be no more than ${max} characters`;
const maxBytesError = (max: number): string => `must be no more than ${max} bytes`;
const EMPTY_ERROR = 'must be non-empty';
export const rangeError = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`;

/** A sentence with examples and the pattern. */
export function regexError(message: string, pattern: string, ...examples: string[]): string {
  const told = `regex used for validation is '${pattern}')`;
  if (examples.length === 0) return `${message} (${told}`;
  return `${message} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}${told}`;
}

const byteLength = (text: string): number => Buffer.byteLength(text);

export function isDns1123Label(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > LABEL_MAX) errors.push(maxLengthError(LABEL_MAX));
  if (!DNS1123_LABEL_RE.test(value)) {
    errors.push(
      DNS1123_SUBDOMAIN_RE.test(value)
        ? 'must not contain dots'
        : regexError(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            DNS1123_LABEL,
            'my-name',
            '123-abc',
          ),
    );
  }
  return errors;
}

export function isDns1123Subdomain(value: string): string[] {
  return subdomainErrors(value, maxLengthError);
}

function subdomainErrors(value: string, tooLongError: (max: number) => string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > SUBDOMAIN_MAX) errors.push(tooLongError(SUBDOMAIN_MAX));
  if (!DNS1123_SUBDOMAIN_RE.test(value)) {
    errors.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        DNS1123_SUBDOMAIN,
        'example.com',
      ),
    );
  }
  return errors;
}

/** As `isDns1123Subdomain`, in the words of upstream's declarative validation. */
export function subdomainInBytes(value: string): string[] {
  return subdomainErrors(value, maxBytesError);
}

export function isDns1035Label(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > LABEL_MAX) errors.push(maxLengthError(LABEL_MAX));
  if (!DNS1035_LABEL_RE.test(value)) {
    errors.push(
      regexError(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        DNS1035_LABEL,
        'my-name',
        'abc-123',
      ),
    );
  }
  return errors;
}

export function isWildcardSubdomain(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > SUBDOMAIN_MAX) errors.push(maxLengthError(SUBDOMAIN_MAX));
  if (!WILDCARD_RE.test(value)) {
    errors.push(
      regexError(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        `\\*\\.${DNS1123_SUBDOMAIN}`,
        '*.example.com',
      ),
    );
  }
  return errors;
}

/** The last character may be a dash when more will be appended (generateName). */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

export function nameIsDnsSubdomain(name: string, prefix: boolean): string[] {
  return isDns1123Subdomain(prefix ? maskTrailingDash(name) : name);
}

export function nameIsDnsLabel(name: string, prefix: boolean): string[] {
  return isDns1123Label(prefix ? maskTrailingDash(name) : name);
}

/** Any name that can be one segment of a path (RBAC kinds). */
export function isPathSegmentName(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%']
    .filter((part) => name.includes(part))
    .map((part) => `may not contain '${part}'`);
}

export function nameIsPathSegment(name: string, prefix: boolean): string[] {
  if (!prefix) return isPathSegmentName(name);
  return ['/', '%']
    .filter((part) => name.includes(part))
    .map((part) => `may not contain '${part}'`);
}

const NAME_PART_MESSAGE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** `prefix.example.com/Name` or `Name`: keys of labels, names of resources, conditions, finalizers. */
export function isQualifiedName(value: string): string[] {
  const errors: string[] = [];
  const parts = value.split('/');
  let name = parts[0] ?? '';
  if (parts.length === 2) {
    const prefix = name;
    name = parts[1] ?? '';
    if (prefix === '') errors.push(`prefix part ${EMPTY_ERROR}`);
    else
      errors.push(...subdomainErrors(prefix, maxBytesError).map((text) => `prefix part ${text}`));
  } else if (parts.length !== 1) {
    return [
      `a valid label key ${regexError(NAME_PART_MESSAGE, QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') errors.push(`name part ${EMPTY_ERROR}`);
  else if (byteLength(name) > LABEL_MAX) errors.push(`name part ${maxBytesError(LABEL_MAX)}`);
  if (!QUALIFIED_NAME_RE.test(name)) {
    errors.push(
      `name part ${regexError(NAME_PART_MESSAGE, QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')}`,
    );
  }
  return errors;
}

export function isLabelValue(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > LABEL_MAX) errors.push(maxBytesError(LABEL_MAX));
  if (!LABEL_VALUE_RE.test(value)) {
    errors.push(
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return errors;
}

function hasDotDotPrefix(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

export function isConfigMapKey(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > SUBDOMAIN_MAX) errors.push(maxLengthError(SUBDOMAIN_MAX));
  if (!CONFIG_MAP_KEY_RE.test(value)) {
    errors.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_MAP_KEY,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  return [...errors, ...hasDotDotPrefix(value)];
}

/** Since v1.34 any printable ASCII but `=` may be in the name of an environment variable. */
export function isEnvVarName(value: string): string[] {
  if (value === '') return [`environment variable name ${EMPTY_ERROR}`];
  if (/^[ -<>-~]*$/.test(value)) return [];
  return [
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
  ];
}

export function isHttpHeaderName(value: string): string[] {
  if (HTTP_HEADER_RE.test(value)) return [];
  return [
    regexError(
      "a valid HTTP header must consist of alphanumeric characters or '-'",
      HTTP_HEADER,
      'X-Header-Name',
    ),
  ];
}

export function isPercent(value: string): string[] {
  if (PERCENT_RE.test(value)) return [];
  return [
    regexError(
      "a valid percent string must be a numeric string followed by an ending '%'",
      PERCENT,
      '1%',
      '93%',
    ),
  ];
}

export function isPortNumber(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [rangeError(1, 65535)];
}

/** IANA service names in lower case. */
export function isPortName(port: string): string[] {
  const errors: string[] = [];
  if (byteLength(port) > PORT_NAME_MAX)
    errors.push(`must be no more than ${PORT_NAME_MAX} characters`);
  if (!/^[-a-z0-9]+$/.test(port)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(port)) errors.push('must contain at least one letter (a-z)');
  if (port.includes('--')) errors.push('must not contain consecutive hyphens');
  if (port.startsWith('-') || port.endsWith('-'))
    errors.push('must not begin or end with a hyphen');
  return errors;
}

export const isHttpPath = (path: string): boolean => HTTP_PATH_RE.test(path);
export const HTTP_PATH_ERROR = regexError('Invalid path', HTTP_PATH);
