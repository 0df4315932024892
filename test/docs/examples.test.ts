// Every example of the pages runs: their code blocks, in order, against a real service and twin. See blocks.ts for the
// markers of those that cannot.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasSocat } from '../support/processes.ts';
import { PYTHON_MISSING, pythonWithNumpy } from '../support/python.ts';
import { startRealService, type RealService } from '../support/real-service.ts';
import { blocksOf, type Block } from './blocks.ts';
import { hasCurl, RUN_LIMIT_MS, Session } from './session.ts';

const pages: { page: string; startsItsOwn?: boolean }[] = [
  { page: 'README.md', startsItsOwn: true },
  { page: 'docs/api.md' },
  { page: 'docs/operating.md' },
  { page: 'docs/queue.md' },
  { page: 'examples/README.md' },
  { page: 'examples/python/README.md' },
];

/** Why a block cannot run on this machine; null: it can. */
function missing({ language, action, text }: Block): string | null {
  if (action === 'skip' || action === 'read') return null;
  if (pythonWithNumpy === null && (language === 'python' || text.includes('python3'))) return PYTHON_MISSING;
  if (language === 'sh' && !hasCurl) return 'curl is missing';
  if (/--pty|serial:/.test(text) && !hasSocat) return 'socat is missing';
  return null;
}

/** What the pages take for granted: keys in the environment, a model, and a job that has ended. */
async function premises(service: RealService): Promise<Record<string, string>> {
  const { client, key, adminKey, url } = service;
  const model = await client.uploadModel({ couplings: [0, 0.1, 0.1, 0], metadata: { name: 'pair' } });
  const job = await client.runJob({
    model,
    device: { id: 'chip-0' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 50 },
    record: { heat: true },
  });
  return {
    THERMOLOOP_URL: url,
    ...{ KEY: key, THERMOLOOP_KEY: key, ADMIN_KEY: adminKey, BOOTSTRAP_KEY: adminKey },
    ...{ MODEL: model, JOB: job.id },
  };
}

describe.each(pages)('examples of $page', { timeout: 2 * RUN_LIMIT_MS }, ({ page, startsItsOwn = false }) => {
  const blocks = blocksOf(readFileSync(page, 'utf8'));
  let session: Session;
  let service: RealService | null = null;
  let given: Record<string, string> = {};

  beforeAll(async () => {
    if (!startsItsOwn) {
      service = await startRealService();
      given = await premises(service);
    }
    session = await Session.start(service, given);
    const skipped = blocks.filter(({ action }) => action === 'skip');
    const list = skipped.map(({ line, detail }) => `\n  line ${line}: ${detail}`).join('');
    process.stderr.write(`${page}: ${blocks.length} examples, ${skipped.length} cannot run${list}\n`);
  });
  afterAll(async () => {
    await session.close();
    await service?.close();
  });

  for (const block of blocks) {
    const { line, language, action, detail } = block;
    if (action === 'skip') continue;
    const lacking = missing(block);
    if (lacking !== null) {
      process.stderr.write(`${page} line ${line}: skipped, ${lacking}\n`);
      it.skip(`line ${line} (${lacking})`);
      continue;
    }
    it(`line ${line}: ${language}${action === 'run' ? '' : `, ${action} ${detail}`}`, async () => {
      if (action === 'run') await session.run(block);
      else if (action === 'background') await session.background(block);
      else {
        const body: unknown = JSON.parse(block.text.replaceAll('sha256:...', given['MODEL'] ?? ''));
        expect(body).toBeTypeOf('object');
        if (action === 'post') await service?.client.json('POST', detail, body as object);
      }
    });
  }
});

describe('the markers of examples', () => {
  const page = (marker: string, info: string): string => `text\n\n${marker}\n\`\`\`${info}\nls\n\`\`\`\n`;

  it('say what is done with a block', () => {
    const actions = [
      page('', 'sh'),
      page('', 'json'),
      page('<!-- example: skip needs a chip -->', 'sh'),
      page('<!-- example: background -->', 'sh'),
      page('<!-- example: post /v1/models -->', 'json'),
    ].map((text) => blocksOf(text).map(({ action, detail, line }) => [action, detail, line]));
    expect(actions).toEqual([
      [['run', '', 4]],
      [['read', '', 4]],
      [['skip', 'needs a chip', 4]],
      [['background', '', 4]],
      [['post', '/v1/models', 4]],
    ]);
    expect(blocksOf(page('', ''))).toEqual([]);
  });

  it.each([
    ['a skip without a reason', '<!-- example: skip -->', 'sh'],
    ['a marker that nobody knows', '<!-- example: later -->', 'sh'],
    ['a language that nobody knows', '', 'cobol'],
  ])('%s is an error', (_name, marker, info) => {
    expect(() => blocksOf(page(marker, info))).toThrow(/line \d/);
  });

  it('a block that is not closed is an error', () => {
    expect(() => blocksOf('```sh\nls')).toThrow(/not closed/);
  });
});
