import { defineConfig } from 'vitest/config';

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
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
