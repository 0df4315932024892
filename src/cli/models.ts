// `thermoloop models` and `thermoloop program`: parameters up, listed, and down again.
import { Option, type Command } from 'commander';
import { readFile, writeFile } from 'node:fs/promises';
import type { ThermoloopClient } from '../client/index.ts';
import { number } from './fault/words.ts';
import { remote, UsageError, withService, type ConnectionFlags } from './remote/connection.ts';
import { clockTime, columns } from './remote/text.ts';

/** Content types of POST /v1/models by the ending of a file; the longest ending decides. */
const types: Record<string, string> = {
  '.npz': 'application/x-npz',
  '.json': 'application/json',
  '.safetensors': 'application/x-safetensors',
  '.bqm.json': 'application/x-bqm+json',
  '.linear.npz': 'application/x-linear-system+npz',
};

const examples = `
  thermoloop program digits.npz                         prints its digest, which jobs name
  thermoloop program maxcut.bqm.json                    a binary quadratic model, as dimod writes it
  thermoloop program system.npz --type application/x-linear-system+npz
  thermoloop models list
  thermoloop models get sha256:9f... -o digits.npz

Endings: ${Object.entries(types)
  .map(([ending, type]) => `${ending} is ${type}`)
  .join(', ')}.`;

/** Registers the subcommands. */
export function registerModels(program: Command): void {
  remote(
    program
      .command('program <file>')
      .description('Upload a model; the same parameters have the same digest.'),
    examples,
  )
    .addOption(new Option('--type <type>', 'content type of the file').choices(Object.values(types)))
    .action(upload);
  const models = program
    .command('models')
    .description('List the models of a running service, download them.');
  remote(models.command('list', { isDefault: true }).description('List models, the newest first.'), examples)
    .option('--limit <n>', 'at most so many', number, 20)
    .action(list);
  remote(models.command('get <digest>').description('Download a model as .npz.'), examples)
    .requiredOption('-o, --output <file>', 'where it goes')
    .action(get);
}

function upload(file: string, { type, ...flags }: ConnectionFlags & { type?: string }): Promise<void> {
  return withService(flags, async ({ client, progress, print }) => {
    const step = progress.step('model');
    const digest = await uploadFile(client, file, type);
    step.end('done');
    print({ digest }, () => digest);
  });
}

function list({ limit, ...flags }: ConnectionFlags & { limit: number }): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const answer = await client.get('/v1/models', { params: { query: { limit } } });
    const rows = answer.items.map(({ digest, units, name, createdAt }) => [
      digest,
      String(units),
      clockTime(createdAt),
      name ?? '',
    ]);
    print(answer, () =>
      rows.length === 0 ? 'no models' : columns(['model', 'units', 'created', 'name'], rows),
    );
  });
}

function get(digest: string, { output, ...flags }: ConnectionFlags & { output: string }): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const bytes = await client.download(`/v1/models/${encodeURIComponent(digest)}`, 'application/x-npz');
    await writeFile(output, bytes);
    print({ digest, file: output, bytes: bytes.length }, () => `${output}: ${bytes.length} bytes`);
  });
}

/** Uploads a file by its ending, or as `type`; returns the digest. @throws {UsageError} @throws {ClientError} */
export async function uploadFile(client: ThermoloopClient, file: string, type?: string): Promise<string> {
  const ending = Object.keys(types)
    .sort((a, b) => b.length - a.length)
    .find((one) => file.toLowerCase().endsWith(one));
  const contentType = type ?? (ending === undefined ? undefined : types[ending]);
  if (contentType === undefined)
    throw new UsageError(
      `nobody knows which format "${file}" has`,
      `Give it one of the endings ${Object.keys(types).join(', ')}, or upload it with "thermoloop program --type ...".`,
    );
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new UsageError(
      `the model cannot be read: ${(error as Error).message}`,
      'Name a file, or a digest sha256:...',
    );
  });
  return client.uploadModel(bytes, contentType);
}
