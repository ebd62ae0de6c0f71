/** Plug-ins that are found by their sockets, in memory and once for real. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { GrpcServer, GrpcSockets } from '#base/grpc.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { realGrpcSockets } from '#edge/grpc-sockets.ts';
import { MemoryGrpcSockets } from '#kit/grpc-sockets.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { GET_INFO_PATH, NOTIFY_PATH, REGISTRATION } from './plugin-api.ts';
import { PluginWatcher } from './plugin-watcher.ts';

interface Doors {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly sockets: GrpcSockets;
  readonly directory: string;
}

class Plugins {
  readonly #doors: Doors;
  readonly registry = new MetricRegistry();
  readonly watcher: PluginWatcher;
  /** What the handler was told, and what plug-ins were told. */
  readonly log: string[] = [];
  #waiting: (() => void) | undefined;
  invalid: string | undefined;
  unusable: string | undefined;

  constructor(doors: Doors) {
    this.#doors = doors;
    this.watcher = new PluginWatcher({
      ...doors,
      registry: this.registry,
      handlers: {
        DevicePlugin: {
          validate: () => {
            if (this.invalid !== undefined) throw new Error(this.invalid);
          },
          register: ({ name, endpoint, versions }) => {
            if (this.unusable !== undefined) return Promise.reject(new Error(this.unusable));
            this.#note(`register ${name} ${this.#short(endpoint)} ${versions.join()}`);
            return Promise.resolve();
          },
          deregister: ({ name }) => this.#note(`deregister ${name}`),
        },
      },
    });
  }

  serve(name: string, info: { type?: string; endpoint?: string; deaf?: boolean } = {}) {
    const { type = 'DevicePlugin', endpoint = '', deaf = false } = info;
    return this.#doors.sockets.serve(`${this.#doors.directory}/${name}`, {
      unary: {
        [GET_INFO_PATH]: REGISTRATION.method(['InfoRequest', 'PluginInfo'], () =>
          Promise.resolve({ type, name, endpoint, supportedVersions: ['v1', 'v2'] }),
        ),
        [NOTIFY_PATH]: REGISTRATION.method(
          ['RegistrationStatus', 'RegistrationStatusResponse'],
          ({ pluginRegistered = false, error = '' }) => {
            if (deaf) return Promise.reject(new Error('deaf'));
            this.#note(
              `${name}: ${pluginRegistered} ${error.replaceAll(this.#doors.directory, '')}`,
            );
            return Promise.resolve({});
          },
        ),
      },
    });
  }

  /** Resolves when something was told. */
  told(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #short(path: string): string {
    return path.replace(this.#doors.directory, '');
  }

  #note(line: string): void {
    this.log.push(line);
    this.#waiting?.();
  }
}

describe('plug-ins in the registry', () => {
  const directory = '/k/plugins_registry';

  function world() {
    const environment = new VirtualEnvironment();
    const fileSystem = new MemoryFileSystem();
    const sockets = new MemoryGrpcSockets(environment, fileSystem);
    const plugins = new Plugins({ environment, fileSystem, sockets, directory });
    return { environment, fileSystem, sockets, plugins };
  }

  it('are registered when they come, in directories too, and forgotten when they go', async () => {
    const { environment, fileSystem, plugins } = world();
    const early = await plugins.serve('early');
    await fileSystem.writeFile(`${directory}/file`, '');
    await plugins.watcher.start();
    await environment.advance(0);
    assert.deepEqual(plugins.log, ['register early /early v1,v2', 'early: true ']);
    await plugins.serve('below/late', { endpoint: '/elsewhere' });
    await plugins.serve('.hidden');
    await environment.advance(0);
    assert.deepEqual(plugins.log.slice(2), [
      'register below/late /elsewhere v1,v2',
      'below/late: true ',
    ]);
    assert.equal(plugins.registry.text().match(/_total_plugins{.*} 1/g)?.length, 4);
    await early.close();
    await environment.advance(0);
    assert.deepEqual(plugins.log.slice(4), ['deregister early']);
    await plugins.watcher.stop();
  });

  it('are met anew when another one lies at the same place', async () => {
    const { environment, plugins } = world();
    await plugins.serve('a');
    await plugins.watcher.start();
    await environment.advance(0);
    await plugins.serve('a');
    await environment.advance(0);
    assert.deepEqual(plugins.log.slice(2), ['deregister a', 'register a /a v1,v2', 'a: true ']);
    await plugins.watcher.stop();
  });

  it('of a type that is not there are told so, and tried again ever more seldom', async () => {
    const { environment, plugins } = world();
    await plugins.serve('a', { type: 'CSIPlugin' });
    await plugins.watcher.start();
    const message =
      'a: false RegisterPlugin error -- no handler registered for plugin type: CSIPlugin at socket /a';
    await environment.advance(499);
    assert.deepEqual(plugins.log, [message]);
    await environment.advance(1);
    assert.equal(plugins.log.length, 2);
    await environment.advance(999);
    assert.equal(plugins.log.length, 2);
    await environment.advance(1);
    assert.equal(plugins.log.length, 3);
    await environment.advance(10 * 60_000);
    const tries: number = plugins.log.length;
    assert.ok(tries < 16, `${tries} tries`);
    await plugins.watcher.stop();
  });

  it('are told why they cannot be used', async () => {
    const { environment, plugins } = world();
    plugins.invalid = 'bad name';
    await plugins.serve('a');
    await plugins.watcher.start();
    await environment.advance(100);
    plugins.invalid = undefined;
    plugins.unusable = 'no room';
    await environment.advance(500);
    plugins.unusable = undefined;
    await environment.advance(1000);
    assert.deepEqual(plugins.log, [
      'a: false RegisterPlugin error -- plugin validation failed with err: bad name',
      'a: false RegisterPlugin error -- plugin registration failed with err: no room',
      'register a /a v1,v2',
      'a: true ',
    ]);
    await plugins.watcher.stop();
  });

  it('that do not hear that they are taken are not used', async () => {
    const { environment, plugins } = world();
    await plugins.serve('a', { deaf: true });
    await plugins.watcher.start();
    await environment.advance(0);
    assert.deepEqual(plugins.log, ['register a /a v1,v2', 'deregister a']);
    await plugins.watcher.stop();
  });

  it('are looked for every ten seconds where nobody tells of changes', async () => {
    const { environment, fileSystem, plugins } = world();
    fileSystem.cannotWatch = true;
    await plugins.watcher.start();
    await environment.advance(0);
    await plugins.serve('a');
    await environment.advance(9_000);
    assert.deepEqual(plugins.log, []);
    await environment.advance(1_000);
    assert.equal(plugins.log.length, 2);
    await plugins.watcher.stop();
  });

  it('are found on a real file system, by real sockets', async () => {
    const home = mkdtempSync(join(tmpdir(), 'cox-plugins-'));
    const plugins = new Plugins({
      environment: realEnvironment(),
      fileSystem: realFileSystem(),
      sockets: realGrpcSockets(),
      directory: home,
    });
    await plugins.watcher.start();
    const servers: GrpcServer[] = [];
    try {
      // The watch begins with the first look, which is over when one has come.
      servers.push(await plugins.serve('a.sock'));
      while (plugins.log.length < 2) await plugins.told();
      servers.push(await plugins.serve('b.sock'));
      while (plugins.log.length < 4) await plugins.told();
      await servers[0]?.close();
      while (plugins.log.length < 5) await plugins.told();
      assert.deepEqual(plugins.log, [
        'register a.sock /a.sock v1,v2',
        'a.sock: true ',
        'register b.sock /b.sock v1,v2',
        'b.sock: true ',
        'deregister a.sock',
      ]);
    } finally {
      await plugins.watcher.stop();
      for (const server of servers) await server.close();
      rmSync(home, { recursive: true });
    }
  });
});
