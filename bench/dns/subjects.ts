/** The servers that are asked: ours, and CoreDNS with what kubeadm configures. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, writeUserFile } from '../cluster.ts';
import { type OwnProcess, startProcess } from '../processes.ts';
import type { Scope } from '../scope.ts';

export interface DnsSubject {
  readonly name: string;
  /** Listens on 127.0.0.1 when it has started. */
  start(scope: Scope, cluster: Cluster, port: number): OwnProcess;
}

const COX = join(import.meta.dirname, '..', '..', 'bin', 'cox.ts');

function kubeconfigOf(cluster: Cluster): string {
  const path = join(cluster.data.path, 'dns.kubeconfig');
  writeUserFile(cluster, path, { user: 'admin', identity: cluster.pki.admin });
  return path;
}

export const COXSWAIN_DNS: DnsSubject = {
  name: 'Coxswain',
  start(scope, cluster, port) {
    return startProcess(scope, {
      name: 'cox dns',
      command: process.execPath,
      args: [
        COX,
        'dns',
        `--kubeconfig=${kubeconfigOf(cluster)}`,
        '--bind-address=127.0.0.1',
        `--dns-port=${port}`,
        '--metrics-port=0',
        '--health-port=0',
        '--ready-port=0',
      ],
      logPath: join(cluster.data.logs, 'dns.log'),
    });
  },
};

/** `folder` holds the program `coredns`; fails when it does not. */
export function coreDns(folder: string): DnsSubject {
  const command = join(folder, 'coredns');
  try {
    accessSync(command, constants.X_OK);
  } catch {
    throw new Error(`Cannot compare with ${folder}: there is no program coredns in it.`);
  }
  return {
    name: 'CoreDNS',
    start(scope, cluster, port) {
      const path = join(cluster.data.path, 'Corefile');
      writeFileSync(path, corefile(kubeconfigOf(cluster), port));
      return startProcess(scope, {
        name: 'coredns',
        command,
        args: ['-conf', path],
        logPath: join(cluster.data.logs, 'coredns.log'),
      });
    },
  };
}

/** What kubeadm configures, without the pages of health and metrics and without resolvers behind it. */
function corefile(kubeconfig: string, port: number): string {
  return `.:${port} {
  bind 127.0.0.1
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${kubeconfig}
    pods insecure
    ttl 30
  }
  cache 30 {
    disable success cluster.local
    disable denial cluster.local
  }
  loadbalance
}
`;
}
