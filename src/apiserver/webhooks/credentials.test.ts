/** Which user of a kubeconfig a webhook is shown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { userFor, type WebhookUser } from './credentials.ts';

const named = (name: string): WebhookUser => {
  return () => ({ headers: { authorization: name } });
};

/** The name of whoever is chosen of users of these names. */
function chosen(target: string, names: readonly string[], current?: string): string | undefined {
  const users = {
    byName: new Map(names.map((name) => [name, named(name)])),
    ...(current === undefined ? {} : { current: named(current) }),
  };
  return userFor(users, target)?.().headers['authorization'];
}

describe('the user for a webhook', () => {
  it('is the first that fits, from the whole name to a star', () => {
    const order = [
      'web.hooks.svc:443',
      '*.hooks.svc:443',
      '*.svc:443',
      'web.hooks.svc',
      '*.hooks.svc',
      '*.svc',
      '*',
    ];
    for (const [i, name] of order.entries())
      assert.equal(chosen('web.hooks.svc:443', order.slice(i).toReversed(), 'current'), name);
  });

  it('is that of the current context where no name fits, or nobody', () => {
    const others = ['other.hooks.svc', '*.web.hooks.svc', 'hooks.svc', '*.*.svc', 'svc', '*.'];
    assert.equal(chosen('web.hooks.svc:443', others, 'current'), 'current');
    assert.equal(chosen('web.hooks.svc:443', others), undefined);
  });

  it('at another port than 443 is named with it', () => {
    const plain = ['web.hooks.svc', '*.hooks.svc', '*.svc', 'web.hooks.svc:443'];
    assert.equal(chosen('web.hooks.svc:8443', plain), undefined);
    assert.equal(chosen('web.hooks.svc:8443', [...plain, '*.svc:8443']), '*.svc:8443');
    assert.equal(chosen('web.hooks.svc:4430', plain), undefined);
    assert.equal(chosen('web.hooks.svc:1443', plain), undefined);
  });

  it('of an IPv6 address is named with brackets and a port, or without both', () => {
    for (const name of ['[fd00::1]:443', 'fd00::1'])
      assert.equal(chosen('[fd00::1]:443', [name]), name);
    assert.equal(chosen('[fd00::1]:443', ['[fd00::1]']), undefined);
  });
});
