/** A configuration that cannot be read or used. The message says why, in upstream's words. */
export class ConfigError extends Error {}
