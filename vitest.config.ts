import { defineConfig } from 'vitest/config';
import ClosingLine from './test/closing-line.ts';

// Two cores are the reference machine: two workers, and room for the twin's own kernel threads.
export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'firmware-sim/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    reporters: ['default', new ClosingLine()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
