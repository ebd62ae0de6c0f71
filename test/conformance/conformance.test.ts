/** The parts of the conformance runner that need neither the suite nor a cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grown, judge, readExpectations } from './expectations.ts';
import { referencesOf } from './images/assemble.ts';
import { parseResults, type SpecResult } from './junit.ts';
import { Progress } from './progress.ts';
import { parseSelection, runnerFlags } from './selection.ts';
import { renderAll, renderTable } from './table.ts';

const XML = `
  <testcase name="[BeforeSuite]" classname="x" status="passed" time="0.1"></testcase>
  <testcase name="[It] [sig-node] Pods should &lt;run&gt; &#34;well&#34;" classname="x" status="passed" time="1.5">
    <system-err>log</system-err>
  </testcase>
  <testcase name="[It] [sig-apps] Deployment should fail" classname="x" status="failed" time="2">
    <failure message="short" type="failed">[FAILED] what went wrong&#xA;and more</failure>
  </testcase>
  <testcase name="[It] [sig-apps] not asked for" classname="x" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
  <testcase name="[It] [sig-node] wants more" classname="x" status="skipped" time="0.2"><skipped message="skipped - Requires two nodes"></skipped></testcase>
  <testcase name="[AfterSuite] clean-up" classname="x" status="failed" time="3"><failure message="no">no</failure></testcase>
`;

const result = (name: string, outcome: SpecResult['result']): SpecResult => ({
  name,
  result: outcome,
  seconds: 1,
  message: '',
});

describe('parseResults', () => {
  it('reads what ran, with the first line of what went wrong', () => {
    assert.deepEqual(
      parseResults(XML).map(({ name, result: is, message }) => [is, name, message]),
      [
        ['pass', '[sig-node] Pods should <run> "well"', ''],
        ['fail', '[sig-apps] Deployment should fail', 'what went wrong'],
        ['skip', '[sig-node] wants more', 'skipped - Requires two nodes'],
        ['fail', '[AfterSuite] clean-up', 'no'],
      ],
    );
  });
});

describe('the expectations', () => {
  it('are broken by what was chosen and did not pass, were it that it never ran', () => {
    const results = [result('a', 'pass'), result('b', 'fail'), result('e', 'pass')];
    assert.deepEqual(judge(['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'e'], results), {
      broken: ['b', 'c'],
      fresh: ['e'],
    });
  });

  it('only grow', () => {
    assert.deepEqual(grown(['b', 'd'], ['c', 'b']), ['b', 'c', 'd']);
  });

  it('are kept sorted, each once, and none outside of a SIG', () => {
    const names = readExpectations();
    assert.deepEqual(names, [...new Set(names)].sort());
    assert.deepEqual(
      names.filter((name) => !name.startsWith('[sig-')),
      [],
    );
  });
});

describe('the table', () => {
  it('has a row for each SIG, with what never ran', () => {
    const results = parseResults(XML).slice(0, 2);
    const table = renderTable(['[sig-node] never ran'], results).split('\n');
    assert.deepEqual(
      table.slice(1).map((line) => line.trim().split(/\s+/)),
      [
        ['sig-apps', '1', '0', '1', '0', '0'],
        ['sig-node', '2', '1', '0', '0', '1'],
        ['total', '3', '1', '1', '0', '1'],
      ],
    );
    assert.deepEqual(renderAll(results, 'fail', 'FAIL'), [
      'FAIL [sig-apps] Deployment should fail\n     what went wrong',
    ]);
  });
});

describe('the command line', () => {
  it('becomes flags of the runner', () => {
    const selection = parseSelection(
      '--kubeconfig f --sig node --focus Pods --skip Slow --procs 4'.split(' '),
    );
    assert.deepEqual(runnerFlags(selection, { serial: false, expected: [] }), [
      '--label-filter=Conformance && sig-node && !Serial',
      '--focus=Pods',
      '--skip=Slow',
    ]);
  });

  it('takes the expected specs by their whole names', () => {
    const selection = parseSelection(['--kubeconfig', 'f', '--expected']);
    const [, focus = ''] = runnerFlags(selection, { expected: ['[sig-a] b (c)', '[sig-d] e'] });
    assert.equal(focus, String.raw`--focus= \[sig-a\] b \(c\)$| \[sig-d\] e$`);
    const pattern = new RegExp(focus.slice('--focus='.length));
    const names = ['[sig-a] b (c)', '[sig-d] e', '[sig-d] e more', 'x[sig-d] e'];
    const matched = names.filter((name) => pattern.test(`Suite ${name}`));
    assert.deepEqual(matched, ['[sig-a] b (c)', '[sig-d] e']);
  });

  it('says what is wrong with it', () => {
    for (const [words, problem] of [
      [[], /--kubeconfig/],
      [['--kubeconfig', 'f', '--procs', 'many'], /many at a time/],
      [['--kubeconfig', 'f', '--all'], /--all needs --focus/],
      [['--kubeconfig', 'f', '--what'], /--what/],
    ] as const)
      assert.throws(() => parseSelection(words), problem);
  });
});

describe('Progress', () => {
  const told = (lines: readonly string[]): (string | undefined)[] => {
    const progress = new Progress(2);
    return [...lines.map((line) => progress.line(line)), progress.end()].filter(
      (line) => line !== undefined,
    );
  };

  it('tells of specs that run one by one: name, log, end', () => {
    assert.deepEqual(
      told([
        '[sig-a] first [It] works [sig-a, Conformance]',
        '• [0.5 seconds]',
        '------------------------------',
        '[sig-b] second [It] fails [sig-b]',
        '• [FAILED] [12.0 seconds]',
      ]),
      [
        '      1/2  pass       0.5 s  [sig-a] first works',
        '      2/2  FAIL      12.0 s  [sig-b] second fails',
      ],
    );
  });

  it('tells of specs that run side by side: end, then name', () => {
    assert.deepEqual(told(['• [0.5 seconds]', '[sig-a] first [It] works [sig-a]', 'log']), [
      '      1/2  pass       0.5 s  [sig-a] first works',
    ]);
  });
});

describe('the images', () => {
  it('are those of the registry that has the sandbox image', () => {
    assert.deepEqual(
      referencesOf(['r.example/x/a:1', 'other.example/x/a:2', 'r.example/pause:3']),
      [
        ['r.example/x/a:1', 'x/a'],
        ['r.example/pause:3', 'pause'],
      ],
    );
  });
});
