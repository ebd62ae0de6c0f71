/** The order of API versions. Source: API conventions and apimachinery/pkg/version/helpers.go. */
const STAGES = ['alpha', 'beta', ''];

/** The better version first: stable, then beta, then alpha; the higher number first. */
export function compareVersions(left: string, right: string): number {
  const a = parseVersion(left);
  const b = parseVersion(right);
  if (a === undefined || b === undefined) {
    if (a !== undefined || b !== undefined) return a === undefined ? 1 : -1;
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return b.stage - a.stage || b.major - a.major || b.minor - a.minor;
}

function parseVersion(
  version: string,
): { stage: number; major: number; minor: number } | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (match === null) return undefined;
  const [, major, stage = '', minor = '0'] = match;
  return { stage: STAGES.indexOf(stage), major: Number(major), minor: Number(minor) };
}
