/** Each thread's source beside this file, and its bundle in the published package. */
const THREADS = {
  'wire-thread.ts': 'postgres-wire.js',
  'ledger-thread.ts': 'postgres-ledger.js',
  'office/main.ts': 'postgres-office.js',
} as const

export type ThreadSource = keyof typeof THREADS

export function threadUrl(source: ThreadSource): URL {
  const isSource = import.meta.url.endsWith('.ts')
  return new URL(isSource ? `./${source}` : `./${THREADS[source]}`, import.meta.url)
}
