import { StartError } from '../start-error.ts';

/** Every fault of the configuration, each with what to do about it. */
export class ConfigError extends StartError {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  /** The effective values as `describeValues` shows them; null where the sources could not be read at all. */
  readonly effective: string | null;

  constructor(faults: readonly string[], warnings: readonly string[], effective: string | null = null) {
    super(
      [
        `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:`,
        ...faults.map(fault => `  - ${fault}`),
        // A missing variable may have been misspelt, as a warning would say.
        ...(warnings.length > 0 ? ['Beside that:', ...warnings.map(warning => `  - ${warning}`)] : []),
        'All variables are described in .env.example; "npm run cli -- config check" checks them again.',
      ].join('\n'),
    );
    this.name = 'ConfigError';
    this.faults = faults;
    this.warnings = warnings;
    this.effective = effective;
  }
}
