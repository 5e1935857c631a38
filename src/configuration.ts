import { bootstrapRules } from './admin/bootstrap-rules.ts';
import { type LoadedConfig, loadConfig } from './platform/config/load.ts';

/**
 * The configuration of the service and its commands, judged by the platform and by the slices that have rules of their own.
 * Throws one `ConfigError` that lists all faults at once.
 */
export function readConfiguration(env: NodeJS.ProcessEnv): LoadedConfig {
  return loadConfig({ env, rules: [bootstrapRules] });
}
