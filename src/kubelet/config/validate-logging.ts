/**
 * What the parts that all components share may say: logging and tracing.
 *
 * Source: upstream v1.36 staging/src/k8s.io/component-base/logs/api/v1/options.go and
 * tracing/api/v1/config.go.
 */
import { DurationError, parseDuration } from '#api/codec/duration.ts';
import { quantityValue } from '#api/codec/quantity.ts';
import {
  type FieldError,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '#api/meta/field.ts';
import type { KubeletConfiguration, LoggingConfiguration, OutputOptions } from './types.ts';

const VERBOSITY_MAX = 2 ** 31 - 1;
const FORMATS = ['text', 'json'];
const SAMPLING_MAX = 1_000_000;

const texts = (errors: readonly FieldError[]): string[] => errors.map((error) => error.text());

export function validateLogging(logging: LoggingConfiguration): string[] {
  const at = fieldPath('logging');
  const { flushFrequency, format, verbosity, vmodule = [], options } = logging;
  const errors: FieldError[] = [];
  if (!(flushNanos(flushFrequency) > 0))
    errors.push(
      invalidValue(at.child('flushFrequency'), flushFrequency, 'Must be greater than zero'),
    );
  if (!FORMATS.includes(format))
    errors.push(invalidValue(at.child('format'), format, 'Unsupported log format'));
  const tooHigh = `Must be <= ${VERBOSITY_MAX}`;
  if (verbosity > VERBOSITY_MAX)
    errors.push(invalidValue(at.child('verbosity'), verbosity, tooHigh));
  if (vmodule.length > 0 && format !== 'text')
    errors.push(forbiddenField(at.child('vmodule'), 'Only supported for text log format'));
  for (const [i, item] of vmodule.entries()) {
    const here = at.child('vmodule').index(i);
    if (item.filePattern === '') errors.push(required(here, 'File pattern must not be empty'));
    if (/[=,]/.test(item.filePattern))
      errors.push(
        invalidValue(here, item.filePattern, 'File pattern must not contain equal sign or comma'),
      );
    if (item.verbosity > VERBOSITY_MAX) errors.push(invalidValue(here, item.verbosity, tooHigh));
  }
  for (const name of ['text', 'json'] as const)
    errors.push(...outputErrors(options[name], at.child('options', name)));
  return texts(errors);
}

/** NaN for what is no length of time. */
function flushNanos(frequency: unknown): number {
  if (typeof frequency === 'number') return frequency;
  if (typeof frequency !== 'string') return Number.NaN;
  try {
    return parseDuration(frequency);
  } catch (error) {
    if (error instanceof DurationError) return Number.NaN;
    throw error;
  }
}

/** Both are behind a gate that is off. */
function outputErrors(
  { splitStream = false, infoBufferSize = '0' }: OutputOptions,
  at: ReturnType<typeof fieldPath>,
): FieldError[] {
  const off = 'Feature LoggingAlphaOptions is disabled';
  return [
    ...(splitStream ? [forbiddenField(at.child('splitStream'), off)] : []),
    ...(quantityValue(infoBufferSize) === 0
      ? []
      : [forbiddenField(at.child('infoBufferSize'), off)]),
  ];
}

export function validateTracing(tracing: KubeletConfiguration['tracing']): string[] {
  const at = fieldPath('tracing');
  const { endpoint, samplingRatePerMillion: rate = 0 } = tracing ?? {};
  const errors: FieldError[] = [];
  const rateAt = at.child('samplingRatePerMillion');
  if (rate < 0) errors.push(invalidValue(rateAt, rate, 'sampling rate must be positive'));
  if (rate > SAMPLING_MAX)
    errors.push(
      invalidValue(
        rateAt,
        rate,
        'sampling rate per million must be less than or equal to one million',
      ),
    );
  const scheme = endpoint?.includes('//') === true ? endpoint.split(':')[0] : 'dns';
  if (endpoint !== undefined && !['dns', 'unix', 'unix-abstract'].includes(scheme ?? ''))
    errors.push(
      invalidValue(
        at.child('endpoint'),
        endpoint,
        `unsupported scheme: ${scheme}.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md`,
      ),
    );
  return texts(errors);
}
