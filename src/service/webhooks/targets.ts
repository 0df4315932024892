// Where webhooks may go: public addresses over https, and what the operator allows by name or network. Names are resolved here,
// and whoever connects takes the address from here, so that a name cannot change its answer in between.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { isInside, isNetwork } from '../auth/networks.ts';
import { ProblemError } from '../problems/problem.ts';

const URL_CHARACTERS_MAX = 2000;

/** Special ranges of IPv4 (IANA), multicast and reserved among them. */
const SPECIAL_4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
];
/** Of IPv6 only global unicast is public, without what embeds IPv4 addresses or is for documents. */
const GLOBAL_6 = '2000::/3';
const SPECIAL_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special = listOf([...SPECIAL_4, ...SPECIAL_6]);
const global6 = listOf([GLOBAL_6]);

export interface Target {
  url: URL;
  /** Without brackets. */
  host: string;
  /** To connect to; of several the first. */
  address: string;
}

export interface TargetOptions {
  /** Host names, addresses and networks in CIDR form. */
  allow?: readonly string[];
  resolve?: (host: string) => Promise<string[]>;
}

const HOST_CHARACTERS_MAX = 253;
const LABEL = /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/i;

/** Whether an entry of `allow` can mean anything: a host name, an address, or a network in CIDR form. */
export function isAllowEntry(entry: string): boolean {
  if (isNetwork(entry)) return true;
  const labels = entry.split('.');
  // What ends in digits alone is an address, and none that is one.
  const isName = labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
  return isName && entry.length <= HOST_CHARACTERS_MAX;
}

export class WebhookTargets {
  readonly #hosts: ReadonlySet<string>;
  readonly #networks: readonly string[];
  readonly #resolve: (host: string) => Promise<string[]>;
  constructor({ allow = [], resolve = resolveName }: TargetOptions = {}) {
    this.#networks = allow.filter(isNetwork);
    this.#hosts = new Set(allow.filter((entry) => !isNetwork(entry)).map((entry) => entry.toLowerCase()));
    this.#resolve = resolve;
  }

  /**
   * Looks where a URL leads now. Every address of the name has to be allowed.
   * @throws {ProblemError} webhook-target-refused; other errors when the name cannot be resolved
   */
  async reach(text: string): Promise<Target> {
    const url = parse(text);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(host) === 0 ? await this.#resolve(host) : [host];
    if (addresses.length === 0) throw new Error(`${host} has no address`);
    const named =
      this.#hosts.has(host.toLowerCase()) || addresses.every((one) => isInside(one, this.#networks));
    if (!named && url.protocol !== 'https:') throw refused('It is not https.');
    const bad = named ? undefined : addresses.find((one) => !isPublic(one));
    if (bad !== undefined) throw refused(`${host} is at ${bad}, which is not a public address.`);
    return { url, host, address: addresses[0] };
  }
}

function parse(text: string): URL {
  const url = text.length <= URL_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw refused('It is not an http(s) URL.');
  if (url.username !== '' || url.password !== '') throw refused('It holds a user name or a password.');
  return url;
}

/** Whether an address is one of the public internet. */
export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special.check(address, 'ipv4');
  return version === 6 && global6.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

const refused = (detail: string): ProblemError => new ProblemError('webhook-target-refused', detail);
