/** Tests of rules in the kernel make network namespaces of their own. */
import { spawnSync } from 'node:child_process';

/** Why such tests cannot run here; false: they can. `name`: of a namespace, made and removed to see. */
export function unlessNetworkNamespaces(name: string, tools: readonly string[]): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  for (const tool of ['ip', ...tools]) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `needs ${tool}`;
  }
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0)
    return 'may not make network namespaces';
  spawnSync('ip', ['netns', 'del', name]);
  return false;
}

/** Standard output of a shell that ends at the first command that fails; throws then. */
export function sh(command: string): string {
  const result = spawnSync('sh', ['-ec', command], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}
