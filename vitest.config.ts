import { defineConfig } from 'vitest/config';

// Unit tests sit beside their source; test/ holds what has no single owner. System tests start real
// processes and share two cores, so files run two at a time and get generous limits.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
    globalSetup: ['test/support/global-setup.ts'],
  },
});
