import { partOf, type Rate } from './trial.ts';

/** One line of the table. */
export interface Finding {
  readonly database: string;
  readonly operation: string;
  /** What was measured, with its unit. */
  readonly measured: string;
  /** What it is compared with, with its unit. */
  readonly ceiling?: string;
  readonly ratio?: number;
  readonly target: string;
  /** Absent: said for information. */
  readonly met?: boolean;
  readonly note?: string;
}

const HEADS = ['database', 'operation', 'measured', 'ceiling', 'ratio', 'target', '', 'notes'];

/** The findings as a Markdown table, in columns that line up. */
export function table(findings: readonly Finding[]): string {
  const rows = [HEADS, ...findings.map(cells)];
  const widths = HEADS.map((_, column) => Math.max(3, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(HEADS), line(widths.map(width => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n');
}

function cells({ database, operation, measured, ceiling, ratio, target, met, note }: Finding): string[] {
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED';
  return [
    database,
    operation,
    measured,
    ceiling ?? '',
    ratio === undefined ? '' : percent(ratio),
    target,
    verdict,
    note ?? '',
  ];
}

export const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;

/** The same operation among many users, against its own rate among few. */
export function againstFew(
  finding: Pick<Finding, 'database' | 'operation' | 'measured'>,
  rate: Rate,
  few: Rate,
): Finding {
  const part = partOf(few, rate);
  return {
    ...finding,
    ceiling: `${perSecond(few.perSecond)} with few users`,
    ratio: part,
    target: '≥ 85 %',
    met: part >= 0.85,
  };
}

/** `12,345/s`, or `161.2/s` below a thousand. */
export function perSecond(rate: number): string {
  return `${rate < 1000 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en')}/s`;
}

export const milliseconds = (ms: number) => `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
