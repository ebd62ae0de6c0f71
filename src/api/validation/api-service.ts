/** APIServices. Upstream: kube-aggregator/pkg/apis/apiregistration/validation/validation.go. */
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import { type FieldError, fieldPath, invalidValue, notSupported, required } from '../meta/field.ts';
import { isDns1035Label, isPathSegmentName, isPortNumber } from '../meta/names.ts';
import { present, subdomain } from './common.ts';
import { invalidAll } from './metadata.ts';

const SPEC = fieldPath('spec');
const GROUP_PRIORITY_MAX = 20_000;
const VERSION_PRIORITY_MAX = 1000;

function validateName({ metadata, spec }: APIService): FieldError[] {
  const needed = `${spec?.version ?? ''}.${spec?.group ?? ''}`;
  return (['generateName', 'name'] as const).flatMap((field) => {
    const name = metadata?.[field] ?? '';
    // Names that cannot be part of a path are refused with the metadata, and so are missing ones.
    if (name === '' || name === needed || isPathSegmentName(name).length > 0) return [];
    const detail = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(needed)}`;
    return [invalidValue(fieldPath('metadata').child(field), name, detail)];
  });
}

function validatePriority(field: string, value: number | undefined, max: number): FieldError[] {
  const priority = value ?? 0;
  if (priority > 0 && priority <= max) return [];
  return [invalidValue(SPEC.child(field), priority, `must be positive and less than ${max}`)];
}

function validateLocal({ spec }: APIService): FieldError[] {
  const errors: FieldError[] = [];
  const bytes = Buffer.byteLength(spec?.caBundle ?? '', 'base64');
  if (bytes > 0) {
    const detail = 'local APIServices may not have a caBundle';
    errors.push(invalidValue(SPEC.child('caBundle'), `${bytes} bytes`, detail));
  }
  if (spec?.insecureSkipTLSVerify === true) {
    const detail = 'local APIServices may not have insecureSkipTLSVerify';
    errors.push(invalidValue(SPEC.child('insecureSkipTLSVerify'), true, detail));
  }
  return errors;
}

function validateService({ spec }: APIService): FieldError[] {
  const { namespace, name, port = 0 } = spec?.service ?? {};
  const at = SPEC.child('service');
  const errors = [...present(namespace, at.child('namespace')), ...present(name, at.child('name'))];
  const messages = isPortNumber(port);
  if (messages.length > 0) {
    const detail = `port is not valid: ${messages.join(', ')}`;
    errors.push(invalidValue(at.child('port'), port, detail));
  }
  if (spec?.insecureSkipTLSVerify === true && spec.caBundle) {
    const detail = 'may not be true if caBundle is present';
    errors.push(invalidValue(SPEC.child('insecureSkipTLSVerify'), true, detail));
  }
  return errors;
}

export function validateApiService(object: APIService): FieldError[] {
  const { group = '', version = '', service } = object.spec ?? {};
  const errors = validateName(object);
  if (group === '' && version !== 'v1') {
    const detail = 'only v1 may have an empty group and it better be legacy kube';
    errors.push(required(SPEC.child('group'), detail));
  }
  return [
    ...errors,
    ...(group === '' ? [] : subdomain(group, SPEC.child('group'))),
    ...invalidAll(SPEC.child('version'), version, isDns1035Label(version)),
    ...validatePriority(
      'groupPriorityMinimum',
      object.spec?.groupPriorityMinimum,
      GROUP_PRIORITY_MAX,
    ),
    ...validatePriority('versionPriority', object.spec?.versionPriority, VERSION_PRIORITY_MAX),
    ...(service === undefined ? validateLocal(object) : validateService(object)),
  ];
}

export function validateApiServiceStatus({ status }: APIService): FieldError[] {
  const values = ['True', 'False', 'Unknown'];
  return (status?.conditions ?? []).flatMap((condition, i) =>
    values.includes(condition.status)
      ? []
      : [
          notSupported(
            fieldPath('status').child('conditions').index(i).child('status'),
            condition.status ?? '',
            values,
          ),
        ],
  );
}
