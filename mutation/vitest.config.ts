import { defineConfig } from 'vitest/config';

// The tests that judge what is mutated (stryker.config.json), and no others: each mutant runs those that reach it.
export default defineConfig({
  test: {
    include: [
      'src/keys/{forgery,key-ring}.test.ts',
      'src/oauth/*.test.ts',
      'src/sessions/*.test.ts',
      'src/accounts/normalize.test.ts',
      'src/platform/hash-queue.test.ts',
      'test/login.test.ts',
      'test/faults/lost-answers.test.ts',
      'test/vectors/*.test.ts',
      'test/contract/tokens.test.ts',
    ],
    globalSetup: ['test/support/server.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
