import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { TokenCacheMetrics } from '../metrics/token-cache-metrics.ts';
import { type TokenAuthenticator, TokenError } from './token-authenticator.ts';
import { cachedTokens, type FarTokenAuthenticator } from './token-cache.ts';

let environment: VirtualEnvironment;
let asked: string[];
let told: string[];
let registry: MetricRegistry;

beforeEach(() => {
  environment = new VirtualEnvironment();
  asked = [];
  told = [];
  registry = new MetricRegistry();
});

const good: FarTokenAuthenticator = async (token, question) => {
  const { audiences } = question;
  asked.push(`${token} ${audiences.join()}`);
  if (token === 'bad') return undefined;
  if (token === 'wrong') throw new TokenError('wrong');
  question.warn('old');
  question.annotate('a', 'b');
  return { user: { name: token, groups: [] }, audiences };
};

const cached = (over: object = {}, authenticate = good): TokenAuthenticator =>
  cachedTokens(authenticate, {
    environment,
    successMs: 10_000,
    failureMs: 5_000,
    keepsErrors: true,
    metrics: new TokenCacheMetrics(registry),
    ...over,
  });

async function ask(
  tokens: TokenAuthenticator,
  token = 'jane',
  audiences = ['us'],
): Promise<string> {
  const question = {
    audiences,
    warn: (text: string) => void told.push(text),
    annotate: (key: string, value: string) => void told.push(`${key}=${value}`),
  };
  try {
    const identity = await environment.resolve(Promise.resolve(tokens(token, question)));
    return identity?.user.name ?? 'nobody';
  } catch (error) {
    assert.ok(error instanceof TokenError);
    return error.message;
  }
}

describe('what was said of a token', () => {
  it('is known for a while, with what its sender should know', async () => {
    const tokens = cached();
    assert.equal(await ask(tokens), 'jane');
    await environment.advance(9_999);
    assert.equal(await ask(tokens), 'jane');
    assert.equal(asked.length, 1);
    assert.deepEqual(told, ['old', 'a=b', 'old', 'a=b']);
    await environment.advance(1);
    await ask(tokens);
    assert.equal(asked.length, 2);
  });

  it('is known of one token for the same audiences alone', async () => {
    const tokens = cached();
    await ask(tokens, 'jane', ['us']);
    await ask(tokens, 'jane', ['them']);
    await ask(tokens, 'jane"', ['us']);
    assert.deepEqual(asked, ['jane us', 'jane them', 'jane" us']);
  });

  it('is known for another while where it is not good', async () => {
    const tokens = cached();
    for (const token of ['bad', 'wrong']) {
      const answer = await ask(tokens, token);
      await environment.advance(4_999);
      assert.equal(await ask(tokens, token), answer);
      assert.equal(asked.length, 1);
      await environment.advance(1);
      await ask(tokens, token);
      assert.equal(asked.length, 2);
      asked.length = 0;
    }
  });

  it('is not known where errors do not count, nor for no time', async () => {
    const tokens = cached({ keepsErrors: false });
    for (const token of ['wrong', 'wrong', 'bad', 'bad']) await ask(tokens, token);
    assert.deepEqual(asked, ['wrong us', 'wrong us', 'bad us']);
    const forgetful = cached({ failureMs: 0 });
    for (const token of ['wrong', 'wrong', 'bad', 'bad']) await ask(forgetful, token);
    assert.equal(asked.length, 3 + 4);
  });

  it('is asked once for all who ask meanwhile, and given up after half a minute', async () => {
    const tokens = cached({}, (token, _question, signal) => {
      asked.push(token);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new TokenError('too late')));
      });
    });
    const start = environment.clock.now();
    const answers = await Promise.all([ask(tokens), ask(tokens)]);
    assert.deepEqual(answers, ['too late', 'too late']);
    assert.equal(asked.length, 1);
    assert.equal(environment.clock.now() - start, 30_000);
  });
});

it('how often an answer was known, and how asking went, is counted', async () => {
  const tokens = cached({ keepsErrors: false });
  for (const token of ['jane', 'jane', 'bad', 'wrong']) await ask(tokens, token);
  const values = (name: string): string[] =>
    registry.text().match(new RegExp(`^authentication_token_cache_${name}.*$`, 'gm')) ?? [];
  assert.deepEqual(values('request_total'), [
    'authentication_token_cache_request_total{status="miss"} 3',
    'authentication_token_cache_request_total{status="hit"} 1',
  ]);
  assert.deepEqual(values('fetch_total'), [
    'authentication_token_cache_fetch_total{status="ok"} 2',
    'authentication_token_cache_fetch_total{status="error"} 1',
  ]);
  assert.deepEqual(values('request_duration_seconds_count'), [
    'authentication_token_cache_request_duration_seconds_count{status="miss"} 3',
    'authentication_token_cache_request_duration_seconds_count{status="hit"} 1',
  ]);
  const slow = cached({}, () => new Promise(() => {}));
  const question = { audiences: ['us'], warn: () => {}, annotate: () => {} };
  void slow('jane', question);
  void slow('jane', question);
  assert.deepEqual(values('active_fetch_count'), [
    'authentication_token_cache_active_fetch_count{status="blocked"} 2',
    'authentication_token_cache_active_fetch_count{status="in_flight"} 1',
  ]);
});
