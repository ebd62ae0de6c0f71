import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../user-error.ts';
import { parseFlags } from '../flags.ts';
import { API_SERVER } from './flags.ts';
import { apiServerOptions } from './options.ts';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return '';
}

describe('flags of the API server', () => {
  it('have upstream’s defaults, and are given in either form', () => {
    const flags = parseFlags(API_SERVER, [
      '--secure-port=7443',
      '--bind-address',
      '127.0.0.1',
      '--allow-privileged',
    ]);
    assert.equal(flags.number('secure-port'), 7443);
    assert.equal(flags.text('bind-address'), '127.0.0.1');
    assert.equal(flags.text('allow-privileged'), 'true');
    assert.equal(flags.number('max-requests-inflight'), 400);
  });

  it('that are lists are joined when they come twice', () => {
    const flags = parseFlags(API_SERVER, [
      '--service-account-key-file=a',
      '--service-account-key-file=b,c',
    ]);
    assert.deepEqual(flags.list('service-account-key-file'), ['a', 'b', 'c']);
  });

  it('that upstream has and we have not are refused by name', () => {
    assert.equal(
      refusal(() => parseFlags(API_SERVER, ['--vmodule=x'])),
      'Cannot use --vmodule: kube-apiserver has this flag, cox apiserver does not have it yet.',
    );
    assert.match(
      refusal(() => parseFlags(API_SERVER, ['--etcd-servers=http://x'])),
      /^Cannot use --etcd-servers: etcd as a store is not there yet\./,
    );
    assert.equal(
      refusal(() => parseFlags(API_SERVER, ['--nothing'])),
      'unknown flag: --nothing',
    );
    assert.equal(
      refusal(() => parseFlags(API_SERVER, ['--secure-port'])),
      'flag needs an argument: --secure-port',
    );
    assert.equal(
      refusal(() => parseFlags(API_SERVER, ['--request-timeout=soon'])),
      'invalid argument "soon" for "--request-timeout" flag',
    );
  });

  it('say whether there is priority and fairness', () => {
    const isOn = (...args: string[]) =>
      parseFlags(API_SERVER, args).isOn('enable-priority-and-fairness');
    assert.deepEqual([isOn(), isOn('--enable-priority-and-fairness=false')], [true, false]);
  });

  const whole = ['--data-dir=/x', '--service-account-issuer=https://i'];
  it('with values that we do not have are refused', () => {
    const options = (...args: string[]) =>
      refusal(() => apiServerOptions(parseFlags(API_SERVER, [...whole, ...args])));
    assert.match(options('--endpoint-reconciler-type=master-count'), /lease and none/);
    assert.match(options('--goaway-chance=0.5'), /can not be less than 0 or greater than 0.02/);
    const key = ['--service-account-signing-key-file=/dev/null', '--client-ca-file=/dev/null'];
    assert.equal(
      options('--admission-webhook-budget=0s', ...key),
      '--admission-webhook-budget must be more than 0s',
    );
    assert.equal(options(), '--service-account-signing-key-file is a required flag');
    assert.match(options('--service-account-signing-key-file=/none'), /^Cannot read \/none: /);
  });
});
