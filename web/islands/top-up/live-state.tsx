import { useEffect, useState } from 'preact/hooks'
import { type Nano, nano } from '#base/nano.ts'
import { type Account, type Deposits, readAccount, readDeposits } from '../lib/account.ts'
import { messageOf, Refused } from '../lib/gateway.ts'
import { Amount } from '../parts/amount.tsx'
import { Transaction } from '../parts/chain-events.tsx'

const POLL_MS = 1_500

interface Look extends Deposits {
  readonly account: Account
}

/** Waits for the money: says when it is seen on chain, what it waits for, and when it is there. */
export function LiveState({ apiKey }: { readonly apiKey: string }) {
  const [first, setFirst] = useState<Look>()
  const [now, setNow] = useState<Look>()
  const [problem, setProblem] = useState('')
  useEffect(() => {
    const left = new AbortController()
    watch(apiKey, left.signal, {
      look: (look) => {
        setProblem('')
        setFirst((before) => before ?? look)
        setNow(look)
      },
      failed: (error) => setProblem(messageOf(error)),
    })
    return () => left.abort()
  }, [apiKey])
  // What stands below it may be old.
  if (problem !== '') {
    return (
      <p class="notice warn" role="status" id="live-state">
        {problem} This page looks again by itself; a transfer under way is not lost.
      </p>
    )
  }
  if (first === undefined || now === undefined) return <p class="note">Looking at the account…</p>
  const come: Nano = nano(now.account.credited - first.account.credited)
  return (
    <div class={`notice ${come > 0n ? 'good' : ''}`} role="status" id="live-state">
      {come > 0n && <Credited come={come} first={first} now={now} />}
      {now.waiting.map((deposit) => (
        <p key={deposit.hash}>
          <strong>
            <Amount value={deposit.value} /> seen
          </strong>{' '}
          in transaction <Transaction hash={deposit.hash} />, not credited yet.{' '}
          {WAITS.get(deposit.waitsFor) ?? ''}
        </p>
      ))}
      {come <= 0n && now.waiting.length === 0 && (
        <p>Waiting for a transfer. This page notices it by itself.</p>
      )}
      <p>
        Available: <Amount value={now.account.available} />
      </p>
    </div>
  )
}

/** @see gateway/ledger/ops/chain.ts, WaitsFor */
const WAITS: ReadonlyMap<string, string> = new Map([
  ['agreement', 'It waits until all of the gateway’s providers of the chain show the same.'],
  ['final_block', 'It waits for a final block that covers it.'],
  ['provider', 'It waits until the gateway can read the chain again.'],
])

function Credited(props: { readonly come: Nano; readonly first: Look; readonly now: Look }) {
  const { come, first, now } = props
  const known = new Set(first.events.map(({ hash }) => hash))
  const latest = now.events.find(({ kind, hash }) => kind === 'deposit' && !known.has(hash))
  return (
    <p>
      <strong>
        <Amount value={come} /> credited.
      </strong>{' '}
      {latest !== undefined && (
        <>
          Transaction <Transaction hash={latest.hash} />.{' '}
        </>
      )}
      <a href="/chat">Use it</a>
    </p>
  )
}

interface Watcher {
  look(look: Look): void
  failed(error: unknown): void
}

/** A failed look is told, and followed by the next one. */
async function watch(apiKey: string, gone: AbortSignal, watcher: Watcher): Promise<void> {
  while (!gone.aborted) {
    try {
      const [account, deposits] = await Promise.all([readAccount(apiKey), depositsShownTo(apiKey)])
      if (!gone.aborted) watcher.look({ account, ...deposits })
    } catch (error) {
      if (!gone.aborted) watcher.failed(error)
    }
    await new Promise((next) => setTimeout(next, POLL_MS))
  }
}

/** An inference key sees the balance, and not where money comes from. */
async function depositsShownTo(apiKey: string): Promise<Deposits> {
  try {
    return await readDeposits(apiKey)
  } catch (error) {
    if (error instanceof Refused && error.status === 403) return { events: [], waiting: [] }
    throw error
  }
}
