// The whole examination of one address: what the machine knows of it first, then, if nothing speaks against it, a session.
import { openPort, parsePortUrl, TransportError, type PortAddress } from '../../transports/index.ts';
import { failure, ok, warning, type Check, type Examination } from './check.ts';
import { judgeLine } from './judge-line.ts';
import { lineFacts } from './line-facts.ts';
import { linkChecks, type LoadPolicy } from './link-checks.ts';
import { tcpChecks } from './tcp-checks.ts';

export interface ExamineOptions {
  hostVersion: string;
  pings: number;
  load: LoadPolicy;
  /** Say hello although another program talks to the device. */
  takeOver: boolean;
}

export async function examine(url: string, options: ExamineOptions): Promise<Examination> {
  const checks: Check[] = [];
  const address = readAddress(url, checks);
  if (address !== null) {
    checks.push(...(await addressChecks(address)));
    const stopping = checks.filter(
      ({ name, result }) => result === 'failure' && !(name === 'other-hosts' && options.takeOver),
    );
    if (stopping.length === 0)
      checks.push(...(await linkChecks({ ...options, openPort: () => openPort(url) })));
  }
  const isTaken = ({ name }: Check): boolean => name === 'other-hosts' && options.takeOver;
  return { url, ok: checks.every((check) => check.result !== 'failure' || isTaken(check)), checks };
}

function readAddress(url: string, checks: Check[]): PortAddress | null {
  try {
    const address = parsePortUrl(url);
    checks.push(ok('address', `${'inner' in address ? address.inner.kind : address.kind} address`));
    return address;
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    checks.push(failure('address', error.message, error.remedy, { code: error.code }));
    return null;
  }
}

async function addressChecks(address: PortAddress): Promise<Check[]> {
  switch (address.kind) {
    case 'serial':
      return judgeLine(await lineFacts(address.path));
    case 'tcp':
      return tcpChecks(address.host, address.port);
    case 'chaos': {
      const message = 'faults are planted into this line on purpose; what follows is measured through them';
      const planted = warning('planted-faults', message, 'Take chaos+ and faults= out of the address.');
      return [planted, ...(await addressChecks(address.inner))];
    }
    case 'record':
      return addressChecks(address.inner);
    case 'replay': {
      const message = 'a recording is no line: nothing answers that could be examined';
      return [
        failure('replay', message, 'Name the line itself; thermoloop capture info shows the recording.'),
      ];
    }
  }
}
