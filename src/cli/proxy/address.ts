/** Addresses to serve on, as the configuration of the proxy has them. */

/** `0.0.0.0:10256`, `[::]:10256`. Undefined: it is none. */
export function splitAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port: Number(port) };
}
