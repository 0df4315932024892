// What the subcommands that talk to a running service have in common: where it is, with which key, and how they end.
import { Option, type Command } from 'commander';
import { readFileSync, statSync } from 'node:fs';
import { ClientError, ThermoloopClient } from '../../client/index.ts';
import { createProgress, type Progress } from '../progress.ts';

export const URL_DEFAULT = 'http://127.0.0.1:8080';

/** Exit codes of these subcommands. */
export const Exit = {
  /** The service refused. */
  refused: 1,
  /** Wrong use: an option, no key, a file that cannot be read. */
  wrongUse: 2,
  /** Nobody answers at the address. */
  unreachable: 4,
  /** A job or a calibration ended otherwise than well. */
  notSucceeded: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export const CONNECTION_HELP = `
The service and the key:
  --url, or THERMOLOOP_URL                      ${URL_DEFAULT} where nothing is said
  --key, or THERMOLOOP_KEY                      tlk_...; what stands on a command line can be seen by others
  --key-file, or THERMOLOOP_KEY_FILE            a file that only you can read (chmod 600)

Exits with 0 when done, 1 when the service refuses, 2 on wrong use, 4 when nobody answers, 5 when a job or a calibration
ended otherwise than well, 130 on Ctrl-C. With --json, standard output is one JSON document, also for errors.`;

export interface ConnectionFlags {
  url: string;
  key?: string;
  keyFile?: string;
  json?: boolean;
}

/** A mistake of whoever called. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'wrong-use';
  readonly remedy: string;
  readonly exitCode: number = Exit.wrongUse;
  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** Adds the options of this file, and examples to the help. */
export function remote(command: Command, examples: string): Command {
  return command
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : Exit.wrongUse))
    .addOption(new Option('--url <url>', 'where the service is').env('THERMOLOOP_URL').default(URL_DEFAULT))
    .addOption(new Option('--key <key>', 'tlk_...').env('THERMOLOOP_KEY'))
    .addOption(new Option('--key-file <file>', 'a file with the key').env('THERMOLOOP_KEY_FILE'))
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.replace(/^\n|\n$/g, '')}\n${CONNECTION_HELP}`);
}

/** What a subcommand works with. */
export interface Remote {
  client: ThermoloopClient;
  progress: Progress;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Prints the answer: JSON with --json, else the text. */
  print: (answer: unknown, text: () => string) => void;
}

/** Runs a subcommand: progress is closed, errors get their exit codes, and JSON when it is asked for. */
export async function withService(
  flags: ConnectionFlags,
  work: (remote: Remote) => Promise<void>,
): Promise<void> {
  const { json = false } = flags;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Interrupted());
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress({ silent: json });
  try {
    const client = new ThermoloopClient({
      baseUrl: addressOf(flags.url),
      key: keyOf(flags),
      // Somebody sits in front of it: one more attempt, and then say what is wrong.
      retry: { attempts: 3 },
      onRetry: ({ message }, pause_s) => progress.note(`${message}; again in ${pause_s.toFixed(1)} s`),
    });
    const print: Remote['print'] = (answer, text) => {
      progress.close();
      process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${text()}\n`);
    };
    await work({ client, progress, signal: stop.signal, print });
  } catch (error) {
    progress.close();
    throw ending(error, json);
  } finally {
    progress.close();
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
  }
}

/** Ctrl-C; `message` says what became of the work. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = 'interrupted';
  readonly remedy: string;
  readonly exitCode: number = Exit.interrupted;
  constructor(message = 'interrupted', remedy = '') {
    super(message);
    this.remedy = remedy;
  }
}

/** The error with its exit code, told as JSON too when that was asked for. */
function ending(error: unknown, json: boolean): unknown {
  const { code, message, remedy, retryable } = error as Partial<ClientError>;
  if (json && code !== undefined)
    process.stdout.write(`${JSON.stringify({ error: { code, message, remedy, retryable } })}\n`);
  if (!(error instanceof ClientError)) return error;
  const exitCode =
    error.code === 'unreachable' ? Exit.unreachable : isEnding(error) ? Exit.notSucceeded : Exit.refused;
  return Object.assign(error, { exitCode });
}

/** A job or a calibration that did not succeed: the error of `succeeded`, which has no answer behind it. */
const isEnding = (error: ClientError): boolean => error.status === null && !ownCodes.has(error.code);
const ownCodes = new Set(['damaged-download', 'secret-lost', 'wait-timeout']);

function addressOf(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text;
  throw new UsageError(
    `"${text}" is no address of a service`,
    `Such as ${URL_DEFAULT}, by --url or THERMOLOOP_URL.`,
  );
}

/** @throws {UsageError} */
function keyOf({ key, keyFile }: ConnectionFlags): string {
  // A variable that is empty is not set.
  const found = key || (keyFile ? readKey(keyFile) : null);
  if (found === null)
    throw new UsageError(
      'no key is given',
      'Set THERMOLOOP_KEY, or THERMOLOOP_KEY_FILE to a file with the key; an administrator makes one with "thermoloop keys create".',
    );
  if (/^tlk_[\w-]+$/.test(found)) return found;
  throw new UsageError('the key is not a key', 'Keys look like tlk_<id>_<secret>, without spaces or quotes.');
}

function readKey(file: string): string {
  try {
    const others = statSync(file).mode & 0o077;
    if (others !== 0)
      throw new UsageError(
        `${file} can be read by others (mode ${(statSync(file).mode & 0o777).toString(8)})`,
        `chmod 600 ${file}`,
      );
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `the key file cannot be read: ${(error as Error).message}`,
      'Name another one with --key-file.',
    );
  }
}
