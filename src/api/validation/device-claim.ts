/**
 * Resource claims, claim templates and device classes.
 *
 * Source: upstream pkg/apis/resource/validation/validation.go.
 */
import type {
  DeviceClaim,
  DeviceClass,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
} from '#api/gen/resource-v1.ts';
import { NEW_EXPRESSIONS_MINOR } from '#cel/kubernetes.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../meta/field.ts';
import { selectorFault } from '../resource/device-selectors.ts';
import { label, subdomain } from './common.ts';
import {
  validateDeviceToleration,
  validateFullName,
  validateList,
  validateRaw,
} from './device-names.ts';
import { isExtendedResource } from './resource-names.ts';
import { validateTemplateMetadata } from './template-metadata.ts';
import { validateDriverName } from './volumes.ts';

export const LIST_MAX = 32;
const FIRST_AVAILABLE_MAX = 8;
const EXPRESSION_MAX = 10 * 1024;
const PARAMETERS_MAX = 10 * 1024;
const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/** `one`, and `one/sub` for each of its alternatives. */
export type RequestNames = ReadonlySet<string>;

export function requestNamesOf(spec: Partial<ResourceClaimSpec> | undefined): RequestNames {
  const names = new Set<string>();
  for (const { name = '', firstAvailable } of spec?.devices?.requests ?? []) {
    names.add(name);
    for (const each of firstAvailable ?? []) names.add(`${name}/${each.name}`);
  }
  return names;
}

export function validateResourceClaim({ spec }: ResourceClaim): FieldError[] {
  return validateClaimSpec(spec, fieldPath('spec'));
}

export function validateResourceClaimTemplate({ spec }: ResourceClaimTemplate): FieldError[] {
  const at = fieldPath('spec');
  return [
    ...validateTemplateMetadata(spec?.metadata, at.child('metadata')),
    ...validateClaimSpec(spec?.spec, at.child('spec')),
  ];
}

/** `old`: what is stored, on an update. */
export function validateDeviceClass({ spec }: DeviceClass, old?: DeviceClass): FieldError[] {
  const at = fieldPath('spec');
  const name = spec?.extendedResourceName;
  const isStored = old !== undefined && equalValues(spec?.selectors, old.spec?.selectors);
  return [
    ...validateSelectors(spec?.selectors, at.child('selectors'), isStored),
    ...validateList(spec?.config, {
      at: at.child('config'),
      max: LIST_MAX,
      item: validateConfiguration,
    }),
    ...(name === undefined || isExtendedResource(name)
      ? []
      : [
          invalidValue(
            at.child('extendedResourceName'),
            name,
            'must be a valid extended resource name',
          ),
        ]),
  ];
}

function validateClaimSpec(
  spec: Partial<ResourceClaimSpec> | undefined,
  at: FieldPath,
): FieldError[] {
  const names = requestNamesOf(spec);
  const here = at.child('devices');
  const { requests, constraints, config }: Partial<DeviceClaim> = spec?.devices ?? {};
  return [
    ...validateList(requests, {
      at: here.child('requests'),
      max: LIST_MAX,
      key: ({ name = '' }) => name,
      item: validateRequest,
    }),
    ...validateList(constraints, {
      at: here.child('constraints'),
      max: LIST_MAX,
      item: (constraint, where) => validateConstraint(constraint, names, where),
    }),
    ...validateList(config, {
      at: here.child('config'),
      max: LIST_MAX,
      item: (each, where) => [
        ...validateRequestNames(each.requests, names, where),
        ...validateConfiguration(each, where),
      ],
    }),
  ];
}

function validateRequest(request: Partial<DeviceRequest>, at: FieldPath): FieldError[] {
  const { name, exactly, firstAvailable = [] } = request;
  const errors = label(name, at.child('name'));
  const rule = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly === undefined && firstAvailable.length === 0) return [...errors, required(at, rule)];
  if (exactly !== undefined && firstAvailable.length > 0)
    return [...errors, invalidValue(at, null, `${rule}, but multiple fields are set`)];
  if (exactly !== undefined) return [...errors, ...validateExact(exactly, at.child('exactly'))];
  return [
    ...errors,
    ...validateList(firstAvailable, {
      at: at.child('firstAvailable'),
      max: FIRST_AVAILABLE_MAX,
      key: ({ name = '' }) => name,
      item: (each, where) => [
        ...label(each.name, where.child('name')),
        ...validateExact(each, where),
      ],
    }),
  ];
}

function validateExact(request: Partial<ExactDeviceRequest>, at: FieldPath): FieldError[] {
  const { deviceClassName = '', allocationMode = '', count = 0 } = request;
  const classAt = at.child('deviceClassName');
  return [
    ...(deviceClassName === '' ? [required(classAt)] : subdomain(deviceClassName, classAt)),
    ...validateSelectors(request.selectors, at.child('selectors')),
    ...validateMode(allocationMode, count, at),
    ...validateList(request.tolerations, {
      at: at.child('tolerations'),
      item: validateDeviceToleration,
    }),
  ];
}

function validateMode(mode: string, count: number, at: FieldPath): FieldError[] {
  const here = at.child('count');
  if (mode === 'All') {
    if (count === 0) return [];
    return [invalidValue(here, count, "must not be specified when allocationMode is 'All'")];
  }
  if (mode === 'ExactCount')
    return count > 0 ? [] : [invalidValue(here, count, 'must be greater than zero')];
  return [notSupported(at.child('allocationMode'), mode, ['All', 'ExactCount'])];
}

/** What is stored already may use everything that there is. */
const STORED_MINOR = 36;

function validateSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  at: FieldPath,
  isStored = false,
): FieldError[] {
  const minor = isStored ? STORED_MINOR : NEW_EXPRESSIONS_MINOR;
  return validateList(selectors, {
    at,
    max: LIST_MAX,
    item: ({ cel }, where) => {
      const here = where.child('cel');
      if (cel === undefined) return [required(here)];
      const { expression = '' } = cel as Partial<typeof cel>;
      const expressionAt = here.child('expression');
      if (Buffer.byteLength(expression) > EXPRESSION_MAX)
        return [tooLong(expressionAt, EXPRESSION_MAX)];
      const fault = selectorFault(expression, minor);
      if (fault === undefined) return [];
      return fault.kind === 'costly'
        ? [forbiddenField(expressionAt, 'too complex, exceeds cost limit')]
        : [invalidValue(expressionAt, expression, fault.detail)];
    },
  });
}

function validateConstraint(
  constraint: Partial<DeviceConstraint>,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  const { matchAttribute, distinctAttribute } = constraint;
  const errors = validateRequestNames(constraint.requests, names, at);
  if (matchAttribute !== undefined)
    return [...errors, ...validateFullName(matchAttribute, at.child('matchAttribute'))];
  if (distinctAttribute !== undefined)
    return [...errors, ...validateFullName(distinctAttribute, at.child('distinctAttribute'))];
  const detail =
    'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [...errors, required(at, detail)];
}

/** References to requests of the claim, in the field `requests`. */
export function validateRequestNames(
  requests: readonly string[] | undefined,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  return validateList(requests, {
    at: at.child('requests'),
    max: LIST_MAX,
    key: (name) => name,
    item: (name, where) => validateRequestName(name, names, where),
  });
}

export function validateRequestName(
  name: string,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  const parts = name.split('/');
  if (parts.length > 2) return [invalidValue(at, name, NO_REQUEST)];
  return [
    ...parts.flatMap((part) => label(part, at)),
    ...(names.has(name) ? [] : [invalidValue(at, name, NO_REQUEST)]),
  ];
}

export function validateConfiguration(
  { opaque }: DeviceConfiguration,
  at: FieldPath,
): FieldError[] {
  const here = at.child('opaque');
  if (opaque === undefined) return [required(here)];
  return [
    ...validateDriverName(opaque.driver ?? '', here.child('driver')),
    ...validateRaw(opaque.parameters, here.child('parameters'), PARAMETERS_MAX),
  ];
}
