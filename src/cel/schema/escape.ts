/**
 * Property names as CEL identifiers: `foo.bar` is written `foo__dot__bar`, `namespace` is written
 * `__namespace__`.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/escaping.go.
 */

/** Words that are no names in CEL. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);

const PARTS: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const WHOLES: Readonly<Record<string, string>> = {
  underscores: '__',
  dot: '.',
  dash: '-',
  slash: '/',
};

/** The identifier of a property, or undefined when expressions cannot name it. */
export function escapeName(name: string): string | undefined {
  if (RESERVED_WORDS.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  if (!/__|[-./]/.test(name)) return name;
  return name.replace(/__|[-./]/g, (part) => PARTS[part] ?? part);
}

/** The property that an identifier names, or undefined when it can be none. */
export function unescapeName(identifier: string): string | undefined {
  if (!identifier.includes('__')) return identifier;
  let isRight = true;
  const name = identifier.replace(/__[^_]+__/g, (part) => {
    const inner = part.slice(2, -2);
    const whole = WHOLES[inner];
    if (whole !== undefined) return whole;
    if (!RESERVED_WORDS.has(inner) || part.length !== identifier.length) isRight = false;
    return inner;
  });
  return isRight ? name : undefined;
}
