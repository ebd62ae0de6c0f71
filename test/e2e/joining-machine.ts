/**
 * A second machine, for tests that join it: a network namespace with an interface of its own, whose
 * other end is on this machine, and `cox` run in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { sh } from '../kit/network-namespaces.ts';
import { eventually, type Output, run } from './product.ts';

const NAMESPACE = 'coxjoin';
const OUTER_END = 'coxj0';
const OUTER = ['10.246.0.1', 'fd00:10:246::1'] as const;
/** The machine's own, of each family. */
export const JOINING_ADDRESSES = ['10.246.0.2', 'fd00:10:246::2'] as const;
const JOIN_TIMEOUT_MS = 120_000;

export interface JoiningMachine {
  /** `cox join` with these words; resolves when the node runs. */
  join(words: readonly string[]): Promise<void>;
  /** Another `cox`, until it ends. */
  cox(words: readonly string[], environment?: Record<string, string>): Promise<Output>;
  /** A command in its network. */
  inside(...words: string[]): Promise<string>;
  /** All that `cox join` printed so far. */
  printed(): string;
  /** Ctrl-C; answers the exit code of `cox join`. */
  stop(): Promise<number | null>;
  /** Takes all of it away. */
  close(): Promise<void>;
}

/** `hosts`: addresses of the machine of the cluster, which both reach each other by. */
export function openJoiningMachine(hosts: readonly string[]): JoiningMachine {
  sh(`ip netns add ${NAMESPACE}
    ip link add ${OUTER_END} type veth peer name eth0 netns ${NAMESPACE}
    ip address add ${OUTER[0]}/24 dev ${OUTER_END}
    ip link set ${OUTER_END} up
    ip -n ${NAMESPACE} link set lo up
    ip -n ${NAMESPACE} address add ${JOINING_ADDRESSES[0]}/24 dev eth0
    ip -n ${NAMESPACE} link set eth0 up
    ip -n ${NAMESPACE} route add default via ${OUTER[0]}`);
  for (const host of hosts) sh(host.includes(':') ? neighbourOf6(host) : neighbourOf4(host));
  let child: ChildProcess | undefined;
  let exited: Promise<number | null> = Promise.resolve(null);
  let text = '';
  const cox = (words: readonly string[]): [string, string[]] => [
    'nsenter',
    [`--net=/run/netns/${NAMESPACE}`, '--', process.execPath, 'bin/cox.mjs', ...words],
  ];
  const stop = (): Promise<number | null> => {
    // Ctrl-C reaches the whole group.
    if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
    return exited;
  };
  return {
    async join(words) {
      text = '';
      const [program, args] = cox(['join', ...words]);
      const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      child = started;
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
      exited = new Promise((resolve) => started.on('exit', resolve));
      await eventually(async () => {
        if (started.exitCode !== null) throw new Error(text);
        return text.includes('Press Ctrl-C') ? true : undefined;
      }, JOIN_TIMEOUT_MS).catch((error: unknown) => {
        throw new Error(`It does not join:\n${text}`, { cause: error });
      });
    },
    cox(words, environment = {}) {
      const [program, args] = cox(words);
      return run(program, args, { environment });
    },
    inside: async (...words) => {
      const { code, stdout, stderr } = await run('ip', ['netns', 'exec', NAMESPACE, ...words]);
      if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
      return stdout;
    },
    printed: () => text,
    stop,
    async close() {
      await stop();
      await run('ip', ['netns', 'delete', NAMESPACE]);
      await run('ip', ['link', 'delete', OUTER_END]);
    },
  };
}

function neighbourOf4(host: string): string {
  return `ip -n ${NAMESPACE} route add ${host}/32 dev eth0`;
}

/** Of IPv6 the kernel answers for the addresses of the interface alone that is asked. */
function neighbourOf6(host: string): string {
  return `ip address add ${OUTER[1]}/64 dev ${OUTER_END} nodad
    ip address add ${host}/128 dev ${OUTER_END} nodad
    ip -n ${NAMESPACE} address add ${JOINING_ADDRESSES[1]}/64 dev eth0 nodad
    ip -n ${NAMESPACE} route add ${host}/128 dev eth0
    ip -n ${NAMESPACE} route add default via ${OUTER[1]}`;
}

/** It reaches no mirror of Debian to build the images of every node from: it has those of `from`. */
export function giveImages(from: string, nodePath: string): void {
  cpSync(from, join(nodePath, 'images'), { recursive: true });
}
