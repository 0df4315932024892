// What can be known of a TCP address before a word is said: how far it reaches, and which other programs of this machine
// talk to it already. A hello of ours would end their session.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { BlockList, isIPv6 } from 'node:net';
import { failure, ok, warning, type Check } from './check.ts';
import { commandOf, openFiles, processIds } from './line-facts.ts';

const ESTABLISHED = '01';

const near = new BlockList();
near.addSubnet('127.0.0.0', 8, 'ipv4');
near.addSubnet('10.0.0.0', 8, 'ipv4');
near.addSubnet('172.16.0.0', 12, 'ipv4');
near.addSubnet('192.168.0.0', 16, 'ipv4');
near.addSubnet('169.254.0.0', 16, 'ipv4');
near.addAddress('::1', 'ipv6');
near.addSubnet('fc00::', 7, 'ipv6');
near.addSubnet('fe80::', 10, 'ipv6');

/** Loopback, private and link-local addresses. */
export function isNear(address: string): boolean {
  return near.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export interface TcpPeer {
  pid: number;
  command: string;
}

export async function tcpChecks(host: string, port: number): Promise<Check[]> {
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.length === 0) {
    const remedy = 'Check the spelling, or use an address.';
    return [failure('host', `the name ${host} leads to no address`, remedy)];
  }
  const far = addresses.find(({ address }) => !isNear(address));
  const where = addresses.map(({ address }) => address).join(', ');
  const reach =
    far === undefined
      ? ok('host', `${host} is ${where}: this machine or a private network`)
      : warning(
          'host',
          `${host} is ${where}, a public address, and the wire has no authentication`,
          'Keep the device on this machine or in a private network, or go through a tunnel (ssh -L).',
        );
  const peers = await peersOf(
    addresses.map(({ address }) => address),
    port,
  );
  return [reach, judgePeers(peers)];
}

/** Pure. */
export function judgePeers(peers: readonly TcpPeer[]): Check {
  if (peers.length === 0) return ok('other-hosts', 'no other program of this machine talks to it');
  const names = peers.map(({ pid, command }) => `${pid} (${command})`).join(', ');
  const message = `process ${names} talks to it; a hello would end its session, so none was sent`;
  return failure('other-hosts', message, 'Stop that program first, or add --take-over and accept the loss.');
}

/** Other processes of this machine with a connection to one of the addresses. */
async function peersOf(addresses: string[], port: number): Promise<TcpPeer[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const inodes = new Set(tables.flatMap((table) => connectionsTo(table, addresses, port)));
  if (inodes.size === 0) return [];
  const peers: TcpPeer[] = [];
  for (const pid of await processIds()) {
    if (pid === process.pid) continue;
    const files = await openFiles(pid);
    if (files.some((file) => inodes.has(file))) peers.push({ pid, command: await commandOf(pid) });
  }
  return peers;
}

/** `socket:[inode]` of every established connection of a /proc/net/tcp table whose far end is one of the addresses. */
export function connectionsTo(table: string, addresses: readonly string[], port: number): string[] {
  const wanted = new Set(addresses.map((address) => `${hexAddress(address)}:${hexPort(port)}`));
  const sockets: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    const words = line.trim().split(/\s+/);
    const [, , remote, state] = words;
    if (state !== ESTABLISHED || remote === undefined) continue;
    const plain = remote.replace(/^0000000000000000FFFF0000/, ''); // an IPv4 address in the table of IPv6
    if (wanted.has(plain)) sockets.push(`socket:[${words[9]}]`);
  }
  return sockets;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** As the kernel prints it: words of four bytes, each in the order of this (little-endian) machine. */
function hexAddress(address: string): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : address.split('.').map(Number);
  let hex = '';
  for (let at = 0; at < bytes.length; at += 4) {
    for (const byte of bytes.slice(at, at + 4).reverse()) hex += byte.toString(16).padStart(2, '0');
  }
  return hex.toUpperCase();
}

function ipv6Bytes(address: string): number[] {
  const [head, tail = null] = address.split('%')[0].split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const first = groups(head);
  const last = tail === null ? [] : groups(tail);
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]);
}
