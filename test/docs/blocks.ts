// The examples of a page: its fenced code blocks with a language, and what is to be done with each. A comment before a block
// says otherwise than its language does:
//   <!-- example: skip REASON -->        it cannot run here
//   <!-- example: background -->         its lines are programs that go on; the blocks after it use them
//   <!-- example: post /v1/models -->    JSON that the service takes there

export type Action = 'run' | 'background' | 'post' | 'read' | 'skip';

export interface Block {
  /** Of its first fence in the page. */
  line: number;
  language: 'sh' | 'python' | 'ts' | 'json';
  text: string;
  action: Action;
  /** The reason of a skip, the path of a post. */
  detail: string;
}

const aliases: Record<string, Block['language']> = {
  ...{ sh: 'sh', bash: 'sh', shell: 'sh', console: 'sh' },
  ...{ python: 'python', py: 'python', ts: 'ts', typescript: 'ts', json: 'json' },
};
const MARKER = /^<!-- example: (skip|background|post)(?: (.+?))? -->$/;

/**
 * A block without a language, or of `text`, is no example.
 * @throws {Error} a language or a marker that nobody knows, a skip without a reason, a block that is not closed
 */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^(\s*)```(.*)$/.exec(lines[at]);
    if (fence === null) continue;
    const [, indent, info] = fence;
    const end = lines.findIndex((line, k) => k > at && line === `${indent}\`\`\``);
    if (end < 0) throw new Error(`line ${at + 1}: the block is not closed`);
    const name = info.trim();
    const language = aliases[name];
    if (language === undefined && name !== '' && name !== 'text')
      throw new Error(`line ${at + 1}: nobody knows how to run an example in ${name}`);
    if (language !== undefined) {
      const text = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
      blocks.push({ line: at + 1, language, text: text.join('\n'), ...actionOf(lines, at, language) });
    }
    at = end;
  }
  return blocks;
}

function actionOf(
  lines: readonly string[],
  at: number,
  language: Block['language'],
): Pick<Block, 'action' | 'detail'> {
  const before = lines
    .slice(0, at)
    .findLast((line) => line.trim() !== '')
    ?.trim();
  if (before === undefined || !before.startsWith('<!-- example'))
    return { action: language === 'json' ? 'read' : 'run', detail: '' };
  const marker = MARKER.exec(before);
  if (marker === null) throw new Error(`line ${at}: "${before}" is no marker of an example`);
  const [, action, detail = ''] = marker;
  if (action !== 'background' && detail === '')
    throw new Error(`line ${at}: ${action} wants a ${action === 'skip' ? 'reason' : 'path'}`);
  return { action: action as Action, detail };
}
