/**
 * Query parameters that steer reads, checked with upstream's messages.
 *
 * Source: API concepts, "Resource version semantics"; upstream
 * staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go.
 */
import { type FieldError, forbiddenField, invalidValue, notSupported } from '#api/meta/field.ts';
import { badRequest, invalid, plainError } from '#api/meta/status.ts';
import { isTrue, type RequestInfo } from '../request-info.ts';

export interface ListParameters {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continueToken: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
}

export interface WatchParameters extends ListParameters {
  readonly timeoutSeconds: number | undefined;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

const EXACT = 'Exact';
const NOT_OLDER = 'NotOlderThan';
const MATCH = 'resourceVersionMatch';

/** The options of a list of what lies in the store. */
export function listParameters(info: RequestInfo): ListParameters {
  const parameters = listOptions(info);
  const { resourceVersion } = parameters;
  const problem = versionProblem(resourceVersion);
  if (problem !== undefined) throw badRequest(`invalid resource version: ${problem}`);
  return parameters;
}

/** The options of any list: what goes with what. */
export function listOptions(info: RequestInfo): ListParameters {
  const parameters = commonParameters(info.query);
  const { resourceVersion, resourceVersionMatch: match, continueToken } = parameters;
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '') {
      errors.push(
        forbiddenField(
          MATCH,
          'resourceVersionMatch is forbidden unless resourceVersion is provided',
        ),
      );
    }
    if (continueToken !== '') {
      errors.push(
        forbiddenField(MATCH, 'resourceVersionMatch is forbidden when continue is provided'),
      );
    }
    if (match !== EXACT && match !== NOT_OLDER)
      errors.push(notSupported(MATCH, match, [EXACT, NOT_OLDER, '']));
    if (match === EXACT && resourceVersion === '0') {
      errors.push(
        forbiddenField(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
      );
    }
  }
  if (info.query.has('sendInitialEvents')) {
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  refuse(errors);
  return parameters;
}

/** `watchList`: the gate of that name. */
export function watchParameters(info: RequestInfo, watchList = true): WatchParameters {
  const parameters = watchOptions(info, watchList);
  const problem = versionProblem(parameters.resourceVersion);
  if (problem !== undefined) throw plainError(problem);
  return parameters;
}

/** The options of any watch: what goes with what. */
export function watchOptions(info: RequestInfo, watchList = true): WatchParameters {
  const { query } = info;
  const parameters = commonParameters(query);
  const sendInitialEvents = query.has('sendInitialEvents')
    ? isTrue(query.get('sendInitialEvents'))
    : undefined;
  const match = parameters.resourceVersionMatch;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== NOT_OLDER) {
    errors.push(
      forbiddenField(
        MATCH,
        `sendInitialEvents requires setting resourceVersionMatch to ${NOT_OLDER}`,
      ),
    );
  }
  if (sendInitialEvents !== undefined && !watchList) {
    errors.push(
      forbiddenField(
        'sendInitialEvents',
        'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
      ),
    );
  }
  if (match !== '') {
    if (sendInitialEvents === undefined) {
      errors.push(
        forbiddenField(
          MATCH,
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    }
    if (match !== NOT_OLDER) errors.push(notSupported(MATCH, match, [NOT_OLDER]));
    if (parameters.continueToken !== '') {
      errors.push(
        forbiddenField(MATCH, 'resourceVersionMatch is forbidden when continue is provided'),
      );
    }
  }
  refuse(errors);
  return {
    ...parameters,
    timeoutSeconds: integer(query, 'timeoutSeconds'),
    allowBookmarks: query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents,
  };
}

function commonParameters(query: URLSearchParams): ListParameters {
  const resourceVersion = query.get('resourceVersion') ?? '';
  // Whatever it is used for, it must be a number.
  integer(query, 'timeoutSeconds');
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: integer(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion,
    resourceVersionMatch: query.get(MATCH) ?? '',
  };
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}

/** `?dryRun=All`, refused with upstream's words when it says anything else. */
export function isDryRun(values: readonly string[], kind: string): boolean {
  if (values.some((value) => value !== 'All')) {
    throw invalid({ group: 'meta.k8s.io', kind }, '', [notSupported('dryRun', values, ['All'])]);
  }
  return values.length > 0;
}

/** What is wrong with a resourceVersion, as upstream says it; undefined when it is a number. */
export function versionProblem(version: string): string | undefined {
  if (version === '' || /^\d+$/.test(version)) return undefined;
  const detail = `strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`;
  return invalidValue('resourceVersion', version, detail).text();
}

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export function fieldValidationOf(query: URLSearchParams, kind: string): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '' || value === 'Warn') return 'Warn';
  if (value === 'Strict' || value === 'Ignore') return value;
  throw invalid({ group: 'meta.k8s.io', kind }, '', [
    notSupported('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']),
  ]);
}
