/**
 * Formats of strings.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/validation/formats.go for which are
 * known; kube-openapi pkg/validation/strfmt for what each accepts. Unknown ones are ignored.
 */
import { parseCidr, parseIp } from '../meta/ip.ts';
import {
  isCreditCard,
  isDuration,
  isEmail,
  isIsbn10,
  isIsbn13,
  isRequestUri,
} from './text-formats.ts';
import type { StructuralSchema } from './structural-schema.ts';

const HOSTNAME =
  /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$/u;
const HOSTNAME_MAX = 255;
const SEGMENT_MAX = 63;
const SHORT_NAME_MAX = 63;
const LONG_NAME_MAX = 253;
const MAC =
  /^(?:[0-9a-f]{2}([-:])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?:(?:\1[0-9a-f]{2}){2}(?:(?:\1[0-9a-f]{2}){12})?)?|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?:\.[0-9a-f]{4}(?:(?:\.[0-9a-f]{4}){6})?)?|[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{40})$/i;
const RGB_PART = '(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])';
const RGB = new RegExp(
  `^rgb\\([\\t\\n\\f\\r ]*${Array(3).fill(RGB_PART).join('[\\t\\n\\f\\r ]*,[\\t\\n\\f\\r ]*')}[\\t\\n\\f\\r ]*\\)$`,
);
const TIME = /^([0-9]{2}):([0-9]{2}):([0-9]{2})([^\n][0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/;
const SSN_LENGTH = 11;

type Check = (text: string) => boolean;

function matches(pattern: RegExp): Check {
  return (text) => pattern.test(text);
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function isHostname(text: string): boolean {
  if (byteLength(text) > HOSTNAME_MAX || !HOSTNAME.test(text)) return false;
  return text.split('.').every((segment) => byteLength(segment) <= SEGMENT_MAX);
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t');
  if (text.length < 4 || time === undefined || !isDate(date)) return false;
  const parts = TIME.exec(time);
  const [, hours = '', minutes = '', seconds = ''] = parts ?? [];
  return parts !== null && hours <= '23' && minutes <= '59' && seconds <= '59';
}

const UUID_TAIL = '-?[0-9a-f]{12}$';

const FORMATS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['bsonobjectid', matches(/^[0-9a-f]{24}$/i)],
  ['uri', isRequestUri],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', (text) => parseIp(text) !== undefined && text.includes('.')],
  ['ipv6', (text) => parseIp(text) !== undefined && text.includes(':')],
  ['cidr', (text) => parseCidr(text) !== undefined],
  ['mac', matches(MAC)],
  ['uuid', matches(new RegExp(`^[0-9a-f]{8}(-?[0-9a-f]{4}){3}${UUID_TAIL}`, 'i'))],
  [
    'uuid3',
    matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}${UUID_TAIL}`, 'i')),
  ],
  [
    'uuid4',
    matches(
      new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}${UUID_TAIL}`, 'i'),
    ),
  ],
  [
    'uuid5',
    matches(
      new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}${UUID_TAIL}`, 'i'),
    ),
  ],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['creditcard', isCreditCard],
  ['ssn', (text) => text.length === SSN_LENGTH && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['hexcolor', matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['rgbcolor', matches(RGB)],
  [
    'byte',
    matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/),
  ],
  ['password', () => true],
  ['date', isDate],
  ['duration', isDuration],
  ['datetime', isDateTime],
  [
    'k8sshortname',
    (text) => byteLength(text) <= SHORT_NAME_MAX && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text),
  ],
  [
    'k8slongname',
    (text) =>
      byteLength(text) <= LONG_NAME_MAX &&
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
  ],
]);

/** The check that a format stands for; dashes in its name do not count. */
export function hasFormat(format: string): Check | undefined {
  return format === '' ? undefined : FORMATS.get(format.replaceAll('-', ''));
}

/** Whether the format is known for values of `type`. */
export function isKnownFormat(format: string, type: string): boolean {
  if (type === 'integer') return format === 'int32' || format === 'int64';
  if (type === 'number') return format === 'float' || format === 'double';
  return (type === '' || type === 'string') && hasFormat(format) !== undefined;
}

/** The format that binds values; empty when there is none, or none that is known for the type. */
export function effectiveFormat({ type, intOrString, value }: StructuralSchema): string {
  const format = value?.format;
  if (format === undefined || intOrString) return '';
  return isKnownFormat(format, type) ? format : '';
}
