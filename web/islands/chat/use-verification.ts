import { useCallback, useEffect, useState } from 'preact/hooks'
import type { Connection, Verification } from '../lib/connection.ts'
import { messageOf } from '../lib/gateway.ts'

/** How far this browser has come with verifying. Nothing is ever sent before it is `open`. */
export type Way =
  | { readonly state: 'opening' }
  | { readonly state: 'open'; readonly connection: Connection; readonly verification: Verification }
  | { readonly state: 'failed'; readonly message: string }

/** Verifies the gateway's runners as soon as the page stands, by code that is loaded only then. */
export function useVerification(): { readonly way: Way; readonly retry: () => void } {
  const [way, setWay] = useState<Way>({ state: 'opening' })
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const left = new AbortController()
    setWay({ state: 'opening' })
    openWay().then(
      (opened) => left.signal.aborted || setWay(opened),
      (error: unknown) =>
        left.signal.aborted || setWay({ state: 'failed', message: messageOf(error) }),
    )
    return () => left.abort()
  }, [attempt])
  return { way, retry: useCallback(() => setAttempt((count) => count + 1), []) }
}

async function openWay(): Promise<Way> {
  const { openConnection } = await import('../lib/connection.ts')
  const { openCheques } = await import('../lib/cheques.ts')
  const connection = await openConnection({ ...(await openCheques()) })
  return { state: 'open', connection, verification: connection.verification }
}
