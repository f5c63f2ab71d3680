import { useState } from 'preact/hooks'
import { messageOf } from '../lib/gateway.ts'

/** Asks for the account's path in the proof of reserves, and follows it here. */
export function ReservesCheck({ apiKey }: { readonly apiKey: string }) {
  const [said, setSaid] = useState<readonly [tone: 'good' | 'bad', text: string]>()
  const check = async (): Promise<void> => {
    const { checkReserves } = await import('../lib/reserves.ts')
    const problem = await checkReserves(apiKey)
    setSaid(
      problem === undefined
        ? ['good', 'Your balance is part of the sum that this gateway says to everybody it owes.']
        : ['bad', problem],
    )
  }
  return (
    <>
      <p class="actions">
        <button
          type="button"
          class="quiet small"
          onClick={() => check().catch((error: unknown) => setSaid(['bad', messageOf(error)]))}
        >
          Check the proof of reserves
        </button>
      </p>
      <div role="status" id="reserves">
        {said !== undefined && <p class={`notice ${said[0]}`}>{said[1]}</p>}
      </div>
    </>
  )
}
