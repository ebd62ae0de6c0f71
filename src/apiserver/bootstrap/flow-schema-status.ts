/**
 * Says in the status of each FlowSchema whether its priority level is there: the condition Dangling.
 *
 * Upstream: v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go
 * (presyncFlowSchemaStatus). It reads the watch cache and writes through the server's own handler.
 */
import { messageOf } from '#base/error.ts';
import type { Environment, Timer } from '#base/env.ts';
import type { FlowSchema, FlowSchemaCondition } from '#api/gen/flowcontrol-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import { timeText } from '#api/meta/time.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../admission/targets.ts';
import type { LocalClient } from './local-client.ts';

const RETRY_MS = 1_000;
const MANAGER = 'api-priority-and-fairness-config-consumer-v1';
const VERSIONED = { ...FLOW_SCHEMAS, version: 'v1' };

export interface FlowSchemaStatusOptions {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
}

export class FlowSchemaStatus {
  readonly #options: FlowSchemaStatusOptions;
  /** Names to look at. Each is here once, so there are never more than schemas. */
  readonly #queue = new Set<string>();
  #running = false;
  #started = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(options: FlowSchemaStatusOptions) {
    this.#options = options;
    options.reader.follow(FLOW_SCHEMAS, ({ name, object }) => {
      if (object !== undefined) this.#add(name);
    });
    // What one level is called, any schema may say.
    options.reader.follow(PRIORITY_LEVELS, () => this.#addAll());
  }

  start(): void {
    this.#started = true;
    this.#addAll();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #addAll(): void {
    if (!this.#started) return;
    for (const { metadata } of this.#options.reader.list(FLOW_SCHEMAS))
      this.#add(metadata?.name ?? '');
  }

  #add(name: string): void {
    if (!this.#started || this.#stopped) return;
    this.#queue.add(name);
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Never rejects. What cannot be written is tried again. */
  async #run(): Promise<void> {
    // Not in the turn of the event that woke it: other listeners come first.
    await Promise.resolve();
    const failed: string[] = [];
    for (const name of this.#queue) {
      this.#queue.delete(name);
      if (this.#stopped) return;
      try {
        await this.#reconcile(name);
      } catch (error) {
        const text = messageOf(error);
        this.#options.environment.log.warn('a flow schema has no status', { name, error: text });
        failed.push(name);
      }
    }
    this.#running = false;
    if (failed.length === 0) return;
    this.#timer?.cancel();
    this.#timer = this.#options.environment.timers.after(RETRY_MS, () => this.#addAll());
  }

  async #reconcile(name: string): Promise<void> {
    const { reader, client, environment } = this.#options;
    const schema = reader.get(FLOW_SCHEMAS, '', name) as FlowSchema | undefined;
    if (schema === undefined) return;
    const level = schema.spec?.priorityLevelConfiguration?.name ?? '';
    const isThere = reader.get(PRIORITY_LEVELS, '', level) !== undefined;
    const wanted = danglingCondition(level, isThere);
    const now = schema.status?.conditions?.find(({ type }) => type === wanted.type);
    const { lastTransitionTime: _since, ...said } = now ?? {};
    if (equalJson(said, wanted)) return;
    const lastTransitionTime = timeText(environment.clock.now());
    const applied: FlowSchema = {
      apiVersion: `${VERSIONED.group}/${VERSIONED.version}`,
      kind: 'FlowSchema',
      metadata: { name },
      status: { conditions: [{ ...wanted, lastTransitionTime }] },
    };
    await client.apply(VERSIONED, applied, { manager: MANAGER, subresource: 'status' });
  }
}

function danglingCondition(level: string, isThere: boolean): FlowSchemaCondition {
  const shown = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return isThere
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${shown} and it exists` }
    : {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message: `${shown} but there is no such object`,
      };
}
