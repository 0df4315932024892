// What the operating system knows of a serial line, read from /proc, /sys, /run/udev and stty; nothing is changed. Anything
// that cannot be read here (another system, no permission) is null, and the judgement says so.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

export interface Holder {
  pid: number;
  /** Words of the command line, joined by spaces. */
  command: string;
  /** It has the advisory lock, so that an open of ours fails. */
  locks: boolean;
}

export interface LineFacts {
  path: string;
  /** Where the path leads; null: nowhere. */
  device: string | null;
  isCharacterDevice: boolean;
  isPty: boolean;
  /** Octal digits, such as 660. */
  mode: string;
  group: { name: string; hasUser: boolean } | null;
  user: string;
  isReadable: boolean;
  isWritable: boolean;
  /** A /dev/serial/by-id name of the device, if it has one. */
  byId: string | null;
  modemManager: { isRunning: boolean; ignoresLine: boolean } | null;
  holders: Holder[];
  /** Whether the last close drops DTR. */
  hangsUpOnClose: boolean | null;
  /** Latency timer of a USB-serial bridge; null: it has none. */
  latency_ms: number | null;
}

const BY_ID_FOLDER = '/dev/serial/by-id';
const STTY_TIMEOUT_MS = 2_000;
/** Device numbers as the kernel packs them for stat(2). */
const major = (device: number): number => (device >> 8) & 0xfff;
const minor = (device: number): number => (device & 0xff) | ((device >> 12) & 0xfff00);

export async function lineFacts(path: string): Promise<LineFacts> {
  const device = await realpath(path).catch(() => null);
  const found = device === null ? null : await stat(device).catch(() => null);
  const user = userInfo();
  const facts: LineFacts = {
    path,
    device: found === null ? null : device,
    isCharacterDevice: found?.isCharacterDevice() ?? false,
    isPty: device?.startsWith('/dev/pts/') ?? false,
    mode: ((found?.mode ?? 0) & 0o777).toString(8),
    group: null,
    user: user.username,
    isReadable: await may(path, constants.R_OK),
    isWritable: await may(path, constants.W_OK),
    byId: null,
    modemManager: null,
    holders: [],
    hangsUpOnClose: null,
    latency_ms: null,
  };
  if (found === null || device === null || !facts.isCharacterDevice) return facts;
  return {
    ...facts,
    group: await groupFacts(found.gid, user),
    byId: await byIdName(device),
    modemManager: await modemManagerFacts(found.rdev),
    holders: await holdersOf(device, found.dev, found.ino),
    hangsUpOnClose: facts.isReadable ? await hangsUpOnClose(device) : null,
    latency_ms: await latencyTimer_ms(device),
  };
}

const text = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null);
const may = (path: string, how: number): Promise<boolean> =>
  access(path, how).then(
    () => true,
    () => false,
  );

async function groupFacts(gid: number, user: { uid: number; username: string }): Promise<LineFacts['group']> {
  for (const line of ((await text('/etc/group')) ?? '').split('\n')) {
    const [name, , id, members = ''] = line.split(':');
    if (id !== String(gid)) continue;
    const groups = process.getgroups?.() ?? [];
    return { name, hasUser: groups.includes(gid) || members.split(',').includes(user.username) };
  }
  return null;
}

async function byIdName(device: string): Promise<string | null> {
  for (const name of await readdir(BY_ID_FOLDER).catch(() => [])) {
    const link = join(BY_ID_FOLDER, name);
    if ((await realpath(link).catch(() => null)) === device) return link;
  }
  return null;
}

/** ModemManager heeds ID_MM_DEVICE_IGNORE of the device, which udev keeps by device number. */
async function modemManagerFacts(rdev: number): Promise<LineFacts['modemManager']> {
  const pids = await processIds();
  if (pids.length === 0) return null;
  const names = await Promise.all(pids.map((pid) => text(`/proc/${pid}/comm`)));
  const properties = (await text(`/run/udev/data/c${major(rdev)}:${minor(rdev)}`)) ?? '';
  return {
    isRunning: names.some((name) => name?.trim() === 'ModemManager'),
    ignoresLine: /^E:ID_MM_(DEVICE|PORT|TTY)_IGNORE=1$/m.test(properties),
  };
}

export async function processIds(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Where the descriptors of a process lead; empty where we may not look. */
export async function openFiles(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  const targets = await Promise.all(descriptors.map((fd) => readlink(join(folder, fd)).catch(() => null)));
  return targets.filter((target) => target !== null);
}

export async function commandOf(pid: number): Promise<string> {
  const words = ((await text(`/proc/${pid}/cmdline`)) ?? '').split('\0').filter((word) => word !== '');
  return words.join(' ') || 'unknown';
}

/** Other processes that have the device open, with who holds its lock (/proc/locks: pid and major:minor:inode). */
async function holdersOf(device: string, dev: number, inode: number): Promise<Holder[]> {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  const file = `${hex(major(dev))}:${hex(minor(dev))}:${inode}`;
  const lockers = new Set<number>();
  for (const line of ((await text('/proc/locks')) ?? '').split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[5] === file) lockers.add(Number(words[4]));
  }
  const holders: Holder[] = [];
  for (const pid of await processIds()) {
    if (pid === process.pid || !(await openFiles(pid)).includes(device)) continue;
    holders.push({ pid, command: await commandOf(pid), locks: lockers.has(pid) });
  }
  return holders;
}

async function hangsUpOnClose(device: string): Promise<boolean | null> {
  try {
    const { stdout } = await promisify(execFile)('stty', ['-F', device, '-a'], { timeout: STTY_TIMEOUT_MS });
    return /(^|\s)hupcl\b/m.test(stdout);
  } catch {
    return null; // no stty, or the line is locked
  }
}

async function latencyTimer_ms(device: string): Promise<number | null> {
  const value = await text(`/sys/bus/usb-serial/devices/${basename(device)}/latency_timer`);
  return value === null ? null : Number(value);
}
