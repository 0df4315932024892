// `thermoloop keys`: who may use a running service, and how.
import { InvalidArgumentError, type Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import type { KeyRequest } from '../client/index.ts';
import { remote, withService, type ConnectionFlags } from './remote/connection.ts';
import { clockTime, columns, facts } from './remote/text.ts';

const examples = `
  thermoloop keys create me --role operator -o me.key --key "$BOOTSTRAP_KEY"       the first key of a service
  thermoloop keys create ci --role ci --expires-in 30d --energy-per-day 5000
  export THERMOLOOP_KEY=$(thermoloop keys create lab --role researcher)
  thermoloop keys list
  thermoloop keys revoke 01JD...`;

const DAY_MS = 86_400_000;
const units: Record<string, number> = { h: DAY_MS / 24, d: DAY_MS, w: 7 * DAY_MS };

interface CreateFlags extends ConnectionFlags {
  role: string;
  scope?: string[];
  device?: string[];
  expiresIn?: number;
  energyPerDay?: number;
  output?: string;
}

/** Registers the subcommand. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('Make, list and revoke keys of a running service.');
  remote(
    keys
      .command('create <name>')
      .description(
        'Make a key. It is printed once, alone on standard output, or written to a file with mode 0600.',
      ),
    examples,
  )
    .requiredOption('--role <name>', 'viewer, researcher, operator, ci or admin')
    .option('--scope <name>', 'only these of the role, as often as wanted', collect)
    .option('--device <id>', 'a chip that a ci key may use, as often as wanted', collect)
    .option('--expires-in <time>', 'such as 12h, 30d or 4w', duration_ms)
    .option('--energy-per-day <joules>', 'that its jobs may use in a UTC day', joules)
    .option('-o, --output <file>', 'write the key there')
    .action(create);
  remote(
    keys.command('list', { isDefault: true }).description('List the keys, without secrets.'),
    examples,
  ).action(list);
  remote(
    keys.command('revoke <id>').description('Revoke a key at once; its open sockets are closed.'),
    examples,
  ).action(revoke);
}

function create(name: string, flags: CreateFlags): Promise<void> {
  return withService(flags, async ({ client, progress, print }) => {
    const { role, scope, device, expiresIn, energyPerDay, output } = flags;
    const made = await client.createKey({
      name,
      role: role as KeyRequest['role'],
      scopes: scope as KeyRequest['scopes'],
      devices: device,
      limits: energyPerDay === undefined ? undefined : { energyPerDay_J: energyPerDay },
      expiresAt: expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn).toISOString(),
    });
    const until =
      made.expiresAt === null ? 'it does not expire' : `it expires at ${clockTime(made.expiresAt)}`;
    if (output === undefined) {
      progress.note(`key ${made.id}, ${made.role}, ${until}; it is shown this once`);
      return print(made, () => made.key);
    }
    await writeFile(output, `${made.key}\n`, { mode: 0o600, flag: 'wx' });
    print({ ...made, key: null, file: output }, () =>
      facts([
        ['key', `${made.id} (${made.role}), ${until}`],
        ['file', `${output}: use it with --key-file or THERMOLOOP_KEY_FILE`],
      ]),
    );
  });
}

function list(flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const items = [];
    for await (const key of client.all('/v1/keys')) items.push(key);
    const rows = items.map((key) => [
      key.id,
      key.name,
      key.role,
      clockTime(key.createdAt),
      key.revokedAt !== null
        ? 'revoked'
        : key.expiresAt === null
          ? 'never expires'
          : `until ${clockTime(key.expiresAt)}`,
      key.lastUsedAt === null ? 'never used' : `used ${clockTime(key.lastUsedAt)}`,
    ]);
    print({ items }, () => columns(['key', 'name', 'role', 'created', 'valid', ''], rows));
  });
}

function revoke(id: string, flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    await client.delete('/v1/keys/{id}', { params: { path: { id } } });
    print({ id, revoked: true }, () => `${id} is revoked`);
  });
}

const collect = (text: string, before: string[] = []): string[] => [...before, text];

function duration_ms(text: string): number {
  const [, count, unit] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  if (unit === undefined) throw new InvalidArgumentError('a number with h, d or w, such as 30d.');
  return Number(count) * units[unit];
}

function joules(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('a number of joules.');
  return value;
}
