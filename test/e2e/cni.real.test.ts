/**
 * The CNI configuration of a node held to the specification by cnitool (containernetworking/cni), a
 * runtime that is not ours, with Debian's plug-ins: two network namespaces stand for a node and a pod.
 *
 * STATUS and GC came with version 1.1.0 of the specification, which these plug-ins (1.1.1) do not know.
 * Debian has no package of cnitool: COXSWAIN_CNITOOL names one, and without it the tests are skipped.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CNI_BIN_DIRECTORY, cniConfigList } from '../../src/kubelet/network/cni-config.ts';
import { sh, unlessNetworkNamespaces } from '../kit/network-namespaces.ts';

const CNITOOL = process.env['COXSWAIN_CNITOOL'] ?? '';
const PREFIX = `coxc${process.pid}`;
const NODE = `${PREFIX}n`;
const POD = `${PREFIX}p`;
const NETWORK = 'coxswain';
const BRIDGE = 'cni-bridge';
const skip =
  unlessNetworkNamespaces(NODE, []) ||
  (CNITOOL === '' && 'COXSWAIN_CNITOOL names no program to hold the CNI configuration against');

interface AddResult {
  readonly ips: readonly { readonly address: string; readonly gateway: string }[];
  readonly routes: readonly { readonly dst: string }[];
}

const WORLDS = [
  { claim: 'IPv4', podCidrs: ['10.77.1.0/24'] },
  { claim: 'IPv4 and IPv6', podCidrs: ['10.77.1.0/24', 'fd00:77:0:1::/64'] },
  {
    claim: 'IPv6 and IPv4, and packets of a tunnel',
    podCidrs: ['fd00:77:0:1::/64', '10.77.1.0/24'],
    mtu: 1450,
  },
];

for (const { claim, podCidrs, mtu } of WORLDS)
  describe(`the CNI configuration of a node with ${claim}`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'coxswain-cni-'));
    const state = join(folder, 'state');
    const configs = join(folder, 'conf');

    before(() => {
      mkdirSync(configs);
      const text = cniConfigList({
        podCidrs,
        bridge: BRIDGE,
        stateDirectory: state,
        masquerade: false,
        ...(mtu === undefined ? {} : { mtu }),
      });
      writeFileSync(join(configs, '10-coxswain.conflist'), text);
      for (const name of [NODE, POD]) sh(`ip netns add ${name}; ip -n ${name} link set lo up`);
    });
    after(() => {
      for (const name of [NODE, POD]) spawnSync('ip', ['netns', 'del', name]);
      rmSync(folder, { recursive: true });
    });

    const cni = (command: string, ...words: string[]) => {
      const args = ['netns', 'exec', NODE, CNITOOL, command, NETWORK, ...words];
      const { status, stdout, stderr } = spawnSync('ip', args, {
        encoding: 'utf8',
        env: { ...process.env, CNI_PATH: CNI_BIN_DIRECTORY, NETCONFPATH: configs },
      });
      return { ok: status === 0, text: stdout, why: `${stdout}${stderr}` };
    };
    const pod = `/run/netns/${POD}`;
    const taken = (): string[] =>
      readdirSync(join(state, NETWORK)).filter((name) => !/^(?:lock|last_reserved)/.test(name));
    const inPod = (command: string): string => sh(`ip -n ${POD} ${command}`);
    const first = (cidr: string, nth: number): string => cidr.replace(/0\/24$|\/64$/, String(nth));

    it('ADD gives a pod an address of each range, and the way out by the bridge', () => {
      const added = cni('add', pod);
      assert.ok(added.ok, added.why);
      const { ips, routes } = JSON.parse(added.text) as AddResult;
      assert.deepEqual(
        ips.map(({ address, gateway }) => [address, gateway]),
        podCidrs.map((cidr) => [`${first(cidr, 2)}/${cidr.split('/')[1]}`, first(cidr, 1)]),
      );
      assert.deepEqual(
        routes.map(({ dst }) => dst),
        podCidrs.map((cidr) => (cidr.includes(':') ? '::/0' : '0.0.0.0/0')),
      );
      for (const cidr of podCidrs) {
        assert.ok(inPod('address show dev eth0').includes(` ${first(cidr, 2)}/`));
        assert.ok(sh(`ip -n ${NODE} address show dev ${BRIDGE}`).includes(` ${first(cidr, 1)}/`));
        const family = cidr.includes(':') ? '-6' : '-4';
        assert.ok(inPod(`${family} route show default`).includes(`via ${first(cidr, 1)} dev eth0`));
      }
      assert.deepEqual(taken().length, podCidrs.length);
    });

    it('the interfaces carry packets as large as they may be, and let a pod reach itself', () => {
      assert.match(inPod('link show dev eth0'), new RegExp(` mtu ${mtu ?? 1500} `));
      const ports = sh(`ip -n ${NODE} -details link show master ${BRIDGE}`);
      assert.match(ports, new RegExp(` mtu ${mtu ?? 1500} `));
      assert.match(ports, / hairpin on /);
    });

    it('CHECK finds all well, and finds an address that is gone', () => {
      const well = cni('check', pod);
      assert.ok(well.ok, well.why);
      const [cidr = ''] = podCidrs;
      inPod(`address delete ${first(cidr, 2)}/${cidr.split('/')[1]} dev eth0`);
      assert.equal(cni('check', pod).ok, false);
    });

    it('DEL takes all back, and may be asked for again', () => {
      for (const _ of ['once', 'again']) {
        const gone = cni('del', pod);
        assert.ok(gone.ok, gone.why);
        assert.doesNotMatch(inPod('link'), /eth0/);
        assert.equal(sh(`ip -n ${NODE} link show master ${BRIDGE}`), '');
        assert.deepEqual(taken(), []);
      }
    });
  });
