/**
 * `$(NAME)` in commands, arguments and values of variables.
 *
 * Source: API reference v1.36, Container.command: `$$` is a dollar sign, `$(NAME)` of an unknown
 * name stays as it is written. Upstream: third_party/forked/golang/expansion/expand.go.
 */
export function expandVariables(
  text: string,
  lookup: (name: string) => string | undefined,
): string {
  let result = '';
  let position = 0;
  while (position < text.length) {
    const dollar = text.indexOf('$', position);
    if (dollar < 0 || dollar + 1 >= text.length) return result + text.slice(position);
    result += text.slice(position, dollar);
    const next = text[dollar + 1];
    const close = next === '(' ? text.indexOf(')', dollar + 2) : -1;
    if (next === '$') {
      result += '$';
      position = dollar + 2;
    } else if (close >= 0) {
      const name = text.slice(dollar + 2, close);
      result += lookup(name) ?? `$(${name})`;
      position = close + 1;
    } else {
      result += text.slice(dollar, dollar + 2);
      position = dollar + 2;
    }
  }
  return result;
}
