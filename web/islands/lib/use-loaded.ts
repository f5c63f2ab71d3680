import { useCallback, useEffect, useState } from 'preact/hooks'
import { messageOf } from './gateway.ts'

export type Loaded<Value> =
  | { readonly state: 'loading' }
  | { readonly state: 'there'; readonly value: Value }
  | { readonly state: 'failed'; readonly message: string; readonly error: unknown }

/** Loads something, again when `again` is called; what is there stays until the new one has come. */
export function useLoaded<Value>(
  load: () => Promise<Value>,
  inputs: readonly unknown[],
): { readonly loaded: Loaded<Value>; readonly again: () => void } {
  const [loaded, setLoaded] = useState<Loaded<Value>>({ state: 'loading' })
  const [count, setCount] = useState(0)
  useEffect(() => {
    const left = new AbortController()
    load().then(
      (value) => left.signal.aborted || setLoaded({ state: 'there', value }),
      (error: unknown) =>
        left.signal.aborted || setLoaded({ state: 'failed', message: messageOf(error), error }),
    )
    return () => left.abort()
  }, [...inputs, count])
  return { loaded, again: useCallback(() => setCount((before) => before + 1), []) }
}
