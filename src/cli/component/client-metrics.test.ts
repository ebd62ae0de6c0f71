/** What is counted of a client's requests. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Handler, type HttpResponse, readBody } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { countsOf } from '#kit/metrics.ts';
import { ClientMetrics } from './client-metrics.ts';

const HOST = '10.0.0.1:6443';
const SIZES = /^request_size_bytes_count|^response_size_bytes|^request_duration_seconds|^requests/;

interface Asked {
  readonly method?: string;
  readonly url?: string;
  readonly body?: Uint8Array;
}

/** Counts and sums after one request that `handler` answers, 3 s of which pass before it does. */
async function after(asked: Asked, answer: () => HttpResponse): Promise<string[]> {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const handler: Handler = async () => {
    await environment.advance(3_000);
    return answer();
  };
  const measured = new ClientMetrics(registry, environment.clock).measured(handler, HOST);
  try {
    const request = { method: 'GET', url: '/api/v1/pods', headers: {}, ...asked };
    await readBody((await measured(request)).body);
  } catch (error) {
    assert.match(String(error), /away|broke/);
  }
  const sums = registry.text().matchAll(/^rest_client_(\S+_sum\S*) (\S+)$/gm);
  const texts = [...sums].map(([, name, sum]) => `${name} ${sum}`);
  return [...countsOf(registry, 'rest_client_'), ...texts]
    .filter((line) => SIZES.test(line) || line.includes('_sum'))
    .map((line) => line.replace(`,host="${HOST}"`, ''));
}

function streamed(...pieces: string[]): HttpResponse {
  return {
    status: 200,
    headers: {},
    body: {
      kind: 'stream',
      start(sink) {
        for (const piece of pieces)
          if (piece === 'broke') return sink.abort(new Error(piece));
          else sink.write(Buffer.from(piece));
        sink.end();
      },
    },
  };
}

describe('a request', () => {
  it('is timed and measured to the end of its answer', async () => {
    assert.deepEqual(await after({}, () => streamed('four', 'and six')), [
      'request_duration_seconds_count{verb="GET"} 1',
      'request_size_bytes_count{verb="GET"} 1',
      'requests_total{code="200",method="GET"} 1',
      'response_size_bytes_count{verb="GET"} 1',
      'request_duration_seconds_sum{verb="GET"} 3',
      'request_size_bytes_sum{verb="GET"} 0',
      'response_size_bytes_sum{verb="GET"} 11',
    ]);
  });

  it('is counted by its method and what came of it', async () => {
    const asked = { method: 'POST', body: Buffer.from('0123456789') };
    const body = { kind: 'bytes', bytes: Buffer.from('conflict') } as const;
    assert.deepEqual(await after(asked, () => ({ status: 409, headers: {}, body })), [
      'request_duration_seconds_count{verb="POST"} 1',
      'request_size_bytes_count{verb="POST"} 1',
      'requests_total{code="409",method="POST"} 1',
      'response_size_bytes_count{verb="POST"} 1',
      'request_duration_seconds_sum{verb="POST"} 3',
      'request_size_bytes_sum{verb="POST"} 10',
      'response_size_bytes_sum{verb="POST"} 8',
    ]);
  });

  it('that is not answered, or not to the end, has no size', async () => {
    const refuse = (): never => {
      throw new Error('away');
    };
    const timed = 'request_duration_seconds_count{verb="GET"} 1';
    const [first, , third, ...others] = await after({}, refuse);
    assert.deepEqual([first, third], [timed, 'requests_total{code="<error>",method="GET"} 1']);
    assert.equal(others.join().includes('response_size'), false);
    const broken = await after({}, () => streamed('some', 'broke'));
    assert.equal(broken[0], timed);
    assert.equal(broken.join().includes('response_size'), false);
  });

  it('that watches is only counted', async () => {
    for (const url of ['/api/v1/pods?watch=true&limit=1', '/api/v1/pods?limit=1&watch=1']) {
      const counts = await after({ url }, () => streamed('event'));
      assert.deepEqual(counts, ['requests_total{code="200",method="GET"} 1']);
      const refused = await after({ url }, () => {
        throw new Error('away');
      });
      assert.deepEqual(refused, ['requests_total{code="<error>",method="GET"} 1']);
    }
  });
});
