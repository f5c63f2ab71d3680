/** Ambient services, as arguments: only `main.ts`'s callers hand over the real ones. */

/** Fields hold ids, codes and counts only; never content, keys or parameters. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>
export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: LogFields) => void

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>
