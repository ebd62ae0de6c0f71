/** Every kind of workload that a simulated world may have. */
import { Budgets } from './budgets.ts';
import { CronJobs } from './cron-jobs.ts';
import { DaemonSets } from './daemon-sets.ts';
import { Deployments } from './deployments.ts';
import { Jobs } from './jobs.ts';
import { Namespaces } from './namespaces.ts';
import { Owners } from './owners.ts';
import { Pressure } from './pressure.ts';
import { Quotas } from './quotas.ts';
import { Services } from './services.ts';
import type { Cast, Stage } from './stage.ts';
import { StatefulSets } from './stateful-sets.ts';
import { Taints } from './taints.ts';

export const CASTS: readonly {
  readonly name: string;
  readonly make: (stage: Stage) => Cast;
}[] = [
  { name: 'taints', make: (stage) => new Taints(stage) },
  { name: 'deployments', make: (stage) => new Deployments(stage) },
  { name: 'jobs', make: (stage) => new Jobs(stage) },
  { name: 'budgets', make: (stage) => new Budgets(stage) },
  { name: 'statefulsets', make: (stage) => new StatefulSets(stage) },
  { name: 'pressure', make: (stage) => new Pressure(stage) },
  { name: 'cronjobs', make: (stage) => new CronJobs(stage) },
  { name: 'services', make: (stage) => new Services(stage) },
  { name: 'owners', make: (stage) => new Owners(stage) },
  { name: 'namespaces', make: (stage) => new Namespaces(stage) },
  { name: 'quotas', make: (stage) => new Quotas(stage) },
  { name: 'daemonsets', make: (stage) => new DaemonSets(stage) },
];
