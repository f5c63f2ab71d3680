import { useState } from 'preact/hooks'
import { askChain } from '../lib/chain.ts'
import { messageOf } from '../lib/gateway.ts'

/** Play money of a local chain, sent as any wallet would send it. */
export function Faucet(props: {
  readonly till: string
  readonly memo: string
  readonly amount: string
  readonly ready: boolean
}) {
  const { till, memo, amount, ready } = props
  const [said, setSaid] = useState('')
  const pay = (): void => {
    setSaid('Sending…')
    // @see dev/chain/dev-methods.ts
    askChain('dev_faucet', { address: till, amount, comment: memo }).then(
      () => setSaid('Sent. It is credited when its block is final.'),
      (error: unknown) => setSaid(messageOf(error)),
    )
  }
  return (
    <div class="notice warn">
      <p>This chain is local: its faucet pays play money.</p>
      <button type="button" class="quiet small" disabled={!ready} onClick={pay}>
        Pay {amount} from the faucet
      </button>{' '}
      <span role="status">{said}</span>
    </div>
  )
}
