/** Writes .env.example and docs/configuration.md from the table of variables; `--check` only compares them. */
import { configurationPage, envExample } from '../src/platform/config/document.ts';
import { keepUpToDate } from './generated.ts';

keepUpToDate(
  { '.env.example': envExample(), 'docs/configuration.md': configurationPage() },
  'env-example.ts',
);
