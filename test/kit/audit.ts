/** For tests of the audit log: an API server whose events lie in memory. */
import type { AuditOptions, LineOutput, LogOptions } from '#apiserver/audit/options.ts';
import type { PolicyRule } from '#api/audit/policy.ts';
import { TestApiServer } from './api-server.ts';

type ServerOptions = NonNullable<ConstructorParameters<typeof TestApiServer>[0]>;

/** Without a wait, without limits: as much as a test of something else needs. */
export const BATCH = { bufferSize: 1000, maxSize: 1, maxWaitMs: 0 };

/** Lines as they were written; a test may make the writes wait, or fail. */
export class MemoryOutput implements LineOutput {
  text = '';
  /** Of each write, how many bytes. */
  readonly writes: number[] = [];
  failure: Error | undefined;
  /** Awaited before each write. */
  gate: Promise<void> = Promise.resolve();
  isClosed = false;

  async write(text: string): Promise<void> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.text += text;
    this.writes.push(text.length);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

export interface Event {
  readonly [field: string]: any; // oxlint-disable-line typescript/no-explicit-any
}

export class AuditedServer {
  readonly output: MemoryOutput;
  readonly api: TestApiServer;

  private constructor(api: TestApiServer, output: MemoryOutput) {
    this.api = api;
    this.output = output;
  }

  /** `rules` come after one that leaves out what the server asks itself. */
  static async start(
    rules: readonly PolicyRule[],
    {
      log = {},
      policy = {},
      ...options
    }: ServerOptions & {
      log?: Partial<LogOptions>;
      policy?: Partial<AuditOptions['policy']>;
    } = {},
  ): Promise<AuditedServer> {
    const output = new MemoryOutput();
    const own: PolicyRule = { level: 'None', users: ['system:apiserver'] };
    const api = await TestApiServer.start({
      audit: {
        policy: { ...policy, rules: [own, ...rules] },
        log: { mode: 'blocking', batch: BATCH, format: 'json', output, ...log },
      },
      ...options,
    });
    output.text = '';
    return new AuditedServer(api, output);
  }

  /** The events that are written, and forgets them. */
  take(): Event[] {
    const lines = this.output.text.split('\n').filter((line) => line !== '');
    this.output.text = '';
    return lines.map((line) => JSON.parse(line) as Event);
  }

  /** What `request` leaves in the log: each stage. */
  async of(...call: Parameters<TestApiServer['call']>): Promise<Event[]> {
    this.take();
    await this.api.call(...call);
    return this.take();
  }
}
