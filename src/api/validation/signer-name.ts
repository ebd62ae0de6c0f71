/** Names of signers: `example.com/signer`. Upstream: pkg/apis/core/validation/names.go. */
import { type FieldError, type FieldPath, invalidValue, required, tooLong } from '../meta/field.ts';
import { isDns1123Label, isDns1123Subdomain } from '../meta/names.ts';

const DOMAIN_MAX = 253;
/** A domain, and a path that holds a DNS label, a dot and a DNS subdomain. */
const NAME_MAX = 253 + 1 + 63 + 1 + 253;

/** The errors of the first part of `text` that is wrong. */
function validateParts(
  text: string,
  rule: (part: string) => string[],
  at: FieldPath,
): FieldError[] {
  for (const part of text.split('.')) {
    const messages = rule(part);
    if (messages.length === 0) continue;
    return messages.map((message) =>
      invalidValue(at, text, `validating label ${JSON.stringify(part)}: ${message}`),
    );
  }
  return [];
}

export function validateSignerName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0) {
    const detail =
      "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalidValue(at, name, detail)];
  }
  const errors = domain.length > DOMAIN_MAX ? [tooLong(at, DOMAIN_MAX)] : [];
  errors.push(...validateParts(domain, isDns1123Label, at));
  if (!domain.includes('.')) {
    const detail = 'should be a domain with at least two segments separated by dots';
    errors.push(invalidValue(at, domain, detail));
  }
  errors.push(...validateParts(path, isDns1123Subdomain, at));
  return name.length > NAME_MAX ? [...errors, tooLong(at, NAME_MAX)] : errors;
}
