/**
 * JSON texts of values that are written again and again: sets of fields, which all objects of one
 * controller share. Such a value is frozen, so its text stays true.
 */
const texts = new WeakMap<object, string>();

/** `value`: frozen through and through; `text`: its JSON. */
export function rememberText(value: object, text: string): void {
  texts.set(value, text);
}

/** The JSON of `value`, made where it is not known. */
export function jsonText(value: unknown): string {
  const known = typeof value === 'object' && value !== null ? texts.get(value) : undefined;
  return known ?? JSON.stringify(value);
}
