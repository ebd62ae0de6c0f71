/**
 * Upstream's published fixtures of the pod-security levels: pods that pass and pods that fail each
 * level of each version. They are not ours to keep: `--fixtures` names the folder `test/testdata` of the
 * module `k8s.io/pod-security-admission`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromYaml } from '#api/codec/yaml.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { findingsOf } from '#apiserver/admission/pod-security/evaluate.ts';
import type { LevelVersion } from '#apiserver/admission/pod-security/version.ts';

interface FixtureOutcome {
  readonly pods: number;
  /** Those that are judged otherwise: `restricted/v1.20/fail/hostports0.yaml`. */
  readonly wrong: readonly string[];
}

/** Judges every fixture of `folder` (`<level>/v1.<minor>/{pass,fail}/<name>.yaml`). */
export function judgeFixtures(folder: string): FixtureOutcome {
  const paths = (['baseline', 'restricted'] as const).flatMap((level) =>
    readdirSync(join(folder, level)).flatMap((version) =>
      ['pass', 'fail'].flatMap((outcome) =>
        readdirSync(join(folder, level, version, outcome)).map((file) => ({
          held: { level, version: Number(version.replace('v1.', '')) },
          isAllowed: outcome === 'pass',
          path: join(level, version, outcome, file),
        })),
      ),
    ),
  );
  const wrong = paths
    .filter(({ held, isAllowed, path }) => passes(join(folder, path), held) !== isAllowed)
    .map(({ path }) => path);
  return { pods: paths.length, wrong };
}

function passes(path: string, held: LevelVersion): boolean {
  const pod = fromYaml(readFileSync(path, 'utf8')) as unknown as Pod;
  POD.setDefaults?.(pod);
  const { metadata = {}, spec } = pod;
  if (spec === undefined) throw new Error(`There is no pod in ${path}`);
  return findingsOf(held, { metadata, spec }).length === 0;
}
