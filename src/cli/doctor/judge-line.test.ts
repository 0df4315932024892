// What a person is told about a serial line, for every state of it that a machine can report.
import { describe, expect, it } from 'vitest';
import { describe as tell, type Check } from './check.ts';
import { judgeLine } from './judge-line.ts';
import type { LineFacts } from './line-facts.ts';

/** A board on USB that has everything right. */
const board: LineFacts = {
  path: '/dev/serial/by-id/usb-thermoloop_board-if00',
  device: '/dev/ttyACM0',
  isCharacterDevice: true,
  isPty: false,
  mode: '660',
  group: { name: 'dialout', hasUser: true },
  user: 'ada',
  isReadable: true,
  isWritable: true,
  byId: '/dev/serial/by-id/usb-thermoloop_board-if00',
  modemManager: { isRunning: false, ignoresLine: false },
  holders: [],
  hangsUpOnClose: false,
  latency_ms: null,
};
const holder = (command: string, locks = false) => ({ pid: 42, command, locks });

const named = (change: Partial<LineFacts>, name: string): Check => {
  const check = judgeLine({ ...board, ...change }).find((one) => one.name === name);
  if (check === undefined) throw new Error(`no check ${name}`);
  return check;
};

describe('the judgement of a serial line', () => {
  it('finds nothing wrong with a board that has everything right', () => {
    expect(judgeLine(board).map(({ name, result }) => [name, result])).toEqual([
      ['path', 'ok'],
      ['stable-name', 'ok'],
      ['permissions', 'ok'],
      ['modem-manager', 'ok'],
      ['holders', 'ok'],
      ['hang-up', 'ok'],
      ['low-latency', 'skipped'],
    ]);
  });

  it.each<[string, Partial<LineFacts>, string, string, RegExp]>([
    ['no such path', { device: null }, 'path', 'failure', /cable/],
    ['a plain file', { isCharacterDevice: false }, 'path', 'failure', /device file/],
    ['a number for a name', { path: '/dev/ttyACM0' }, 'stable-name', 'warning', /by-id\/usb-thermoloop/],
    ['no stable name', { path: '/dev/ttyACM0', byId: null }, 'stable-name', 'warning', /udev rule/],
    [
      'the wrong group',
      { group: { name: 'dialout', hasUser: false }, isReadable: false, isWritable: false },
      'permissions',
      'failure',
      /usermod -aG dialout ada/,
    ],
    ['a group that may not write', { isWritable: false }, 'permissions', 'failure', /60-thermoloop\.rules/],
    ['the pty of somebody else', { isPty: true, isReadable: false }, 'permissions', 'failure', /that user/],
    [
      'an eager ModemManager',
      { modemManager: { isRunning: true, ignoresLine: false } },
      'modem-manager',
      'warning',
      /60-thermoloop\.rules/,
    ],
    ['a holder with the lock', { holders: [holder('minicom', true)] }, 'holders', 'failure', /kill 42/],
    ['a holder without it', { holders: [holder('cat /dev/ttyACM0')] }, 'holders', 'warning', /kill 42/],
    ['DTR dropped on close', { hangsUpOnClose: true }, 'hang-up', 'warning', /-hupcl/],
    ['a slow bridge', { latency_ms: 16 }, 'low-latency', 'warning', /lowLatency=1/],
  ])('%s', (_what, change, name, result, remedy) => {
    const check = named(change, name);
    expect(check.result).toBe(result);
    expect(check.remedy).toMatch(remedy);
  });

  it('stops at a path that leads nowhere', () => {
    expect(judgeLine({ ...board, device: null })).toHaveLength(1);
  });

  it('is content with a ModemManager that heeds the rule, and with what serves a pty', () => {
    expect(named({ modemManager: { isRunning: true, ignoresLine: true } }, 'modem-manager').result).toBe(
      'ok',
    );
    for (const command of [
      'node bin/thermoloop.js twin --pty /tmp/x',
      'socat pty,raw,echo=0 tcp:127.0.0.1:1',
    ])
      expect(named({ isPty: true, holders: [holder(command)] }, 'holders').result).toBe('ok');
  });

  it('says what it cannot know', () => {
    const unknown = judgeLine({ ...board, modemManager: null, hangsUpOnClose: null });
    expect(unknown.filter(({ result }) => result === 'skipped').map(({ name }) => name)).toEqual([
      'modem-manager',
      'hang-up',
      'low-latency',
    ]);
  });

  it('tells failures with their remedies and a verdict', () => {
    const checks = judgeLine({ ...board, holders: [holder('minicom', true)], hangsUpOnClose: true });
    const told = tell({ url: 'serial:///dev/ttyACM0', ok: false, checks });
    expect(told).toMatch(/failure +holders +locked by process 42 \(minicom\)\n +Stop it first: kill 42/);
    expect(told).toMatch(/does not work: 1 of 7 checks failed, 1 warning\./);
  });
});
