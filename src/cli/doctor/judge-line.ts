// From what the operating system knows of a serial line to what a person should do about it. Pure.
import { failure, ok, skipped, warning, type Check } from './check.ts';
import type { Holder, LineFacts } from './line-facts.ts';

/** Above it a request and its reply wait for the bridge, not for the device. */
const LATENCY_OK_MS = 2;
const UDEV_RULE =
  'Install packaging/udev/60-thermoloop.rules in /etc/udev/rules.d, then run: udevadm control --reload && udevadm trigger';

/** The checks of a line, in the order in which they should be read; those that make no sense are left out. */
export function judgeLine(facts: LineFacts): Check[] {
  const path = judgePath(facts);
  if (path.result === 'failure') return [path];
  return [
    path,
    judgeName(facts),
    judgePermissions(facts),
    judgeModemManager(facts),
    judgeHolders(facts),
    judgeHangUp(facts),
    judgeLatency(facts),
  ];
}

function judgePath({ path, device, isCharacterDevice, isPty }: LineFacts): Check {
  if (device === null) {
    const remedy =
      'Check the cable and the spelling; ls -l /dev/serial/by-id lists what is plugged in. For a twin: thermoloop twin --pty PATH.';
    return failure('path', `${path} does not exist`, remedy);
  }
  if (!isCharacterDevice) {
    const remedy = 'Name the device file of the line, such as /dev/serial/by-id/usb-...';
    return failure('path', `${path} is no device`, remedy);
  }
  const where = path === device ? path : `${path} leads to ${device}`;
  return ok('path', isPty ? `${where}, a pty` : where, { device, isPty });
}

function judgeName({ path, device, byId, isPty }: LineFacts): Check {
  if (isPty) return skipped('stable-name', 'a pty has no by-id name');
  if (path !== device) return ok('stable-name', `${path} stays the same when the number changes`);
  if (byId === null) {
    const message = `${path} may get another number when it is plugged in again, and udev knows no other name for it`;
    return warning(
      'stable-name',
      message,
      'Give it one by a udev rule; packaging/udev/60-thermoloop.rules shows how.',
    );
  }
  const message = `${path} may get another number when it is plugged in again`;
  return warning('stable-name', message, `Use ${byId}`, { byId });
}

function judgePermissions(facts: LineFacts): Check {
  const { device, mode, group, user, isReadable, isWritable, isPty } = facts;
  const owner = `mode ${mode}${group === null ? '' : `, group ${group.name}`}`;
  if (isReadable && isWritable) return ok('permissions', `${user} may read and write it (${owner})`);
  const message = `${user} may not ${isReadable ? 'write' : 'read and write'} ${device} (${owner})`;
  if (isPty)
    return failure('permissions', message, 'A pty belongs to whoever made it: run this as that user.');
  const joining =
    group === null || group.name === 'root'
      ? UDEV_RULE
      : group.hasUser
        ? `Its group may not either: ${UDEV_RULE}`
        : `Run: sudo usermod -aG ${group.name} ${user}, and log in again.`;
  return failure('permissions', message, joining);
}

function judgeModemManager({ modemManager, isPty }: LineFacts): Check {
  if (isPty) return skipped('modem-manager', 'ModemManager does not look at ptys');
  if (modemManager === null) return skipped('modem-manager', 'processes cannot be listed here');
  if (!modemManager.isRunning) return ok('modem-manager', 'ModemManager does not run');
  if (modemManager.ignoresLine)
    return ok('modem-manager', 'ModemManager runs and is told to ignore this line');
  const message =
    'ModemManager runs and may open this line and send AT commands for half a minute after it is plugged in';
  return warning('modem-manager', message, UDEV_RULE);
}

/** A twin and its socat keep the pty that they serve open, and do not read this side of it. */
const servesPty = ({ command }: Holder): boolean =>
  /\btwin\b.*--pty/.test(command) || /^(\S*\/)?socat\b.*\bpty\b/.test(command);

function judgeHolders({ holders }: LineFacts): Check {
  const names = (some: Holder[]): string => some.map(({ pid, command }) => `${pid} (${command})`).join(', ');
  const locking = holders.filter(({ locks }) => locks);
  if (locking.length > 0) {
    const message = `locked by process ${names(locking)}`;
    return failure('holders', message, `Stop it first: kill ${locking.map(({ pid }) => pid).join(' ')}`);
  }
  const others = holders.filter((holder) => !servesPty(holder));
  if (others.length > 0) {
    const message = `also open in process ${names(others)}, which may take bytes away`;
    return warning(
      'holders',
      message,
      `If it reads the line, stop it: kill ${others.map(({ pid }) => pid).join(' ')}`,
    );
  }
  if (holders.length > 0) return ok('holders', `only what serves this pty: ${names(holders)}`);
  return ok('holders', 'no other process of this user has it open, as far as can be seen');
}

function judgeHangUp({ hangsUpOnClose, isPty, device }: LineFacts): Check {
  if (isPty) return skipped('hang-up', 'a pty has no DTR');
  if (hangsUpOnClose === null) return skipped('hang-up', 'the settings of the line cannot be read (stty)');
  if (!hangsUpOnClose) return ok('hang-up', 'DTR stays as it is when the line is closed');
  const message = 'HUPCL is set: closing the line drops DTR, on which some boards reset';
  return warning('hang-up', message, `Run: stty -F ${device} -hupcl (the udev rule does it at every plug)`);
}

function judgeLatency({ latency_ms }: LineFacts): Check {
  if (latency_ms === null) return skipped('low-latency', 'no USB-serial bridge with a latency timer');
  if (latency_ms <= LATENCY_OK_MS)
    return ok('low-latency', `the bridge waits ${latency_ms} ms`, { latency_ms });
  const message = `the bridge holds received bytes back for ${latency_ms} ms`;
  return warning('low-latency', message, 'Add lowLatency=1 to the URL, or use the udev rule.', {
    latency_ms,
  });
}
