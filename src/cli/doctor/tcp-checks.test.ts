// How far an address reaches, and who talks to it: the kernel's table read as it is printed.
import { describe, expect, it } from 'vitest';
import { connectionsTo, isNear, judgePeers } from './tcp-checks.ts';

describe('an address', () => {
  it.each(['127.0.0.1', '10.1.2.3', '172.31.0.9', '192.168.1.1', '::1', 'fd00::1', 'fe80::1'])(
    '%s is near',
    (a) => {
      expect(isNear(a)).toBe(true);
    },
  );
  it.each(['8.8.8.8', '172.32.0.1', '2001:db8::1'])('%s is far', (a) => {
    expect(isNear(a)).toBe(false);
  });
});

describe('the table of connections', () => {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const row = (remote: string, state: string, inode: number): string =>
    `   1: 0100007F:9726 ${remote} ${state} 00000000:00000000 03:0000004A 00000000     0        0 ${inode} 3 0`;

  it('finds established connections to the address and the port, and no others', () => {
    const table = [
      head,
      row('0100007F:1E14', '01', 11), // 127.0.0.1:7700
      row('0100007F:1E14', '06', 12), // ended
      row('0100007F:1E15', '01', 13), // another port
      row('0200007F:1E14', '01', 14), // another address
    ].join('\n');
    expect(connectionsTo(table, ['127.0.0.1'], 7700)).toEqual(['socket:[11]']);
  });

  it('reads IPv6 and IPv4 inside it', () => {
    const table = [
      head,
      row('00000000000000000000000001000000:1E14', '01', 21), // ::1
      row('0000000000000000FFFF00000100007F:1E14', '01', 22), // ::ffff:127.0.0.1
      row('B80D0120000000000000000001000000:1E14', '01', 23), // 2001:db8::1
    ].join('\n');
    expect(connectionsTo(table, ['::1'], 7700)).toEqual(['socket:[21]']);
    expect(connectionsTo(table, ['127.0.0.1'], 7700)).toEqual(['socket:[22]']);
    expect(connectionsTo(table, ['2001:db8::1'], 7700)).toEqual(['socket:[23]']);
  });

  it('keeps off a device that somebody uses', () => {
    expect(judgePeers([])).toMatchObject({ result: 'ok' });
    expect(judgePeers([{ pid: 7, command: 'thermoloop serve' }])).toMatchObject({
      result: 'failure',
      remedy: expect.stringContaining('--take-over') as string,
    });
  });
});
