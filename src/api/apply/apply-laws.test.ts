import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../meta/object.ts';
import { metadata, POD, Server } from './test-server.ts';

describe('laws of apply', () => {
  const value = fc.constantFrom('1', '2');
  const key = fc.constantFrom('a', 'b', 'c');
  const config = fc.record({
    labels: fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true }),
    containers: fc.uniqueArray(fc.record({ name: key, image: value }, { noNullPrototype: true }), {
      selector: ({ name }) => name,
      maxLength: 3,
    }),
    ports: fc.uniqueArray(
      fc.record({ containerPort: fc.constantFrom(80, 443) }, { noNullPrototype: true }),
      {
        selector: (port) => port.containerPort,
      },
    ),
  });
  const fieldsOf = ({
    labels,
    containers,
    ports,
  }: {
    labels: object;
    containers: object[];
    ports: object[];
  }): JsonObject =>
    ({
      metadata: { labels },
      spec: {
        containers: containers.map((container) => ({
          ...container,
          ...(ports.length === 0 ? {} : { ports }),
        })),
      },
    }) as JsonObject;

  test('applying a configuration twice changes nothing', () => {
    fc.assert(
      fc.property(config, config, (first, second) => {
        const server = new Server(POD)
          .apply('a', fieldsOf(first))
          .apply('b', fieldsOf(second), { force: true });
        const before = structuredClone(server.object);
        assert.deepEqual(server.apply('b', fieldsOf(second)).object, before);
      }),
    );
  });

  test('an applier that lets go of everything leaves what the other applied', () => {
    fc.assert(
      fc.property(config, config, (first, second) => {
        const alone = new Server(POD).apply('b', fieldsOf(second));
        const server = new Server(POD)
          .apply('a', fieldsOf(first))
          .apply('b', fieldsOf(second), { force: true })
          .apply('a', {});
        assert.deepEqual(contents(server.object), contents(alone.object));
        assert.deepEqual(server.fields('b'), alone.fields('b'));
      }),
    );
  });

  /** Labels and containers by name; empty and absent are one. */
  function contents(object: JsonObject | undefined): unknown {
    const { labels } = (object?.['metadata'] ?? {}) as { labels?: object | null };
    const { containers } = (object?.['spec'] ?? {}) as {
      containers?: { name: string; ports?: object[] | null }[] | null;
    };
    return {
      labels: labels ?? {},
      containers: (containers ?? [])
        .map((container) => ({
          ...container,
          ports: (container.ports ?? []).map((port) => JSON.stringify(port)).toSorted(),
        }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    };
  }

  test('whatever is written, no field is owned that is not there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.boolean(), config), { maxLength: 6 }),
        (steps) => {
          const server = new Server(POD);
          for (const [manager, isApply, wanted] of steps) {
            const fields = fieldsOf(wanted);
            if (isApply) server.apply(manager, fields, { force: true });
            else
              server.write(manager, (object) => {
                metadata(fields['metadata'] as JsonObject)(object);
                object['spec'] = fields['spec'] ?? {};
              });
          }
          for (const { fieldsV1 } of server.entries) assertThere(server.object ?? {}, fieldsV1);
        },
      ),
    );
  });

  function assertThere(at: unknown, fields: JsonObject): void {
    for (const [element, below] of Object.entries(fields)) {
      if (element === '.') continue;
      const [, kind = '', content = ''] = /^(.):(.*)$/s.exec(element) ?? [];
      const child =
        kind === 'f' ? (at as JsonObject)[content] : elementOf(at as JsonObject[], content);
      assert.notEqual(child, undefined, element);
      assertThere(child, below as JsonObject);
    }
  }

  function elementOf(list: JsonObject[], content: string): JsonObject | undefined {
    const wanted = JSON.parse(content) as JsonObject;
    return list.find((item) =>
      Object.entries(wanted).every(([name, value]) => (item[name] ?? 'TCP') === value),
    );
  }
});
