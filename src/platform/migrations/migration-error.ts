import { StartError } from '../start-error.ts';

/** A refusal of the migrations, in words for the person at the terminal; never a defect of the program. */
export class MigrationError extends StartError {}
