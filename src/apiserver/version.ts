/** What `/version` says. The API level is upstream's; the build is ours. */

export const KUBERNETES_VERSION = 'v1.36.0';

/** The runtime, where upstream names Go's. */
export const GO_VERSION = `node${process.version}`;

export function versionInfo() {
  return {
    major: '1',
    minor: '36',
    emulationMajor: '1',
    emulationMinor: '36',
    minCompatibilityMajor: '1',
    minCompatibilityMinor: '35',
    gitVersion: `${KUBERNETES_VERSION}+coxswain`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: GO_VERSION,
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
