import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeNameOf } from './cluster-choices.ts';

describe('nodeNameOf', () => {
  it('is the name of the machine where a Node may have it, else the nearest', () => {
    const names = {
      'Host-1.Example.COM': 'host-1.example.com',
      my_host: 'my-host',
      '_a.-b-': 'a.b',
    };
    for (const [machine, name] of Object.entries(names)) assert.equal(nodeNameOf(machine), name);
    for (const odd of ['', '---', '___']) assert.equal(nodeNameOf(odd), 'node');
  });
});
