import { Command } from 'commander';
import { vi } from 'vitest';
import type { Deps } from '../../src/platform/deps.ts';

type Register = (program: Command, open: () => Promise<{ deps: Deps; close(): Promise<void> }>) => void;

/** Runs one of the operator's commands in this process, and answers what it wrote to both outputs. */
export async function runCommand(register: Register, deps: Deps, words: readonly string[]): Promise<string> {
  let output = '';
  const take = (text: unknown) => {
    output += String(text);
    return true;
  };
  const spies = [process.stdout, process.stderr].map(stream =>
    vi.spyOn(stream, 'write').mockImplementation(take),
  );
  const program = new Command().exitOverride();
  register(program, async () => ({ deps, close: async () => {} }));
  try {
    await program.parseAsync(['node', 'cli', ...words]);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return output;
}
