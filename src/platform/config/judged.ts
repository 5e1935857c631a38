import type { Environment } from './sources.ts';
import type { Name, Values } from './table.ts';

/** What the rules see; a value is missing if its own text was already refused. */
export interface Judged {
  readonly values: Partial<Values>;
  readonly folder: string;
  /** The process environment, for the variables that the database's driver reads by itself. */
  readonly env: Environment;
  /** True where the variable was given rather than left to its default. */
  isGiven(name: Name): boolean;
  fault(message: string): void;
  warn(message: string): void;
}

/** True when the database is a PostgreSQL server, and not the embedded one. */
export function hasServer({ isGiven }: Pick<Judged, 'isGiven'>): boolean {
  return isGiven('DATABASE_URL') || isGiven('DB_HOST');
}
