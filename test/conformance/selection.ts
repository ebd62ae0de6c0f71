/** The command line of a run. What is wrong with it is thrown as an Error that says what to do. */
import { parseArgs } from 'node:util';

export const USAGE = `npm run conformance -- [COMMAND] [option]...

Runs upstream's v1.36 conformance specs against the cluster of a kubeconfig.

Commands:
  run                     the specs (the default command)
  build                   the suite and its programs; run does it by itself
  images [load|serve]     assemble the images that the specs name; load: and give them to containerd;
                          serve: and be their registry, for the spec that pulls each time
  report DIR              the table of a run of before

Options of run:
  --kubeconfig FILE       the cluster
  --focus REGEX           only specs whose full name matches
  --skip REGEX            no specs whose full name matches
  --sig NAME              only one group: api-machinery, apps, architecture, auth, cli,
                          instrumentation, network, node, scheduling, storage
  --expected              only the specs of expectations.txt
  --all                   not only conformance specs (with --focus)
  --procs N               so many at a time; those marked [Serial] follow, alone (default: 1)
  --content-type TYPE     what the suite's clients send (default: application/vnd.kubernetes.protobuf)
  --timeout DURATION      of each of the two passes (default: 3h)
  --out DIR               where logs and results go (default: a new folder)
  --update                add what passes to expectations.txt

Options of images load:
  --address SOCKET        a containerd's socket; once for each (default: containerd's own)

Options of images serve:
  --listen ADDRESS:PORT   where the nodes reach it (default: 127.0.0.1:5000)
  --hosts FOLDER          containerd's config_path, where its hosts.toml goes while it serves
                          (default: /etc/containerd/certs.d; of cox up: DATA-DIR/registries)

Exit status: 0 when at least one spec ran and every expected one that was chosen passed.
Files are kept in CONFORMANCE_HOME (default: coxswain/conformance in the user's cache).`;

export interface Selection {
  readonly kubeconfig: string;
  readonly focus: string | undefined;
  readonly skip: string | undefined;
  /** `sig-node` */
  readonly sig: string | undefined;
  readonly expectedOnly: boolean;
  readonly all: boolean;
  readonly procs: number;
  readonly contentType: string | undefined;
  /** As Go spells it: `20m`. */
  readonly timeout: string;
  readonly out: string | undefined;
  readonly update: boolean;
}

const PROCS_MAX = 64;
const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
const OPTIONS = {
  kubeconfig: text,
  focus: text,
  skip: text,
  sig: text,
  expected: flag,
  all: flag,
  procs: { type: 'string', default: '1' },
  'content-type': text,
  timeout: { type: 'string', default: '3h' },
  out: text,
  update: flag,
} as const;

export function parseSelection(words: readonly string[]): Selection {
  const { values } = parseArgs({ args: [...words], options: OPTIONS });
  if (values.kubeconfig === undefined) throw new Error('Name the cluster: --kubeconfig FILE');
  const procs = Number(values.procs);
  if (!Number.isInteger(procs) || procs < 1 || procs > PROCS_MAX)
    throw new Error(`Cannot run ${values.procs} at a time: give a number from 1 to ${PROCS_MAX}`);
  if (values.all && values.focus === undefined)
    throw new Error('--all needs --focus: the whole suite holds thousands of specs');
  return {
    kubeconfig: values.kubeconfig,
    focus: values.focus,
    skip: values.skip,
    sig: values.sig === undefined ? undefined : `sig-${values.sig.replace(/^sig-/, '')}`,
    expectedOnly: values.expected,
    all: values.all,
    procs,
    contentType: values['content-type'],
    timeout: values.timeout,
    out: values.out,
    update: values.update,
  };
}

/** The runner's flags for one pass: `serial` undefined takes those marked [Serial] and the others. */
export function runnerFlags(
  selection: Selection,
  options: { readonly serial?: boolean; readonly expected: readonly string[] },
): string[] {
  const labels = [
    selection.all ? '!Flaky' : 'Conformance',
    ...(selection.sig === undefined ? [] : [selection.sig]),
    ...(options.serial === undefined ? [] : [options.serial ? 'Serial' : '!Serial']),
  ];
  // The runner looks for it behind the suite's own name and a space.
  const names = options.expected.map((name) => ` ${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
  return [
    `--label-filter=${labels.join(' && ')}`,
    ...(selection.focus === undefined ? [] : [`--focus=${selection.focus}`]),
    ...(selection.expectedOnly ? [`--focus=${names.join('|')}`] : []),
    ...(selection.skip === undefined ? [] : [`--skip=${selection.skip}`]),
  ];
}
