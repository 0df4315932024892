// C programs for tests: found compiler, strict flags, and a dialogue of lines in and lines out. Where no compiler is
// installed the tests that need one say so and are skipped.
import { spawn, spawnSync } from 'node:child_process';

/** The compiler, or null where none is installed. `CC` wins. */
export const C_COMPILER: string | null =
  [process.env['CC'], 'cc', 'gcc', 'clang'].find(
    (name) => name !== undefined && name !== '' && spawnSync(name, ['--version']).status === 0,
  ) ?? null;

/** Warnings are errors, and whatever C leaves undefined ends the program. */
export const STRICT = [
  '-std=c99',
  '-Wall',
  '-Wextra',
  '-Wpedantic',
  '-Wconversion',
  '-Wshadow',
  '-Werror',
  '-O1',
  '-g',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];

/** Runs a program to its end; throws with its words when it fails. Returns its standard output. */
export function must(program: string, words: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8', cwd });
  if (status !== 0) {
    throw new Error(
      `${program} ${words.join(' ')}: ${error?.message ?? `exit ${status}`}\n${stdout}${stderr}`,
    );
  }
  return stdout;
}

/** Compiles `sources` into the program `output`. Throws with the compiler's words. */
export function compile(output: string, sources: readonly string[], flags: readonly string[] = STRICT): void {
  if (C_COMPILER === null) throw new Error('no C compiler: guard the test with C_COMPILER');
  // Libraries come last, after what needs them.
  const libraries = flags.filter((flag) => flag.startsWith('-l'));
  const others = flags.filter((flag) => !flag.startsWith('-l'));
  must(C_COMPILER, [...others, '-o', output, ...sources, ...libraries]);
}

/** Writes all lines to a program's standard input and returns the lines of its output. Rejects when it fails. */
export function dialogue(program: string, lines: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    let words = '';
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => (words += bytes.toString()));
    child.stdin.on('error', () => undefined); // it died: its exit code tells
    child.once('error', reject);
    child.once('close', (code) => {
      const text = Buffer.concat(out).toString();
      if (code !== 0) reject(new Error(`${program}: exit ${code}\n${words.slice(0, 4000)}`));
      else resolve(text.split('\n').slice(0, -1));
    });
    child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  });
}
