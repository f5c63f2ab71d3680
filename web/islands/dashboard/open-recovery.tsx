import { useState } from 'preact/hooks'
import type { Nano } from '#base/nano.ts'
import { readAccount } from '../lib/account.ts'
import { messageOf } from '../lib/gateway.ts'
import type { AccountOwner } from '../lib/new-account.ts'
import { signIn } from '../lib/sign-in.ts'
import { Amount } from '../parts/amount.tsx'

interface Ready {
  readonly owner: AccountOwner
  readonly key: string
  readonly settled: Nano
}

/** Gets a further API key by the recovery file, which is read here and sent nowhere. */
export function OpenRecovery({ onSignedIn }: { readonly onSignedIn: (key: string) => void }) {
  const [problem, setProblem] = useState('')
  const [ready, setReady] = useState<Ready>()
  const finish = async ({ owner, key, settled }: Ready): Promise<void> => {
    const { keepSpendKey } = await import('../lib/new-account.ts')
    await keepSpendKey(owner, settled)
    signIn(key, { remember: false })
    onSignedIn(key)
  }
  const read = async (file: File): Promise<void> => {
    const opened = await openFile(file)
    // Without a word of this device's own, the sum so far is the gateway's: its owner must find it right.
    if (opened.owner.mode === 'sovereign' && opened.settled > 0n) setReady(opened)
    else await finish(opened)
  }
  const fail = (error: unknown): void => setProblem(messageOf(error))
  return (
    <details class="recovery">
      <summary>With my recovery file</summary>
      <label class="field">
        Recovery file
        <input
          type="file"
          accept="application/json,.json"
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0]
            setProblem('')
            if (file !== undefined) read(file).catch(fail)
          }}
        />
      </label>
      {ready !== undefined && (
        <div class="notice warn">
          <p>
            By this gateway’s books the account has spent <Amount value={ready.settled} /> so far,
            and new cheques go on from there. Go on only if that is what you spent.
          </p>
          <button type="button" onClick={() => finish(ready).catch(fail)}>
            That is right
          </button>
        </div>
      )}
      <p class="problem" role="alert">
        {problem}
      </p>
    </details>
  )
}

async function openFile(file: File): Promise<Ready> {
  const { openRecoveryText, requestKey } = await import('../lib/new-account.ts')
  const owner = await openRecoveryText(await file.text())
  const key = await requestKey(owner)
  return { owner, key, settled: (await readAccount(key)).settled }
}
