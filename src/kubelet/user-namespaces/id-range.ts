/**
 * Which ids of the node the user namespaces of pods may take.
 *
 * Those that are subordinate to the user `kubelet` where there is one (subuid(5), getsubids(1)), else
 * all but the first range. Source: KEP-127. Upstream: pkg/kubelet/kubelet_pods.go
 * (getKubeletMappings), pkg/kubelet/userns/userns_manager.go (MakeUserNsManager), v1.36.
 */
import type { FileSystem, Processes } from '#base/doors.ts';

const USER = 'kubelet';
/** Of every range, and of what is between two. */
export const IDS_PER_POD_DEFAULT = 65_536;
const ALL_IDS = 2 ** 32;
const TIMEOUT_MS = 10_000;

/** Ids `first` to `first + length - 1`. */
export interface IdRange {
  readonly first: number;
  readonly length: number;
}

export interface IdRangeOptions {
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly idsPerPod: number;
  readonly maxPods: number;
}

/** Rejects when the ids are not those of whole ranges, or too few for all pods. */
export async function kubeletIdRange(options: IdRangeOptions): Promise<IdRange> {
  const { idsPerPod } = options;
  const found = await subordinateIds(options);
  const range = found ?? { first: idsPerPod, length: ALL_IDS - idsPerPod };
  const problem = rangeProblem(range, options);
  if (problem !== undefined) throw new Error(problem);
  return range;
}

async function subordinateIds(options: IdRangeOptions): Promise<IdRange | undefined> {
  const users = await options.fileSystem.readText('/etc/passwd').catch(() => '');
  if (!users.split('\n').some((line) => line.startsWith(`${USER}:`))) return undefined;
  const uids = await subIds(options, 'uids', [USER]);
  if (uids === undefined) return undefined;
  const gids = await subIds(options, 'gids', ['-g', USER]);
  if (uids !== gids) throw new Error(`mismatched subuids and subgids for user "${USER}"`);
  return parseSubIds(uids);
}

/** Undefined: the program is not installed. */
async function subIds(
  { processes }: IdRangeOptions,
  what: string,
  args: readonly string[],
): Promise<string | undefined> {
  const failed = `error retrieving additional ${what} for user "${USER}"`;
  try {
    const { exitCode, stdout } = await processes.run('getsubids', args, { timeoutMs: TIMEOUT_MS });
    if (exitCode === 0) return Buffer.from(stdout).toString();
    throw new Error(`${failed}: exit status ${exitCode}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** One line: `0: kubelet 65536 2147483648` */
function parseSubIds(text: string): IdRange {
  const lines = text.trim().split('\n');
  const [, , first = '', length = '', ...more] = (lines[0] ?? '').trim().split(/\s+/);
  const isWhole = lines.length === 1 && more.length === 0;
  if (isWhole && /^[0-9]+$/.test(first) && /^[0-9]+$/.test(length))
    return { first: Number(first), length: Number(length) };
  throw new Error(`error parsing line ${JSON.stringify(text)}: it must contain only one line`);
}

function rangeProblem(
  { first, length }: IdRange,
  { idsPerPod, maxPods }: IdRangeOptions,
): string | undefined {
  if (first % idsPerPod !== 0)
    return `kubelet user assigned ID ${first} is not a multiple of ${idsPerPod}`;
  // Id 0 of the node must not be among them.
  if (first < idsPerPod)
    return `kubelet user assigned ID ${first} must be greater or equal to ${idsPerPod}`;
  if (length % idsPerPod !== 0)
    return `kubelet user assigned IDs length ${length} is not a multiple of ${idsPerPod}`;
  return length / idsPerPod < maxPods
    ? `kubelet user assigned IDs are not enough to support ${maxPods} pods`
    : undefined;
}
