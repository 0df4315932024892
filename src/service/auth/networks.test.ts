import { describe, expect, it } from 'vitest';
import { isInside, isNetwork } from './networks.ts';

describe('networks of a key', () => {
  it.each(['10.0.0.0/8', '192.0.2.7', '0.0.0.0/0', '2001:db8::/32', '::1', '::/0', '192.0.2.7/32'])(
    '%s is one',
    (text) => expect(isNetwork(text)).toBe(true),
  );

  it.each([
    '',
    '/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '010.0.0.1',
    '10.0.0.0/8 ',
    '::/129',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/104',
    'localhost',
    '１０.0.0.0/8',
    '10.0.0.0/1e1',
  ])('"%s" is none', (text) => expect(isNetwork(text)).toBe(false));

  it.each([
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['11.1.2.3', ['10.0.0.0/8', '11.1.2.3'], true],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['10.1.2.3', ['::/0'], false],
    ['::1', ['0.0.0.0/0'], false],
    ['2001:db8:1::9', ['2001:db8::/32'], true],
    ['fe80::1%eth0', ['fe80::/10'], true],
    ['2001:db9::', ['2001:db8::/32'], false],
    ['10.1.2.3', [], false],
    ['nonsense', ['0.0.0.0/0'], false],
    ['', ['0.0.0.0/0'], false],
  ])('%s in %j: %s', (address, networks, inside) => {
    expect(isInside(address, networks)).toBe(inside);
  });
});
