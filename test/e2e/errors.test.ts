/** What a user meets when something is wrong: a sentence that says what to do, and no stack. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessKubectl, unlessRoot } from './needs.ts';
import {
  type Output,
  type Product,
  refusedStart,
  removeDirectory,
  startProduct,
  temporaryDirectory,
} from './product.ts';

const SIMULATED = ['--simulated-nodes', '1', '--example', 'none'];
const NOBODY = 65534;

/** A refusal: this text and nothing else, above all no stack. */
function assertRefused(output: Output, text: RegExp): void {
  assert.equal(output.code, 1, output.stdout);
  assert.match(output.stderr, text);
  assert.doesNotMatch(output.stderr, /^ {4}at /m);
}

/** Takes a port; 0: any. Undefined when somebody else has it already. */
function occupy(port: number): Promise<Server | undefined> {
  // A test that fails does not close it.
  const server = createServer().unref();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Runs what follows as nobody, who may nevertheless read this repository wherever it lies. */
function asNobody(): readonly string[] {
  const plain = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const reading = [...plain, '--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const readsHere = ([command = '', ...args]: readonly string[]): boolean =>
    spawnSync(command, [...args, 'test', '-r', join(process.cwd(), 'package.json')]).status === 0;
  return readsHere(plain) ? plain : reading;
}

describe('a start that cannot be as asked', { skip: unlessKubectl('errors of npm start') }, () => {
  let directory: string;
  let count = 0;
  const folder = (): string => join(directory, `data-${count++}`);
  before(() => {
    directory = temporaryDirectory();
  });
  after(() => removeDirectory(directory));
  /** Starts, does `work`, and stops. */
  const during = async (
    start: Promise<Product>,
    work: (product: Product) => Promise<void>,
  ): Promise<void> => {
    const product = await start;
    try {
      await work(product);
    } finally {
      assert.equal(await product.stop(), 0);
    }
  };
  const untilPodRuns = async (product: Product): Promise<void> => {
    await product.ok('create deployment web --image=example/web');
    await product.ok('rollout status deployment/web --timeout=60s');
    assert.match(await product.ok('get pods'), /web-\S+\s+1\/1\s+Running/);
  };

  it('without root: a simulated node, and why', {
    skip: unlessRoot('becoming nobody'),
  }, async () => {
    chownSync(directory, NOBODY, NOBODY);
    const options = { dataDirectory: folder(), through: asNobody() };
    await during(startProduct(['--example', 'none'], options), async (product) => {
      assert.match(
        product.printed(),
        /This is not root, so there can be no real node: starting one simulated node.*Run as root for real containers\./,
      );
      await untilPodRuns(product);
    });
  });

  it('without Linux: a simulated node, and why', async () => {
    const change = "Object.defineProperty(process, 'platform', { value: 'darwin' })";
    const environment = {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(change)}`,
    };
    const options = { dataDirectory: folder(), environment };
    await during(startProduct(['--example', 'none'], options), async (product) => {
      assert.match(product.printed(), /This is not Linux, so there can be no real node/);
      await untilPodRuns(product);
    });
  });

  it('on a port that was given and is taken: refused', async () => {
    const server = await occupy(0);
    const listen = `127.0.0.1:${portOf(server)}`;
    const output = await refusedStart(SIMULATED, { dataDirectory: folder(), listen });
    assertRefused(
      output,
      new RegExp(
        `^Cannot listen on ${listen}: another program does. Stop it, or choose another port with --listen.\n`,
      ),
    );
    server?.close();
  });

  it('on the default port when it is taken: another, which is said and kept', async () => {
    const options = { dataDirectory: folder(), listen: undefined };
    const servers = [await occupy(6443)];
    const moved = /Port (\d+) is taken by another program: listening on 127\.0\.0\.1:(\d+) instead/;
    let port = '';
    await during(startProduct(SIMULATED, options), async (product) => {
      const [, taken, chosen = ''] = moved.exec(product.printed()) ?? [];
      assert.equal(taken, '6443');
      assert.match(
        await product.ok('config view'),
        new RegExp(`server: https://127.0.0.1:${chosen}\n`),
      );
      await product.ok('create configmap kept');
      port = chosen;
    });
    await during(startProduct(SIMULATED, options), async (product) => {
      assert.doesNotMatch(product.printed(), moved);
      assert.match(await product.ok('cluster-info'), new RegExp(`:${port}`));
    });
    servers.push(await occupy(Number(port)));
    await during(startProduct(SIMULATED, options), async (product) => {
      const [, taken, chosen] = moved.exec(product.printed()) ?? [];
      assert.equal(taken, port);
      assert.notEqual(chosen, port);
      await product.ok('get configmap kept');
    });
    for (const server of servers) server?.close();
  });

  it('at an address that is none, or not of this machine: refused', async () => {
    const at = (listen: string) => refusedStart(SIMULATED, { dataDirectory: folder(), listen });
    assertRefused(await at('300.1.1.1:6443'), /^Cannot listen on 300\.1\.1\.1: .*--listen/);
    assertRefused(
      await at('192.0.2.1:6443'),
      /^Cannot listen on 192\.0\.2\.1: no interface.*--listen/,
    );
    assertRefused(
      await at('nonsense'),
      /Cannot listen on "nonsense": give ADDRESS:PORT, for example 127\.0\.0\.1:6443/,
    );
  });

  it('in a data directory of another version: refused, and left as it is', async () => {
    const dataDirectory = folder();
    await during(startProduct(SIMULATED, { dataDirectory }), async (product) => {
      await product.ok('create configmap kept');
    });
    const version = join(dataDirectory, 'version');
    const own = readFileSync(version, 'utf8');
    writeFileSync(version, '99\n');
    assertRefused(
      await refusedStart(SIMULATED, { dataDirectory }),
      /^Cannot use data directory \S+: its layout is version 99, this program reads version \d+\. Use the program that made it, .*--data-dir, .*--reset/,
    );
    writeFileSync(version, own);
    await during(startProduct(SIMULATED, { dataDirectory }), async (product) => {
      await product.ok('get configmap kept');
    });
    writeFileSync(version, '99\n');
    const reset = startProduct([...SIMULATED, '--reset'], { dataDirectory });
    await during(reset, async (product) => {
      assert.equal(await product.ok('get configmap kept --ignore-not-found'), '');
    });
  });

  it('in a data directory that cannot be one: refused', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    for (const dataDirectory of [file, join(file, 'below'), '/sys/coxswain']) {
      assertRefused(
        await refusedStart(SIMULATED, { dataDirectory }),
        /^Cannot use data directory .*Choose a place that you may write to with --data-dir\.\n$/,
      );
    }
  });

  it('in a data directory that is in use: refused, with whom to stop', async () => {
    const dataDirectory = folder();
    await during(startProduct(SIMULATED, { dataDirectory }), async () => {
      assertRefused(
        await refusedStart(SIMULATED, { dataDirectory }),
        /^Cannot use data directory \S+: process \d+ \(cox up or cox join\) does already\. Stop that one with Ctrl-C first, or choose another directory with --data-dir\.\n$/,
      );
    });
  });

  it('with a flag that is none: refused, with the nearest known one', async () => {
    const dataDirectory = folder();
    const nearest = {
      '--simulated-node': '--simulated-nodes',
      '--exampel': '--example',
      '--node': '--nodes',
      '--rest': '--reset',
    };
    for (const [wrong, right] of Object.entries(nearest)) {
      assertRefused(
        await refusedStart([wrong], { dataDirectory }),
        new RegExp(`^error: unknown option '${wrong}'\n\\(Did you mean ${right}\\?\\)\n[^]*--help`),
      );
    }
    assertRefused(await refusedStart(['--xyzzy'], { dataDirectory }), /'--xyzzy'\n[^]*--help/);
    assertRefused(
      await refusedStart(['--nodes', '0'], { dataDirectory }),
      /Give a number from 1 to \d+/,
    );
    assertRefused(
      await refusedStart(['--pod-network', 'x'], { dataDirectory }),
      /Allowed choices are direct, vxlan/,
    );
    assertRefused(
      await refusedStart(['--simulated-nodes', 'x'], { dataDirectory }),
      /Give a number from 1 to \d+/,
    );
    assertRefused(
      await refusedStart(['--example', 'none-such'], { dataDirectory }),
      /Allowed choices are guestbook, none/,
    );
    assert.equal(existsSync(dataDirectory), false, 'nothing was begun');
  });

  it('--help explains every flag', async () => {
    const { code, stdout } = await refusedStart(['--help'], { dataDirectory: folder() });
    assert.equal(code, 0);
    for (const flag of [
      '--data-dir',
      '--listen',
      '--example',
      '--nodes',
      '--simulated-nodes',
      '--reset',
    ])
      assert.match(stdout, new RegExp(`^ +${flag} .*\\w`, 'm'));
  });
});
