// Networks that a key may come from, in CIDR form: 192.0.2.0/24, 2001:db8::/32, or one address alone.
import { BlockList, isIP } from 'node:net';

const BITS = { 4: 32, 6: 128 } as const;

interface Network {
  address: string;
  prefix: number;
  family: 'ipv4' | 'ipv6';
}

/** True for what `isInside` understands. An IPv4 network is written as one, not mapped into IPv6. */
export function isNetwork(text: string): boolean {
  return parse(text) !== null;
}

/** Whether an address (as the socket has it, also IPv4 mapped into IPv6) lies in one of the networks. */
export function isInside(address: string, networks: readonly string[]): boolean {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  const plain = (mapped ?? address).split('%')[0];
  const version = isIP(plain);
  if (version === 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  for (const text of networks) {
    const network = parse(text);
    // BlockList finds an IPv4 address in ::/0 too, as a mapped one; whoever wrote ::/0 did not mean it.
    if (network?.family === family) list.addSubnet(network.address, network.prefix, family);
  }
  return list.check(plain, family);
}

function parse(text: string): Network | null {
  const [address, prefix, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes('%') || /^::ffff:.*\./i.test(address)) return null;
  const bits = BITS[version as 4 | 6];
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) return null;
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) return null;
  return { address, prefix: length, family: version === 4 ? 'ipv4' : 'ipv6' };
}
