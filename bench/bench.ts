// What a bench module is, and what several of them need: their words on the command line, and errors nobody awaits.
import type { Figure } from './figure.ts';

/** `say` reports progress on stderr; options are the words after the name. */
export interface BenchContext {
  say: (line: string) => void;
  options: string[];
}

/** What a module in `benches/` exports. */
export interface Bench {
  summary: string;
  run(context: BenchContext): Promise<Figure[]>;
}

/** The value of `name` among the options, or null without it. Throws for anything but a whole number from `least` up. */
export function wholeNumberOf(options: readonly string[], name: string, least = 0): number | null {
  const at = options.indexOf(name);
  if (at < 0) return null;
  const value = Number(options[at + 1]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`${name} takes a whole number from ${least} up`);
}

/** Runs `work` with a list that fills with whatever is thrown outside any promise meanwhile. */
export async function withStrays<T>(work: (stray: string[]) => Promise<T>): Promise<T> {
  const stray: string[] = [];
  const onStray = (error: unknown): void => void stray.push(String(error));
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray);
  try {
    return await work(stray);
  } finally {
    process.off('uncaughtException', onStray).off('unhandledRejection', onStray);
  }
}
